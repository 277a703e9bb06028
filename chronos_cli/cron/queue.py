"""The start of executions: overlap, limits, and a fair order."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec import structs

from chronos_cli.clock import Clock
from chronos_cli.cron.admission import TickJournal
from chronos_cli.cron.events import EventKind, Events
from chronos_cli.cron.overlap import Decision, decide
from chronos_cli.cron.pending import MOST_PENDING, PendingStart, PendingStarts
from chronos_cli.dispatch.attempts import ended
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.executor import Executor
from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.jobs.model import Job
from chronos_cli.units import format_duration


class Queue:
    """Starts what is due as soon as the job's policy and the limit let it.

    `on_crash` is called with a bug of ours that kept an execution from its end. `variables` are
    what templates see as `vars`.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it starts executions with
        self,
        clock: Clock,
        events: Events,
        executor: Executor,
        on_crash: Callable[[BaseException], None],
        variables: dict[str, str],
        journal: TickJournal,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._events = events
        self._executor = executor
        self._on_crash = on_crash
        self._variables = variables
        self._pending = PendingStarts()
        self._dispatchers: Dispatchers | None = None
        self._limit = 1
        self._stopped = False
        # Jobs of which something has changed: what is to start first is looked at anew.
        self._changed: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def waiting(self) -> dict[str, int]:
        """Return how many starts wait, by job."""
        return self._pending.counts()

    def adopt(self, jobs: Mapping[str, Job], dispatchers: Dispatchers, limit: int) -> None:
        """Start these jobs from now on, by these dispatchers, so many at the same time."""
        if self._dispatchers is not None:
            self._dispatchers.retire()
        self._dispatchers, self._limit = dispatchers, limit
        for start in self._pending.adopt(jobs):
            self._tell(EventKind.DROPPED, start, "the job is gone")
        self._changed = dict.fromkeys(self._pending)

    def put(self, start: PendingStart) -> None:
        """Add what is due; `pump` starts it."""
        if start.job.spec.concurrency == "replace" and not start.patient:
            for superseded in self._pending.supersede(start.job.id):
                reason = f"replaced by {start.execution_id} before it could start"
                self._pass_over(superseded, EventKind.SKIPPED, reason)
        if overflow := self._pending.put(start):
            self._pass_over(overflow, EventKind.DROPPED, f"over {MOST_PENDING} starts of it wait")
        self._changed[start.job.id] = None

    def take_ticks(self, job_id: str) -> list[PendingStart]:
        """Remove and return the ticks of a job that wait for their start."""
        return self._pending.take_ticks(job_id)

    def running_ids(self, job_id: str) -> list[str]:
        """Return the IDs of a job's executions that are under way."""
        return self._executor.running_ids(job_id)

    def waiting_ids(self, job_id: str) -> list[str]:
        """Return the IDs of a job's executions that wait for their start."""
        return self._pending.ids(job_id)

    def waits_since(self) -> datetime | None:
        """Return since when the longest has waited that waits for nothing but room, in UTC."""
        firsts = (self._pending.first(job_id) for job_id in self._pending)
        return min((one.starts_at for one in firsts if one and not one.patient), default=None)

    def correct(self, now: datetime) -> None:
        """Take in that the clock was set back to now: a tick of later has not been seen to yet."""
        self._pending.unmark_after(now)

    def send_notice(self, notice: Execution) -> None:
        """Send a notice that was cut off, beside the executions."""
        assert self._dispatchers is not None
        whole = structs.replace(notice, variables=self._variables)
        self._executor.notifier.send([whole], self._dispatchers)

    def freed(self, job_id: str) -> None:
        """Say that an execution of a job has ended."""
        self._changed[job_id] = None

    def stop(self) -> None:
        """Start nothing any more. What waits is not recorded: it is made up for after a restart."""
        self._stopped = True

    async def close(self) -> None:
        """Close the dispatchers."""
        if self._dispatchers is not None:
            await self._dispatchers.close()

    def pump(self) -> None:
        """Start, skip or drop whatever can be decided now."""
        while not self._stopped:
            while self._changed:
                job_id = next(iter(self._changed))
                del self._changed[job_id]
                while self._advance(job_id, has_room=False):
                    pass
            if len(self._executor) >= self._limit:
                return
            moved = next((one for one in self._pending if self._advance(one, has_room=True)), None)
            if moved is None:
                return
            self._changed[moved] = None

    def _advance(self, job_id: str, *, has_room: bool) -> bool:
        """Decide on the first start of a job; whether it waits no longer."""
        start = self._pending.first(job_id)
        if start is None:
            return False
        running = self._executor.running_ids(job_id)
        if start.execution_id in running:
            self._pending.take(job_id)
            self._tell(EventKind.SKIPPED, start, "it is under way already")
            return True
        decision = decide(start, self._clock.now(), is_running=bool(running), has_room=has_room)
        if decision is Decision.WAIT:
            return False
        if decision is Decision.REPLACE:
            # One that was started just now is given its chance until the next look.
            if self._executor.have_begun(job_id):
                self._executor.interrupt(job_id, f"replaced by {start.execution_id}")
            return False
        self._pending.take(job_id)
        if decision is Decision.START:
            self._start(start)
        elif decision is Decision.SKIP:
            self._pass_over(start, EventKind.SKIPPED, f"execution {running[0]} is still running")
        else:
            limit = format_duration(start.job.spec.starting_deadline or 0)
            reason = f"too late to start (starting_deadline {limit})"
            self._pass_over(start, EventKind.DROPPED, reason)
        return True

    def _start(self, start: PendingStart) -> None:
        assert self._dispatchers is not None
        execution = self._execution(start)
        if other := self._executor.begin(execution, tick=start.marks):
            reason = f"execution {other.execution_id} is still running ({other.process})"
            self._pass_over(start, EventKind.SKIPPED, reason)
            return
        late = (self._clock.now() - start.starts_at).total_seconds()
        self._events.tell(
            EventKind.FIRED,
            job_id=start.job.id,
            execution_id=start.execution_id,
            trace_id=execution.trace.trace_id,
            scheduled_time=start.scheduled_time.isoformat(),
            late_ms=round(late * 1000, 1),
            triggered_by=start.triggered_by,
        )
        task = self._executor.start(execution, self._dispatchers)
        task.add_done_callback(self._look_for_crash)

    def _look_for_crash(self, task: "asyncio.Task[Outcome]") -> None:
        if not task.cancelled() and (error := task.exception()):
            self._on_crash(error)

    def _pass_over(self, start: PendingStart, kind: EventKind, reason: str) -> None:
        """Record and tell that an execution does not take place."""
        execution = self._execution(start)
        self._journal.end(execution, ended(execution, Status.SKIPPED, f"{kind.value}: {reason}"))
        if start.marks:
            self._journal.mark(start.job, start.scheduled_time)
        self._tell(kind, start, reason)

    def _tell(self, kind: EventKind, start: PendingStart, reason: str) -> None:
        self._events.tell(
            kind,
            job_id=start.job.id,
            execution_id=start.execution_id,
            scheduled_time=start.scheduled_time.isoformat(),
            message=reason,
        )

    def _execution(self, start: PendingStart) -> Execution:
        return Execution(
            start.execution_id,
            start.job,
            start.scheduled_time,
            self._variables,
            origin=start.origin,
        )
