"""The state file as the loop sees it: when it fails, that is told, and nothing stops."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from chronos_cli.clock import Clock
from chronos_cli.cron.events import Events, Kind
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Attempt, Outcome, Status
from chronos_cli.errors import StateError
from chronos_cli.jobs.model import Job
from chronos_cli.redact import Redactor
from chronos_cli.state.entries import HistoryEntry, HistoryFilter, Progress, StartedExecution
from chronos_cli.state.snapshot import snapshot_of
from chronos_cli.state.store import Store

ORIGIN = "cron"
# While the state cannot be written, that is said again after so many seconds.
_REMINDER = 60.0
# A state that failed is left alone for so long: each try may hold up the loop.
_PAUSE = 1.0
# How long the loop waits for the state when it has nothing else to do any more, in seconds.
_LAST_PATIENCE = 5.0
# Outcomes that are kept until the state can be written again.
_MOST_KEPT = 10_000
_OVER = frozenset(Progress) - {Progress.RUNNING, Progress.SKIPPED}

T = TypeVar("T")


def schedule_of(job: Job) -> str:
    """Return what the times of a job depend on: its expression and zone."""
    return f"{job.spec.schedule} {job.spec.timezone}"


class Ledger:
    """Records ticks and executions. A job that is due does not depend on its history."""

    def __init__(
        self, store: Store, redactor: Redactor, config: str | None, clock: Clock, events: Events
    ) -> None:
        self._store = store
        self._redactor = redactor
        self._config = config
        self._clock = clock
        self._events = events
        self._told_at: float | None = None
        self._failed_at: float | None = None
        # By execution: what is to be recorded of its end once that can be done again.
        self._unrecorded: dict[str, Callable[[], None]] = {}
        # How the jobs last ended in this process, also while the state cannot be read.
        self._statuses: dict[str, Status] = {}

    def begin(self, execution: Execution, *, tick: bool) -> StartedExecution | None:
        """Record a start before anything is sent; `tick` records the job's tick as well.

        Returns what is in the way of a job with `concurrency: forbid`, in whatever process.
        """
        job = execution.job
        begin = self._store.try_begin if job.spec.concurrency == "forbid" else self._store.started
        snapshot = snapshot_of(execution, self._config, self._redactor)

        def record() -> StartedExecution | None:
            return begin(
                execution.id,
                job.id,
                execution.scheduled_time,
                origin=ORIGIN,
                snapshot=snapshot,
                deadline=job.deadline,
                schedule=schedule_of(job) if tick else None,
            )

        return self._write(record, None)

    def attempt(self, execution: Execution, attempt: Attempt) -> None:
        """Record an attempt as it ends."""
        self._write(lambda: self._store.attempt(execution.id, attempt), None)

    def end(self, execution: Execution, outcome: Outcome) -> None:
        """Record an outcome, also of what was never started."""
        if outcome.status is not Status.SKIPPED:
            self._statuses[execution.job.id] = outcome.status
        snapshot = snapshot_of(execution, self._config, self._redactor)

        def record() -> None:
            self._store.ended(outcome, origin=ORIGIN, snapshot=snapshot)
            self._unrecorded.pop(execution.id, None)

        # One that was begun and has no end would be taken for running by other processes.
        if len(self._unrecorded) < _MOST_KEPT:
            self._unrecorded[execution.id] = record
        self._write(record, None)

    def mark(self, job: Job, moment: datetime) -> None:
        """Record that a job's schedule was seen to up to this time."""
        self._write(lambda: self._store.mark_tick(job.id, moment, schedule_of(job)), None)

    def last_tick(self, job: Job) -> datetime | None:
        """Return up to when a job's schedule was seen to; None when it had another one then."""
        last = self._read(lambda: self._store.last_tick(job.id), None)
        if last is None or last.schedule not in {None, schedule_of(job)}:
            return None
        return last.scheduled_time

    def last_start(self) -> datetime | None:
        """Return when the newest execution started, as the clock was then."""
        return self._read(self._store.last_start, None)

    def last_status(self, job_id: str) -> Status | None:
        """Return how the job's last execution ended, where that is known."""
        known = self._statuses.get(job_id)
        return known or self._read(lambda: self._store.last_status(job_id), None)

    def last_entry(self, job_id: str) -> HistoryEntry | None:
        """Return the job's last execution that has ended, where that is known."""
        wanted = HistoryFilter(jobs=frozenset({job_id}), statuses=_OVER, limit=1)
        found = self._read(lambda: self._store.history(wanted), list[HistoryEntry]())
        return found[0] if found else None

    def has(self, execution_id: str) -> bool:
        """Whether an execution has been started before."""
        return bool(self._read(lambda: self._store.find(execution_id), list[HistoryEntry]()))

    def unfinished(self) -> list[StartedExecution]:
        """Return what earlier loops began and did not live to end, oldest first."""
        found = self._read(self._store.unfinished, list[StartedExecution]())
        return [started for started in found if started.origin == ORIGIN]

    def give_up(self, execution_id: str) -> None:
        """Record that an unfinished execution will not be sent again."""
        self._write(lambda: self._store.give_up(execution_id), None)

    def finish(self) -> None:
        """Record what could not be recorded before, with more patience, before the end."""
        self._failed_at = None
        if self._unrecorded:
            self._write(lambda: self._store.set_patience(_LAST_PATIENCE), None)
            self._record_late()

    def _record_late(self) -> None:
        for record in list(self._unrecorded.values()):
            self._write(record, None)

    def _read(self, call: Callable[[], T], otherwise: T) -> T:
        """Return what the store says, or `otherwise` when it fails."""
        try:
            return call()
        except StateError as error:
            self._tell(error)
            return otherwise

    def _write(self, call: Callable[[], T], otherwise: T) -> T:
        """Do what `_read` does; after a failure the state is left alone for a while."""
        now = self._clock.monotonic()
        if self._failed_at is not None and now - self._failed_at < _PAUSE:
            return otherwise
        try:
            result = call()
        except StateError as error:
            self._failed_at = self._clock.monotonic()
            self._tell(error)
            return otherwise
        if self._told_at is not None:
            self._failed_at = self._told_at = None
            self._events.tell(Kind.STATE_RESTORED)
            self._record_late()
        return result

    def _tell(self, error: StateError) -> None:
        now = self._clock.monotonic()
        if self._told_at is None or now - self._told_at >= _REMINDER:
            self._told_at = now
            self._events.tell(
                Kind.STATE_FAILED, message=f"{error}; dispatching goes on without a record"
            )
