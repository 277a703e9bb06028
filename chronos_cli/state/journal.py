"""The state file as executions see it: when it fails, that is said, and nothing stops."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from chronos_cli.clock import Clock
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.journal import RunningExecution
from chronos_cli.dispatch.outcome import Attempt, Outcome, Status
from chronos_cli.errors import StateError
from chronos_cli.jobs.model import Job
from chronos_cli.redact import Redactor
from chronos_cli.state.entries import HistoryEntry, HistoryFilter, HistoryStatus, StartedExecution
from chronos_cli.state.snapshot import snapshot_of
from chronos_cli.state.store import Store

# While the state cannot be written, that is said again after so many seconds.
_REMINDER = 60.0
# How long the end of a process waits for the state, in seconds.
_LAST_PATIENCE = 5.0
# Outcomes that are kept until the state can be written again.
_MOST_KEPT = 10_000
_ENDED = frozenset(HistoryStatus) - {HistoryStatus.RUNNING, HistoryStatus.SKIPPED}

T = TypeVar("T")


def schedule_of(job: Job) -> str:
    """Return what the times of a job depend on: its expression and zone."""
    return f"{job.spec.schedule} {job.spec.timezone}"


class StateJournal:
    """Records executions and ticks in a state file, which is opened when it is first needed.

    `origin` is the command that records, `config` the chronos.yaml that the jobs were read with.
    After a failure the file is left alone for `pause` seconds, for good without one: each try may
    hold up the executions. `on_failed` is called with the first failure and once a minute while
    it lasts, `on_restored` when the file can be written again.
    """

    def __init__(  # noqa: PLR0913 - a file, its words, and what becomes of its failures
        self,
        open_store: Callable[[], Store],
        redactor: Redactor,
        clock: Clock,
        *,
        origin: str,
        config: str | None,
        on_failed: Callable[[StateError], None],
        on_restored: Callable[[], None] = lambda: None,
        pause: float | None = None,
    ) -> None:
        self._open_store = open_store
        self._redactor = redactor
        self._clock = clock
        self._origin = origin
        self._config = config
        self._on_failed = on_failed
        self._on_restored = on_restored
        self._pause = pause
        self._opened: Store | None = None
        self._said_at: float | None = None
        self._failed_at: float | None = None
        # By execution: what is to be recorded of its end once that can be done again.
        self._unrecorded: dict[str, Callable[[Store], None]] = {}
        # How the jobs last ended in this process, also while the state cannot be read.
        self._statuses: dict[str, Status] = {}

    @property
    def _store(self) -> Store:
        if self._opened is None:
            self._opened = self._open_store()
        return self._opened

    def begin(self, execution: Execution, *, tick: bool = False) -> RunningExecution | None:
        """Record a start; see `Journal.begin`."""
        job = execution.job

        def record(store: Store) -> StartedExecution | None:
            begin = store.try_begin if job.spec.concurrency == "forbid" else store.started
            return begin(
                execution.id,
                job.id,
                execution.scheduled_time,
                origin=self._origin,
                snapshot=snapshot_of(execution, self._config, self._redactor),
                deadline=job.deadline,
                schedule=schedule_of(job) if tick else None,
            )

        started = self._write(record, None)
        if started is None:
            return None
        return RunningExecution(started.execution_id, started.started_at, str(started.process))

    def attempt(self, execution: Execution, attempt: Attempt) -> None:
        """Record an attempt as it ends."""
        self._write(lambda store: store.attempt(execution.id, attempt), None)

    def end(self, execution: Execution, outcome: Outcome) -> None:
        """Record an outcome, also of what was never started."""
        if outcome.status is not Status.SKIPPED:
            self._statuses[execution.job.id] = outcome.status

        def record(store: Store) -> None:
            snapshot = snapshot_of(execution, self._config, self._redactor)
            store.ended(outcome, origin=self._origin, snapshot=snapshot)
            self._unrecorded.pop(execution.id, None)

        # One that was begun and has no end would be taken for running by other processes.
        if len(self._unrecorded) < _MOST_KEPT:
            self._unrecorded[execution.id] = record
        self._write(record, None)

    def mark(self, job: Job, moment: datetime) -> None:
        """Record that a job's schedule was seen to up to this time."""
        self._write(lambda store: store.mark_tick(job.id, moment, schedule_of(job)), None)

    def last_tick(self, job: Job) -> datetime | None:
        """Return up to when a job's schedule was seen to; None when it had another one then."""
        last = self._read(lambda store: store.last_tick(job.id), None)
        if last is None or last.schedule not in {None, schedule_of(job)}:
            return None
        return last.scheduled_time

    def last_start(self) -> datetime | None:
        """Return when the newest execution started, as the clock was then."""
        return self._read(Store.last_start, None)

    def last_status(self, job_id: str) -> Status | None:
        """Return how the job's last execution ended, where that is known."""
        known = self._statuses.get(job_id)
        return known or self._read(lambda store: store.last_status(job_id), None)

    def last_entry(self, job_id: str) -> HistoryEntry | None:
        """Return the job's last execution that has ended, where that is known."""
        wanted = HistoryFilter(jobs=frozenset({job_id}), statuses=_ENDED, limit=1)
        found = self._read(lambda store: store.history(wanted), list[HistoryEntry]())
        return found[0] if found else None

    def has(self, execution_id: str) -> bool:
        """Whether an execution has been started before."""
        return bool(self._read(lambda store: store.find(execution_id), list[HistoryEntry]()))

    def unfinished(self) -> list[StartedExecution]:
        """Return what earlier loops began and did not live to end, oldest first."""
        found = self._read(Store.unfinished, list[StartedExecution]())
        return [started for started in found if started.origin == self._origin]

    def give_up(self, execution_id: str) -> None:
        """Record that an unfinished execution will not be sent again."""
        self._write(lambda store: store.give_up(execution_id), None)

    def finish(self) -> None:
        """Record what could not be recorded before, with more patience, before the end."""
        if self._pause is None:
            return
        self._failed_at = None
        if self._unrecorded:
            self._write(lambda store: store.set_patience(_LAST_PATIENCE), None)
            self._record_late()

    def close(self) -> None:
        """Record what is left, and give the file back."""
        self.finish()
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _record_late(self) -> None:
        for record in list(self._unrecorded.values()):
            self._write(record, None)

    def _read(self, call: Callable[[Store], T], otherwise: T) -> T:
        """Return what the store says, or `otherwise` when it fails."""
        if self._failed_at is not None and self._pause is None:
            return otherwise
        try:
            return call(self._store)
        except StateError as error:
            self._fail(error)
            return otherwise

    def _write(self, call: Callable[[Store], T], otherwise: T) -> T:
        """Do what `_read` does; after a failure the file is left alone for a while."""
        if self._is_left_alone():
            return otherwise
        try:
            result = call(self._store)
        except StateError as error:
            self._fail(error)
            self._failed_at = self._clock.monotonic()
            return otherwise
        if self._said_at is not None:
            self._failed_at = self._said_at = None
            self._on_restored()
            self._record_late()
        return result

    def _is_left_alone(self) -> bool:
        if self._failed_at is None:
            return False
        return self._pause is None or self._clock.monotonic() - self._failed_at < self._pause

    def _fail(self, error: StateError) -> None:
        now = self._clock.monotonic()
        if self._pause is None:
            self._failed_at = now
        if self._said_at is None or now - self._said_at >= _REMINDER:
            self._said_at = now
            self._on_failed(error)
