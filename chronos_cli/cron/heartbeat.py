"""The loop's own sign of life: sent as long as ticks are on time, and not a moment longer."""

import asyncio

from chronos_cli.clock import Clock
from chronos_cli.cron.admission import TickJournal
from chronos_cli.cron.events import EventKind, Events
from chronos_cli.cron.jobset import JobSet
from chronos_cli.cron.loop import Loop
from chronos_cli.cron.timer import PUNCTUAL
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution, in_zone, new_id
from chronos_cli.dispatch.executor import Executor
from chronos_cli.dispatch.journal import NoJournal
from chronos_cli.dispatch.outcome import Attempt, Outcome
from chronos_cli.jobs.heartbeat import Heartbeat
from chronos_cli.units import format_duration


class HeartbeatSender:
    """Sends the heartbeat of a loop, beside it, through the executor that jobs go through.

    It is no execution of a job: history and limits know nothing of it. It is held back while a
    tick is later than one may be that counts as on time, and while the state cannot be written;
    where the process stands still, nothing is sent anyway.
    """

    def __init__(self, clock: Clock, loop: Loop, journal: TickJournal, events: Events) -> None:
        self._clock = clock
        self._loop = loop
        self._journal = journal
        self._events = events
        self._executor = Executor(clock, NoJournal(), _Nobody(), lambda data: data)
        self._beats: tuple[Heartbeat, Dispatchers] | None = None
        self._changed = asyncio.Event()
        # Whether the last one was sent, and got through.
        self._is_well = True

    def adopt(self, jobset: JobSet) -> None:
        """Send the heartbeat of these jobs from now on, if they have one."""
        beats = (jobset.heartbeat, jobset.dispatchers) if jobset.heartbeat else None
        self._beats = beats
        self._changed.set()

    async def serve(self) -> None:
        """Send again and again; ends by being cancelled."""
        while True:
            self._changed.clear()
            if self._beats is None:
                await self._changed.wait()
                continue
            began = self._clock.monotonic()
            heartbeat, dispatchers = self._beats
            await self._beat(heartbeat, dispatchers)
            await self._rest(began + heartbeat.every - self._clock.monotonic())

    async def _rest(self, seconds: float) -> None:
        """Wait for the next one, or until there is another to send."""
        sleeping = asyncio.create_task(self._clock.sleep(max(0.0, seconds)))
        changing = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({sleeping, changing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            changing.cancel()

    async def _beat(self, heartbeat: Heartbeat, dispatchers: Dispatchers) -> None:
        if self._loop.is_stopping:
            return
        if reason := self._trouble():
            self._tell_once(EventKind.HEARTBEAT_HELD, f"the heartbeat is held back: {reason}")
            return
        job = heartbeat.job
        execution = Execution(new_id(), job, in_zone(job, self._clock.now()))
        task = self._executor.start(execution, dispatchers)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        self._take_in(task.result())

    def _trouble(self) -> str | None:
        """Return why all is not well."""
        late = self._loop.steering.late_by()
        if late > PUNCTUAL:
            return f"a tick has waited for its start for {format_duration(late.total_seconds())}"
        return None if self._journal.confirm() else "the state cannot be written"

    def _take_in(self, outcome: Outcome) -> None:
        if self._loop.is_stopping:
            return
        if outcome.status.is_failure:
            message = f"the heartbeat did not get through: {outcome.status}: {outcome.message}"
            self._tell_once(EventKind.HEARTBEAT_FAILED, message)
        elif not self._is_well:
            self._is_well = True
            self._events.tell(EventKind.HEARTBEAT_RESTORED)

    def _tell_once(self, kind: EventKind, message: str) -> None:
        """Tell of a trouble when it begins."""
        if self._is_well:
            self._events.tell(kind, message=message)
        self._is_well = False


class _Nobody:
    """Takes in what becomes of a heartbeat: its outcome tells all."""

    def on_attempt(self, execution: Execution, attempt: Attempt, wait: float | None) -> None: ...

    def on_outcome(self, outcome: Outcome) -> None: ...

    def on_notice(self, outcome: Outcome) -> None: ...
