"""The loop: wakes up when a tick is due and sees to it that every tick has its end."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from chronos_cli.cron.clock import CORRECTION, Jumps, LoopClock
from chronos_cli.cron.events import Events, Kind
from chronos_cli.cron.jobset import JobSet, changes
from chronos_cli.cron.missed import CatchUp, catch_up
from chronos_cli.cron.pending import PendingStart
from chronos_cli.cron.queue import Queue
from chronos_cli.cron.sleep import Sleeper
from chronos_cli.cron.tick import Tick
from chronos_cli.cron.timer import Timer
from chronos_cli.dispatch.execution import Execution, in_zone, scheduled_id
from chronos_cli.dispatch.executor import Executor
from chronos_cli.dispatch.outcome import Attempt, Outcome
from chronos_cli.jobs.model import Job, warnings_of
from chronos_cli.state.journal import StateJournal, schedule_of

# What notices may take beyond the grace of executions when the loop stops, in seconds.
_LAST_NOTICES = 10.0
# Jobs that a warning names.
_NAMED = 5
# A tick that is later than this is so because the program did not run, or stood still.
_STALLED = timedelta(seconds=0.5)
# A clock that was set by less is not worth a word.
_WORTH_TELLING = 5.0


class Loop:
    """Runs a set of jobs on their schedules until it is stopped.

    The journal's store holds the state file's loop already. `mask` takes secrets out of what
    notices tell.
    """

    def __init__(
        self, clock: LoopClock, journal: StateJournal, events: Events, mask: Callable[[Any], Any]
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._events = events
        self._executor = Executor(clock, journal, self, mask)
        self._queue = Queue(clock, journal, events, self._executor, self.fail)
        self._timer = Timer()
        self._sleeper = Sleeper(clock)
        self._jumps = Jumps(clock)
        self._jobs: dict[str, Job] = {}
        self._stopping = False
        self._failure: BaseException | None = None
        # Ticks up to here may have been fired before the clock was corrected backwards.
        self._fired_until: datetime | None = None
        # By job: ticks up to here were seen to before a restart, with a clock that was ahead.
        self._seen_until: dict[str, datetime] = {}

    @property
    def cut_off(self) -> int:
        """How many executions were cut off when the loop stopped."""
        return self._executor.cut_off

    def upcoming(self) -> Iterator[tuple[Job, datetime | None]]:
        """Yield every job with its next time; None for one that will not fire."""
        for job in self._jobs.values():
            yield job, self._timer.next_of(job) if job.spec.enabled else None

    def begin(self, jobset: JobSet) -> None:
        """Take up the work where the last loop on this state laid it down."""
        now = self._clock.now()
        self._set_jobs(jobset, now)
        newest = self._journal.last_start()
        if newest is not None and newest > now:
            self._fired_until = newest  # the clock has been set back since
        self._recover()
        for job in jobset.jobs.values():
            self._resume(job, now)
        first = self._timer.next_instant()
        self._events.tell(
            Kind.STARTED,
            jobs=len(jobset.jobs),
            unscheduled=jobset.unscheduled or None,
            next=first and first.isoformat(),
        )

    def adopt(self, jobset: JobSet) -> None:
        """Go on with another set of jobs. What is under way ends as it began."""
        now = self._clock.now()
        self._look(now)
        before = self._jobs
        self._set_jobs(jobset, now)
        for job in jobset.jobs.values():
            known = before.get(job.id)
            if known is None or schedule_of(known) != schedule_of(job):
                self._journal.mark(job, in_zone(job, now))
        changed = changes(before, jobset.jobs)
        self._events.tell(Kind.RELOADED, jobs=len(jobset.jobs), **changed)
        self._sleeper.wake()

    async def run(self) -> None:
        """Fire what is due until `stop`; raises what is a bug of ours."""
        while not self._stopping:
            self._look(self._clock.now())
            self._queue.pump()
            if self._failure is not None:
                raise self._failure
            await self._sleeper.sleep_until(self._timer.next_instant())

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
            Kind.DRAINING,
            running=len(self._executor),
            waiting=len(self._queue) or None,
            grace_s=grace,
        )
        self._queue.stop()
        await self._executor.finish(grace)
        await self._executor.notifier.finish(_LAST_NOTICES)
        await self._queue.close()
        self._journal.finish()
        self._events.tell(Kind.STOPPED, interrupted=self.cut_off or None)

    def _set_jobs(self, jobset: JobSet, now: datetime) -> None:
        self._jobs = dict(jobset.jobs)
        self._timer.set_jobs(jobset.jobs.values(), now)
        self._queue.adopt(jobset.jobs, jobset.dispatchers, jobset.max_concurrent)
        for message, ids in warnings_of(jobset.jobs.values()).items():
            more = max(0, len(ids) - _NAMED) or None
            self._events.tell(Kind.WARNING, message=message, jobs=ids[:_NAMED], more=more)

    def _recover(self) -> None:
        """Start again what an earlier loop was killed in the midst of."""
        for started in self._journal.unfinished():
            job = self._jobs.get(started.job_id)
            again = job is not None and job.spec.enabled and job.spec.on_interrupted == "retry"
            self._events.tell(
                Kind.RECOVERED,
                job_id=started.job_id,
                execution_id=started.execution_id,
                scheduled_time=started.scheduled_time.isoformat(),
                action="retry" if again else "ignore",
                message=f"cut off when {started.process} died",
            )
            if job is None or not again:
                self._journal.give_up(started.execution_id)
                continue
            moment = in_zone(job, started.scheduled_time)
            starts_at = moment.astimezone(UTC)
            self._queue.put(
                PendingStart(
                    job, started.execution_id, moment, starts_at, patient=True, recovered=True
                )
            )

    def _resume(self, job: Job, now: datetime) -> None:
        """Make up for what a job missed since its last recorded tick."""
        last = self._journal.last_tick(job)
        if last is None:
            self._journal.mark(job, in_zone(job, now))
        elif last < now:
            self._make_up(job, last, now)
        elif last - now <= CORRECTION:
            self._seen_until[job.id] = last
        else:
            self._journal.mark(job, in_zone(job, now))
            self._fired_until = max(self._fired_until or last, last)

    def _look(self, now: datetime) -> None:
        """Take everything that is due into the queue."""
        jump = self._jumps.look(now)
        if abs(jump.total_seconds()) >= _WORTH_TELLING:
            self._events.tell(Kind.CLOCK_SET, by_s=round(jump.total_seconds(), 1))
        if abs(jump) > CORRECTION:
            self._correct(now, was=now - jump)
        for gap in self._timer.gaps(now):
            self._make_up(gap.job, gap.since, now)
        for one in self._timer.due(now):
            is_late = now - one.starts_at > _STALLED
            # Where all are executed, none is skipped because nobody looked in time.
            self._put(one, patient=is_late and one.job.spec.missed_runs == "execute_all")

    def _correct(self, now: datetime, was: datetime) -> None:
        """Count from the new time on: what lies between was not missed, nor does it come again."""
        self._timer.restart(now)
        self._fired_until = max(self._fired_until or was, was)
        for job in self._jobs.values():
            self._journal.mark(job, in_zone(job, now))

    def _make_up(self, job: Job, since: datetime, now: datetime) -> None:
        found = catch_up(job, since, now)
        if found.last is not None:
            self._make_up_late(job, found, found.last)
        for one in found.punctual:
            self._timer.put(one)

    def _make_up_late(self, job: Job, found: CatchUp, last: datetime) -> None:
        if not job.spec.enabled:
            self._journal.mark(job, last)
            return
        self._events.tell(
            Kind.MISSED,
            job_id=job.id,
            missed=found.missed,
            or_more=found.more or None,
            last=last.isoformat(),
            policy=job.spec.missed_runs,
            executing=len(found.late),
            too_late=found.too_late or None,
        )
        for one in found.late:
            self._put(one, patient=True)
        if not found.late:
            self._journal.mark(job, last)

    def _put(self, one: Tick, *, patient: bool) -> None:
        job = one.job
        if not job.spec.enabled:
            self._journal.mark(job, one.scheduled_time)
            return
        execution_id = scheduled_id(job.id, one.scheduled_time)
        if patient and self._journal.has(execution_id):
            # Fired while its tick could not be recorded, and its outcome was later.
            self._journal.mark(job, one.scheduled_time)
        elif not self._was_fired(one, execution_id):
            self._queue.put(
                PendingStart(job, execution_id, one.scheduled_time, one.starts_at, patient)
            )

    def _was_fired(self, one: Tick, execution_id: str) -> bool:
        """Whether a tick comes again because the clock was set back."""
        seen_until = self._seen_until.get(one.job.id)
        if seen_until is not None and one.scheduled_time <= seen_until:
            return True
        if self._fired_until is None or one.starts_at > self._fired_until:
            return False
        return self._journal.has(execution_id)

    def on_attempt(self, execution: Execution, attempt: Attempt) -> None:
        """Tell of an attempt that failed and is not the last."""
        policy = execution.job.spec.retry_policy
        if attempt.status.is_failure and attempt.number < policy.max_attempts:
            self._events.tell(
                Kind.ATTEMPT_FAILED,
                job_id=execution.job.id,
                execution_id=execution.id,
                attempt=attempt.number,
                status=attempt.status.value,
                code=attempt.code,
                message=attempt.message or None,
            )

    def on_outcome(self, outcome: Outcome) -> None:
        """Tell how an execution ended, and look at what waited for it."""
        self._events.tell(
            Kind.ENDED,
            job_id=outcome.job_id,
            execution_id=outcome.execution_id,
            status=outcome.status.value,
            code=outcome.code,
            attempts=len(outcome.attempts),
            duration_ms=outcome.duration_ms,
            message=outcome.message or None,
        )
        self._queue.freed(outcome.job_id)
        self._sleeper.wake()

    def on_notice(self, outcome: Outcome) -> None:
        """Tell of a notice that did not get through."""
        if outcome.status.is_failure:
            self._events.tell(
                Kind.NOTICE_FAILED,
                job_id=outcome.job_id,
                execution_id=outcome.execution_id,
                message=f"{outcome.status}: {outcome.message}",
            )
