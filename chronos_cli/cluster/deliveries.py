"""What becomes of a tick that the servers hand to this host."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import uniform
from typing import TYPE_CHECKING

from msgspec import structs

from chronos_cli.cluster.claims import HASH
from chronos_cli.cluster.clock import ClusterClock
from chronos_cli.cluster.delivery import Delivery
from chronos_cli.cluster.holds import Hold, Holds
from chronos_cli.cluster.locks import Holder, Lock, Locks
from chronos_cli.cluster.members import Members
from chronos_cli.cluster.pauses import GroupPauses
from chronos_cli.cluster.records import Record
from chronos_cli.cluster.say import Troubles
from chronos_cli.cron.events import EventKind, Events
from chronos_cli.cron.overlap import is_too_late
from chronos_cli.cron.pending import PendingStart
from chronos_cli.dispatch.attempts import ended
from chronos_cli.dispatch.execution import Execution, in_zone, scheduled_id
from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.dispatch.streak import Streak
from chronos_cli.errors import StateError
from chronos_cli.jobs.model import Job
from chronos_cli.state.entries import Snapshot
from chronos_cli.units import format_duration

if TYPE_CHECKING:
    from nats.aio.msg import Msg

# More than this before its time a tick goes back; the clocks of hosts differ a little.
_EARLY = 1.0
# Seconds until a tick that cannot be carried out here, or not yet, is handed out again.
_AGAIN = 1.0
# One whose job others may have comes again sooner at first: so many seconds later each time.
_STEP = 0.1
# Executions of one tick that may die with their host.
MOST_STARTS = 5
# A tick whose job no host knows is dropped after so long, in seconds.
_UNKNOWN_FOR = 600.0


_Reason = tuple[EventKind, Status, str]


class Deliveries:
    """Starts what is handed out, or hands it back, or says why it does not take place.

    `start` carries an execution out; `pass_over` records that one does not take place.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - all that decides on a start
        self,
        clock: ClusterClock,
        events: Events,
        troubles: Troubles,
        members: Members,
        holds: Holds,
        locks: Locks,
        pauses: GroupPauses,
        ack_wait: float,
    ) -> None:
        self._ack_wait = ack_wait
        self._pauses = pauses
        self._clock = clock
        self._events = events
        self._troubles = troubles
        self._members = members
        self._holds = holds
        self._locks = locks
        self.jobs: Mapping[str, Job] = {}
        self.hashes: Mapping[str, str] = {}
        self.is_stopping = False
        # Ticks that came not for the first time, for those who measure.
        self.redelivered = 0
        self.variables: dict[str, str] = {}
        self.snapshot_of: Callable[[Execution], Snapshot] = lambda _: Snapshot()
        self.start: Callable[[Execution], None] = lambda _: None
        self.ask_to_end: Callable[[str, str, int], Awaitable[None]]
        self.before: Callable[[str, str | None, Streak], None] = lambda *_: None
        self.pass_over: Callable[[Execution, Outcome], None] = lambda *_: None
        self._unknown: set[str] = set()
        # Jobs and versions of them that were warned of.
        self._said: set[tuple[str, str]] = set()

    async def take(self, message: "Msg") -> None:
        """Decide on a message; every way ends in a start, an answer, or the message's return."""
        try:
            one = Delivery.of(message)
        except (ValueError, IndexError):
            self._troubles.warn(message.subject, f"{message.subject} is no tick: left alone")
            await self._holds.answer(message.reply, b"+TERM")
            return
        self.redelivered += one.count > 1
        known = self._holds.get(one.subject)
        if known is not None:
            # A sign of life came too late: before anything more is sent it is asked whose it is.
            known.reply, known.answered = one.reply, 0.0
            return
        if one.is_probe:
            await self._holds.answer(one.reply, b"+ACK")
        elif self.is_stopping:
            await self._holds.answer(one.reply, b"-NAK")
        elif (job := self.jobs.get(one.job_id)) is None or not job.spec.enabled:
            await self._take_unknown(one)
        else:
            await self._take(one, job)

    async def _take(self, one: Delivery, job: Job) -> None:
        due = datetime.fromtimestamp(one.ms / 1000, UTC)
        early = (due - self._clock.now()).total_seconds()
        if early > _EARLY:
            await self._holds.answer(one.reply, b"-NAK", delay=early)
            return
        hold = Hold(one.subject, one.job_id, one.ms, one.reply, self._clock.monotonic(), seq=0)
        self._holds.add(hold)
        try:
            delay = await self._decide(one, job, hold)
        except StateError as error:
            self._troubles.begin("claim", f"a tick cannot be started yet: {error}")
            delay = _AGAIN
        if delay is not None:
            await self._return(hold, delay)

    async def _return(self, hold: Hold, delay: float) -> None:
        if hold.lock is not None:
            try:
                await self._locks.free(hold.lock)
            except StateError as error:
                self._troubles.warn("lock", f"a lock stays until it ages: {error}")
        self._holds.drop(hold)
        await self._holds.answer(hold.reply, b"-NAK", delay=delay)

    async def _decide(self, one: Delivery, job: Job, hold: Hold) -> float | None:
        """Start an execution or pass it over; else return how long it is put off, in seconds."""
        number, was_started = 0, False
        moment = in_zone(job, datetime.fromtimestamp(one.ms / 1000, UTC))
        execution = Execution(scheduled_id(job.id, moment), job, moment, self.variables)
        record = self._record(execution, one)
        if one.count > 1 and (known := await self._holds.last_record(job.id, one.ms)):
            last, hold.seq, stored_at = known
            if last.kind == "ended":
                await self._holds.answer(one.reply, b"+ACK")
                self._holds.drop(hold)
                return None
            if self._is_young(last, stored_at):
                return _AGAIN
            number, was_started = last.number, True
            self._tell_again(one, last)
        elif delay := self._pauses.puts_off(job.id, one.starts_at):
            return delay
        record = structs.replace(record, number=number + 1)
        if job.notices:
            record = await self._after_the_last(record)
        if reason := self._why_not(one, execution, number, was_started=was_started):
            self._pass_over(hold, execution, record, reason)
            return None
        if job.spec.concurrency != "allow":
            lock = await self._locks.take(job.id, execution.id, one.ms)
            if isinstance(lock, Holder):
                return await self._wait_or_skip(one, hold, execution, record, lock)
            hold.lock = lock
        return await self._start(one, hold, execution, record)

    async def _after_the_last(self, record: Record) -> Record:
        """Take over how the job ended before, on whatever host: its notices depend on it."""
        last = await self._holds.last_of_job(record.job_id)
        if last is None:
            return record
        status = last.outcome.get("status") if last.kind == "ended" else last.last_status
        if status == Status.SKIPPED:
            status = last.last_status
        self.before(record.job_id, status, last.streak)
        return structs.replace(record, last_status=status, streak=last.streak)

    async def _start(
        self, one: Delivery, hold: Hold, execution: Execution, record: Record
    ) -> float | None:
        if not await self._holds.start(hold, record):
            return _AGAIN  # another host has it, or had it: the next time its record is read
        starts = one.starts_at
        late = (self._clock.now() - starts).total_seconds()
        self._events.tell(
            EventKind.FIRED,
            job_id=execution.job.id,
            execution_id=execution.id,
            scheduled_time=execution.scheduled_time.isoformat(),
            late_ms=round(late * 1000, 1),
        )
        self._compare(one, execution.job)
        self.start(execution)
        return None

    def _why_not(
        self, one: Delivery, execution: Execution, number: int, *, was_started: bool
    ) -> _Reason | None:
        """Return why an execution does not take place, if it does not."""
        job = execution.job
        if number >= MOST_STARTS:
            reason = f"given up: {number} hosts died over it"
            return EventKind.DROPPED, Status.INTERRUPTED, reason
        if number and job.spec.on_interrupted == "ignore":
            reason = "its host died; on_interrupted is ignore; it may have arrived"
            return EventKind.DROPPED, Status.INTERRUPTED, reason
        moment = execution.scheduled_time
        if not was_started and (why := self._pauses.why_not(job, moment, one.starts_at)):
            return EventKind.SKIPPED, Status.SKIPPED, why
        start = PendingStart(job, execution.id, execution.scheduled_time, one.starts_at)
        if not was_started and is_too_late(start, self._clock.now()):
            limit = format_duration(job.spec.starting_deadline or 0)
            reason = f"too late to start (starting_deadline {limit})"
            return EventKind.DROPPED, Status.SKIPPED, reason
        return None

    def _pass_over(self, hold: Hold, execution: Execution, record: Record, why: _Reason) -> None:
        kind, status, reason = why
        self._holds.adopt(hold, record)
        self._events.tell(
            kind,
            job_id=execution.job.id,
            execution_id=execution.id,
            scheduled_time=execution.scheduled_time.isoformat(),
            message=reason,
        )
        self.pass_over(execution, ended(execution, status, f"{kind.value}: {reason}"))

    async def _wait_or_skip(
        self, one: Delivery, hold: Hold, execution: Execution, record: Record, holder: Holder
    ) -> float | None:
        """Decide on a start whose job runs elsewhere: what was handed out before waits."""
        job = execution.job
        reason = f"execution {holder.execution_id} is still running ({holder.host})"
        if hold.seq or holder.execution_id == execution.id:
            return _AGAIN  # it has begun, or another host has just taken its lock
        if job.spec.concurrency == "forbid":
            why = (EventKind.SKIPPED, Status.SKIPPED, reason)
            self._pass_over(hold, execution, record, why)
            return None
        if holder.ms > one.ms:
            reason = f"replaced by {holder.execution_id} before it could start"
            why = (EventKind.SKIPPED, Status.SKIPPED, reason)
            self._pass_over(hold, execution, record, why)
            return None
        lock = await self._replaced(execution, one.ms)
        if lock is None:
            return _AGAIN
        hold.lock = lock
        return await self._start(one, hold, execution, record)

    async def _replaced(self, execution: Execution, moment: int) -> Lock | None:
        """Ask the holder to end until the lock is ours; None when it is not for a while."""
        job = execution.job
        for _ in range(50):
            await self.ask_to_end(job.id, execution.id, moment)
            await self._clock.sleep(0.1)
            lock = await self._locks.take(job.id, execution.id, moment)
            if isinstance(lock, Lock):
                return lock
            if lock.ms > moment:
                return None
        return None

    def _is_young(self, last: Record, stored_at: datetime) -> bool:
        """Whether another host has just written that it goes on."""
        if last.kind != "started":
            return False
        age = (self._members.server_now() - stored_at).total_seconds()
        return 0 <= age < self._ack_wait * 0.8

    async def _take_unknown(self, one: Delivery) -> None:
        """Hand back a tick whose job is not here, or is disabled; drop it when nobody has it."""
        if one.job_id not in self._unknown:
            self._unknown.add(one.job_id)
            words = "a tick of a job that this host does not have, or not enabled"
            self._events.tell(
                EventKind.WARNING, message=f"{words}: others have to run it", jobs=[one.job_id]
            )
        age = self._members.server_now() - one.stored_at
        if age < timedelta(seconds=_UNKNOWN_FOR) or await self._members.has_elsewhere(one.job_id):
            # Servers hand out in turn: in step with the ticks of others it would always come here.
            delay = min(one.count * _STEP, _AGAIN) * uniform(0.4, 1.0)  # noqa: S311
            await self._holds.answer(one.reply, b"-NAK", delay=delay)
            return
        self._events.tell(
            EventKind.DROPPED,
            job_id=one.job_id,
            execution_id=one.headers.get("Nats-Msg-Id"),
            message="no host has had its job for 10m",
        )
        await self._holds.answer(one.reply, b"+TERM")

    def _tell_again(self, one: Delivery, last: Record) -> None:
        self._events.tell(
            EventKind.RECOVERED,
            job_id=one.job_id,
            execution_id=last.execution_id or None,
            scheduled_time=last.scheduled_time or None,
            action="retry",
            message=f"start {last.number} on {last.host} was not ended"
            if last.kind == "started"
            else f"handed back by {last.host}",
        )

    def _compare(self, one: Delivery, job: Job) -> None:
        """Warn, once, of a job that is another one on the host which claimed its tick."""
        theirs, mine = one.headers.get(HASH, ""), self.hashes.get(job.id, "")
        if theirs and theirs != mine and (job.id, theirs) not in self._said:
            self._said.add((job.id, theirs))
            message = "another version of the job claimed a tick; the one of this host is run"
            self._events.tell(EventKind.WARNING, message=message, jobs=[job.id])

    def _record(self, execution: Execution, one: Delivery) -> Record:
        me = self._members.me
        theirs, mine = one.headers.get(HASH, ""), self.hashes.get(execution.job.id, "")
        return Record(
            kind="started",
            execution_id=execution.id,
            job_id=execution.job.id,
            scheduled_time=execution.scheduled_time.isoformat(),
            host=me.id,
            machine=me.machine,
            pid=me.pid,
            number=1,
            started_at=self._clock.now(),
            hash=mine if mine == theirs else f"{mine} claimed as {theirs}",
            snapshot=self.snapshot_of(execution),
        )
