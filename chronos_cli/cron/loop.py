"""The loop: wakes up when a tick is due and sees to it that every tick has its end."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import structs

from chronos_cli.cron.admission import Starts, StartsMaker, TickJournal
from chronos_cli.cron.clock import CORRECTION, Jumps, LoopClock
from chronos_cli.cron.events import EventKind, Events
from chronos_cli.cron.fired import FiredTicks
from chronos_cli.cron.jobset import JobSet, changes
from chronos_cli.cron.messages import (
    tell_attempt,
    tell_held_back,
    tell_missed,
    tell_notice,
    tell_outcome,
    tell_warnings,
)
from chronos_cli.cron.missed import CatchUp, catch_up
from chronos_cli.cron.pauses import Pauses
from chronos_cli.cron.pending import PendingStart
from chronos_cli.cron.queue import Queue
from chronos_cli.cron.recovery import Recovery
from chronos_cli.cron.sleep import Sleeper
from chronos_cli.cron.steering import Steering
from chronos_cli.cron.tick import Tick, tick_at_start
from chronos_cli.cron.timer import PUNCTUAL, Gap, Timer
from chronos_cli.dispatch.execution import Execution, in_zone, scheduled_id
from chronos_cli.dispatch.executor import Executor
from chronos_cli.dispatch.outcome import Attempt, Outcome
from chronos_cli.jobs.calendars import calendar_of, has_schedule
from chronos_cli.jobs.model import Job
from chronos_cli.schedule.calendar import allows
from chronos_cli.state.entries import ALL_JOBS
from chronos_cli.state.journal import schedule_of

if TYPE_CHECKING:
    from chronos_cli.dispatch.telemetry import Telemetry

# A loop that looks at a tick later than this is not well, in seconds.
ON_TIME = 10.0
# What notices may take beyond the grace of executions when the loop stops, in seconds.
_LAST_NOTICES = 10.0
# A tick that is later than this is so because the program did not run, or stood still.
_STALLED = timedelta(seconds=0.5)
# A clock that was set by less is not worth a word.
_WORTH_TELLING = timedelta(seconds=5)
# Less than this is how two clocks are read one after the other.
_NOTICEABLE = timedelta(seconds=0.5)
# What becomes of ticks that come again, of jobs that go on counting and of those that start anew.
_SEEN_TO = "no tick up to then is fired: they were seen to before the clock was set back"
_FIRED = "of the ticks up to then only those are fired that were not before the clock was set back"


class Loop:
    """Runs a set of jobs on their schedules until it is stopped.

    The journal's store holds the state file's loop already. `mask` takes secrets out of what
    notices tell. `variables` are what templates see as `vars`. `make_starts` makes what decides
    on the start of a tick.
    """

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        clock: LoopClock,
        journal: TickJournal,
        events: Events,
        mask: Callable[[Any], Any],
        variables: dict[str, str] | None = None,
        *,
        telemetry: "Telemetry | None" = None,
        make_starts: StartsMaker | None = None,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._events = events
        self._executor = Executor(clock, journal, self, mask, telemetry)
        self._pauses = Pauses(journal, events)
        make = make_starts or partial(Queue, journal=journal)
        self._queue: Starts = make(clock, events, self._executor, self.fail, variables or {})
        self._timer = Timer()
        self._sleeper = Sleeper(clock)
        self._jumps = Jumps(clock)
        self._jobs: dict[str, Job] = {}
        self._stopping = False
        self._failure: BaseException | None = None
        self._fired = FiredTicks(journal)
        self.steering = Steering(
            clock,
            journal,
            self._queue,
            self._timer,
            self._pauses,
            look=self._look,
            make_up=self._make_up,
        )
        # The latest time that the clock has read before it was set back by no correction.
        self._silent_until: datetime | None = None

    @property
    def cut_off(self) -> int:
        """How many executions were cut off when the loop stopped."""
        return self._executor.cut_off

    def upcoming(self) -> Iterator[tuple[Job, datetime | None]]:
        """Yield every job with its next time; None for one that will not fire."""
        for job in self._jobs.values():
            planned = self._timer.next_of(job) if job.spec.enabled else None
            planned = planned and self._fired.next_of(job, planned)
            yield job, self._pauses.next_of(job, planned)

    def job(self, job_id: str) -> Job | None:
        """Return a job of the set that is in force."""
        return self._jobs.get(job_id)

    def waiting(self) -> dict[str, int]:
        """Return how many starts wait for room or for the execution before them, by job."""
        return self._queue.waiting()

    def overdue(self) -> float:
        """Return for how many seconds the loop should have looked at a tick and has not."""
        due = self._timer.next_instant()
        return max(0.0, (self._clock.now() - due).total_seconds()) if due else 0.0

    def begin(self, jobset: JobSet) -> None:
        """Take up the work where the last loop on this state laid it down."""
        now = self._clock.now()
        self._set_jobs(jobset, now)
        newest = self._journal.last_fired()
        if newest is not None and newest > now:
            self._fired.look_back_to(newest)  # the clock has been set back since
        self._pauses.load()
        Recovery(self._journal, self._events, self._queue, self._jobs).recover()
        last = self._journal.last_ticks(jobset.jobs.values())
        for job in jobset.jobs.values():
            self._resume(job, last.get(job.id), now)
            if has_schedule(job, "@reboot") and allows(calendar_of(job), now):
                self._timer.put(tick_at_start(job, now))
        self._pauses.expire(now)
        self._events.tell(
            EventKind.STARTED,
            jobs=len(jobset.jobs),
            unscheduled=jobset.unscheduled or None,
            next=self._next(),
        )
        silent = self._fired.silent(now + _WORTH_TELLING)
        if silent:
            self._silent_until = max(silent)
            self._tell_behind(self._silent_until, _SEEN_TO, jobs=len(silent))
        # While there is more patience with whoever holds the state than there is later.
        self._journal.flush()

    def adopt(self, jobset: JobSet) -> None:
        """Go on with another set of jobs. What is under way ends as it began."""
        now = self._clock.now()
        self._look(now)
        before = self._jobs
        left = self._set_jobs(jobset, now)
        for job in jobset.jobs.values():
            known = before.get(job.id)
            if known is None or schedule_of(known) != schedule_of(job):
                self._count_from(job, now)
        for one in left:
            self._start_or_drop(one)
        changed = changes(before, jobset.jobs)
        self._events.tell(EventKind.RELOADED, jobs=len(jobset.jobs), **changed)
        self._sleeper.wake()

    @property
    def is_stopping(self) -> bool:
        """Whether nothing starts any more."""
        return self._stopping

    @property
    def state(self) -> str:
        """How it is, in a word: `stopping`, `late`, `paused` (all jobs are) or `running`.

        It is late when it has left a tick alone for more than `ON_TIME`.
        """
        if self._stopping:
            return "stopping"
        if self.overdue() > ON_TIME:
            return "late"
        return "paused" if ALL_JOBS in self._pauses.known() else "running"

    async def run(self) -> None:
        """Fire what is due until `stop`; raises what is a bug of ours."""
        while not self._stopping:
            self._look(self._clock.now())
            self._queue.pump()
            if self._failure is not None:
                raise self._failure
            await self._sleeper.sleep_until(self._timer.next_instant())

    def look_back(self, since: Mapping[str, datetime]) -> None:
        """Make up for what jobs may have missed since these times, by their IDs."""
        now = self._clock.now()
        for job_id, moment in since.items():
            if (job := self._jobs.get(job_id)) is not None and moment < now:
                self._make_up(Gap(job, [], moment), now)
        self._sleeper.wake()

    def fail(self, error: BaseException) -> None:
        """End `run` with a bug in what runs beside it: better than going on without it."""
        self._failure = error
        self._sleeper.wake()

    def stop(self) -> None:
        """Start nothing any more; `run` returns."""
        self._stopping = True
        self._sleeper.wake()

    async def drain(self, grace: float) -> None:
        """Let what is under way end within `grace` seconds, interrupt the rest, send notices."""
        self._events.tell(
            EventKind.DRAINING,
            running=len(self._executor),
            waiting=len(self._queue) or None,
            grace_s=grace,
        )
        self._queue.stop()
        await self._executor.finish(grace)
        await self._executor.notifier.finish(_LAST_NOTICES)
        await self._queue.close()
        self._journal.finish()
        self._events.tell(EventKind.STOPPED, interrupted=self.cut_off or None)

    def _set_jobs(self, jobset: JobSet, now: datetime) -> list[Tick]:
        """Take over a set of jobs; return the ticks that no longer wait for their start."""
        self._jobs = dict(jobset.jobs)
        self.steering.jobs = self._jobs
        left = self._timer.set_jobs(jobset.jobs.values(), now)
        self._journal.keep_ticks(self._jobs)
        self._queue.adopt(jobset.jobs, jobset.dispatchers, jobset.max_concurrent)
        tell_warnings(self._events, list(jobset.jobs.values()))
        return left

    def _start_or_drop(self, one: Tick) -> None:
        """Start a tick that jitter put off at once: its job has another schedule, or is gone."""
        job = self._jobs.get(one.job.id)
        if job is not None:
            self._put(structs.replace(one, job=job), patient=False)
            return
        self._events.tell(
            EventKind.DROPPED,
            job_id=one.job.id,
            execution_id=scheduled_id(one.job.id, one.scheduled_time),
            scheduled_time=one.scheduled_time.isoformat(),
            message="the job is gone",
        )

    def _resume(self, job: Job, last: datetime | None, now: datetime) -> None:
        """Make up for what a job missed since its last recorded tick."""
        if last is None:
            self._count_from(job, now)
        elif last < now:
            self._make_up(Gap(job, [], last), now)
        elif last - now <= CORRECTION:
            self._fired.see(job, last)
        else:
            self._count_from(job, now)
            self._fired.look_back_to(last)

    def _count_from(self, job: Job, now: datetime) -> None:
        """Let a job's ticks count from now on, whatever was seen to before."""
        self._journal.restart(job, in_zone(job, now))
        self._fired.forget(job)

    def _look(self, now: datetime) -> None:
        """Take everything that is due into the queue."""
        jump = self._jumps.look(now)
        if abs(jump) >= _NOTICEABLE:
            self._set_clock(jump, now)
        for gap in self._timer.gaps(now):
            self._make_up(gap, now)
        for one in self._timer.due(now):
            is_late = now - one.starts_at > _STALLED
            # Where all are executed, none is skipped because nobody looked in time.
            self._put(one, patient=is_late and one.job.spec.missed_runs == "execute_all")
        self._pauses.expire(now)

    def _set_clock(self, jump: timedelta, now: datetime) -> None:
        """Take in that the clock was set."""
        was = now - jump
        self._fired.look_back_to(was)
        if abs(jump) > CORRECTION:
            self._correct(now)
        if abs(jump) < _WORTH_TELLING:
            return
        self._events.tell(EventKind.CLOCK_SET, by_s=round(jump.total_seconds(), 1))
        if -jump > CORRECTION:
            self._tell_behind(was, _FIRED)
        elif was > now:
            self._silent_until = max(self._silent_until or was, was)
            self._tell_behind(self._silent_until, _SEEN_TO)

    def _correct(self, now: datetime) -> None:
        """Count from the new time on: what lies between was not missed, nor does it come again."""
        self._silent_until = None
        self._timer.restart(now)
        self._queue.correct(now)
        for job in self._jobs.values():
            self._count_from(job, now)

    def _tell_behind(self, until: datetime, message: str, jobs: int | None = None) -> None:
        """Tell that the clock reads times which it has read before."""
        self._events.tell(
            EventKind.CLOCK_BEHIND,
            until=until.astimezone(UTC).isoformat(),
            jobs=jobs,
            next=self._next(),
            message=message,
        )

    def _next(self) -> str | None:
        """Return the time of the tick that comes next, in UTC."""
        coming = [time.astimezone(UTC) for _, time in self.upcoming() if time is not None]
        return min(coming).isoformat() if coming else None

    def _make_up(self, gap: Gap, now: datetime, punctual_for: timedelta = PUNCTUAL) -> int:
        """See to what a job missed; return how many executions make up for it."""
        found = catch_up(self._pauses.cut(gap), now, punctual_for)
        if found.last is not None:
            self._make_up_late(gap.job, found, found.last)
        for one in found.punctual:
            self._timer.put(one)
        return len(found.late)

    def _make_up_late(self, job: Job, found: CatchUp, last: datetime) -> None:
        if not job.spec.enabled:
            self._journal.mark(job, last)
            return
        tell_missed(self._events, job, found)
        for one in found.late:
            self._put(one, patient=True)
        if not found.late:
            self._journal.mark(job, last)

    def _put(self, one: Tick, *, patient: bool) -> None:
        job = one.job
        if not job.spec.enabled:
            self._journal.mark(job, one.scheduled_time)
            return
        pause = self._pauses.of(job.id)
        if pause is not None and pause.holds(one.starts_at):
            self._pauses.pass_over(job, one.scheduled_time, pause)
            return
        execution_id = scheduled_id(job.id, one.scheduled_time)
        if (patient or has_schedule(job, "@at")) and self._journal.has(execution_id):
            # Fired while its tick could not be recorded, and its outcome was later; or what is
            # for one time was sent by hand.
            self._journal.mark(job, one.scheduled_time)
        elif one.at_start or not self._fired.includes(job, one.scheduled_time):
            self._queue.put(
                PendingStart(
                    job,
                    execution_id,
                    one.scheduled_time,
                    one.starts_at,
                    patient,
                    marks=not one.at_start,  # no tick of the calendar
                )
            )

    def on_attempt(self, execution: Execution, attempt: Attempt, wait: float | None) -> None:
        """Tell of an attempt that failed and is not the last."""
        if wait is not None:
            tell_attempt(self._events, execution, attempt, wait)

    def on_outcome(self, outcome: Outcome) -> None:
        """Tell how an execution ended, and look at what waited for it."""
        tell_outcome(self._events, outcome)
        tell_held_back(self._events, outcome)
        self._queue.freed(outcome.job_id)
        self._sleeper.wake()

    def on_notice(self, outcome: Outcome) -> None:
        """Tell how a notice ended."""
        tell_notice(self._events, outcome)
