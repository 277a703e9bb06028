"""The state of one machine: what was started, what came of it, and who is running."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from chronos_cli.clock import Clock, SystemClock
from chronos_cli.dispatch.outcome import Attempt, Outcome, Status
from chronos_cli.errors import StateError
from chronos_cli.redact import Redactor
from chronos_cli.state.database import Database
from chronos_cli.state.entries import (
    HistoryEntry,
    HistoryFilter,
    LastTick,
    Snapshot,
    StartedExecution,
)
from chronos_cli.state.loop_lock import LoopLock
from chronos_cli.state.process import this_process
from chronos_cli.state.rows import Rows, encoded

# The bounds that hold without being asked for; looked at whenever so many runs were recorded.
KEPT_FOR = timedelta(days=90)
KEPT = 100_000
_PRUNED_EVERY = 1000

# The longest life of an execution, in seconds, of which none is told.
_ONE_DAY = 86_400.0


def default_path(environment: Mapping[str, str]) -> Path:
    """Return where the state is kept unless `--state` says so; StateError without a home."""
    if base := environment.get("XDG_STATE_HOME"):
        return Path(base) / "chronos" / "state.sqlite"
    if home := environment.get("HOME"):
        return Path(home) / ".local" / "state" / "chronos" / "state.sqlite"
    raise StateError("neither XDG_STATE_HOME nor HOME is set; name a place with --state PATH")


class Store:
    """A state file, opened by one process; every call is one short transaction.

    Job and execution IDs are stored as they are, all other text with secrets masked. All calls
    raise StateError when the file cannot be read or written; the store stays usable, so that
    a later call may succeed again. Only the thread that opened it may call.
    """

    def __init__(self, database: Database, redactor: Redactor, clock: Clock) -> None:
        self._database = database
        self._redactor = redactor
        self._clock = clock
        self._here = this_process()
        self._rows = Rows(self._here, clock)
        self._loop = LoopLock(database, self._here)
        # The run that each execution of this process has in the file.
        self._open: dict[str, int] = {}

    @classmethod
    def open(cls, path: Path, redactor: Redactor, clock: Clock | None = None) -> "Store":
        """Open the file, made with its folder where it is missing; raises StateError."""
        return cls(Database(path), redactor, clock or SystemClock())

    def set_patience(self, seconds: float) -> None:
        """Wait no longer than this for another process that holds the file."""
        self._database.set_patience(seconds)

    def close(self) -> None:
        """Give everything back. What was not ended counts as interrupted."""
        self.release()
        self._database.close()

    def started(  # noqa: PLR0913 - what there is to know of a start
        self,
        execution_id: str,
        job_id: str,
        scheduled_time: datetime,
        *,
        origin: str,
        snapshot: Snapshot | None = None,
        deadline: float = _ONE_DAY,
        schedule: str | None = None,
    ) -> None:
        """Record an execution before it is sent.

        `deadline` is its longest life, in seconds: it counts as running no longer than that,
        whatever becomes of the process. `schedule` does `mark_tick` in the same transaction.
        """
        values = self._start(execution_id, job_id, scheduled_time, origin, snapshot, deadline)
        with self._database.writing() as db:
            self._open[execution_id] = self._rows.insert(db, values)
            if schedule is not None:
                self._rows.mark_tick(db, job_id, scheduled_time, schedule)

    def try_begin(  # noqa: PLR0913 - as `started`
        self,
        execution_id: str,
        job_id: str,
        scheduled_time: datetime,
        *,
        origin: str,
        snapshot: Snapshot | None = None,
        deadline: float = _ONE_DAY,
        schedule: str | None = None,
    ) -> StartedExecution | None:
        """Do what `started` does unless an execution of the job is running: then return that.

        Atomic: of several processes that try, exactly one begins. The tick is marked either way.
        """
        values = self._start(execution_id, job_id, scheduled_time, origin, snapshot, deadline)
        with self._database.writing() as db:
            if schedule is not None:
                self._rows.mark_tick(db, job_id, scheduled_time, schedule)
            if running := self._rows.running(db, job_id):
                return running
            self._open[execution_id] = self._rows.insert(db, values)
        return None

    def attempt(self, execution_id: str, attempt: Attempt) -> None:
        """Record an attempt of a started execution as it ends."""
        with self._database.writing() as db:
            if (run := self._open.get(execution_id)) is not None:
                self._rows.insert_attempts(db, run, [self._masked(attempt)])

    def ended(self, outcome: Outcome, *, origin: str, snapshot: Snapshot | None = None) -> None:
        """Record an outcome with its attempts; one that was never started is recorded whole."""
        masked = self._masked(outcome)
        moment = datetime.fromisoformat(outcome.scheduled_time)
        values = self._start(outcome.execution_id, outcome.job_id, moment, origin, snapshot, 0.0)
        with self._database.writing() as db:
            run = self._open.get(outcome.execution_id)
            if run is None:
                run = self._rows.insert(db, values)
            self._rows.end(db, run, outcome.status, masked)
            if run % _PRUNED_EVERY == 0:
                self._rows.prune(db, self._clock.now() - KEPT_FOR, KEPT)
        self._open.pop(outcome.execution_id, None)

    def give_up(self, execution_id: str) -> None:
        """Record that an unfinished execution of a dead process will not be sent again."""
        with self._database.writing() as db:
            self._rows.give_up(db, execution_id)

    def last_tick(self, job_id: str) -> LastTick | None:
        """Return the last recorded tick of a job."""
        with self._database.reading() as db:
            query = (
                "SELECT scheduled_time, schedule FROM ticks "
                "LEFT JOIN tick_schedules USING (job_id) WHERE job_id = ?"
            )
            row = db.execute(query, (job_id,)).fetchone()
        return LastTick(datetime.fromisoformat(row[0]), row[1]) if row else None

    def mark_tick(self, job_id: str, scheduled_time: datetime, schedule: str) -> None:
        """Record a tick of a job's schedule as seen, whatever came of it."""
        with self._database.writing() as db:
            self._rows.mark_tick(db, job_id, scheduled_time, schedule)

    def last_start(self) -> datetime | None:
        """Return when the newest execution started, as the clock was then."""
        with self._database.reading() as db:
            (newest,) = db.execute("SELECT max(started_at) FROM runs").fetchone()
        return None if newest is None else datetime.fromtimestamp(newest, UTC)

    def running(self, job_id: str) -> StartedExecution | None:
        """Return an execution of the job that has not ended and whose process lives."""
        with self._database.reading() as db:
            return self._rows.running(db, job_id)

    def unfinished(self) -> list[StartedExecution]:
        """Return what was started, never ended, and whose process is dead; oldest first.

        While this store holds the loop, every other loop is known to be dead, wherever it ran.
        An execution that has been started again since is not among them.
        """
        with self._database.reading() as db:
            return self._rows.unfinished(db)

    def history(self, wanted: HistoryFilter) -> list[HistoryEntry]:
        """Return what was recorded, newest first, with its attempts."""
        with self._database.reading() as db:
            return self._rows.history(db, wanted)

    def find(self, execution_id: str) -> list[HistoryEntry]:
        """Return all runs of an execution, newest first."""
        return self.history(HistoryFilter(execution_id=execution_id))

    def last_status(self, job_id: str) -> Status | None:
        """Return how the job's last execution ended.

        Those that were skipped do not count, nor those of which nobody saw the end.
        """
        with self._database.reading() as db:
            query = (
                "SELECT status FROM runs WHERE job_id = ? AND status <> 'skipped' "
                "AND ended_at IS NOT NULL ORDER BY id DESC LIMIT 1"
            )
            row = db.execute(query, (job_id,)).fetchone()
        return Status(row[0]) if row else None

    def prune(self, older_than: datetime | None, keep: int | None) -> int:
        """Forget what started before a time, and all but the newest `keep`; return how many.

        What is running stays.
        """
        with self._database.writing() as db:
            count = self._rows.prune(db, older_than, keep)
        with self._database.reading() as db:  # gives the room back to the disk
            db.execute("PRAGMA incremental_vacuum").fetchall()
        return count

    def acquire_loop(self, name: str) -> None:
        """Become the one scheduler on this state file, until `release` or the process's end.

        Raises StateError, with the name, PID and host of the other, when there is one.
        """
        self._loop.acquire(name)
        self._rows.holds_loop = True

    def release(self) -> None:
        """Let another scheduler have the state file."""
        self._rows.holds_loop = False
        self._loop.release()

    def _start(  # noqa: PLR0913, PLR0917 - in the order of `started`
        self,
        execution_id: str,
        job_id: str,
        scheduled_time: datetime,
        origin: str,
        snapshot: Snapshot | None,
        deadline: float,
    ) -> dict[str, Any]:
        masked = self._redactor.data(msgspec.to_builtins(snapshot or Snapshot()))
        return {
            "execution_id": execution_id,
            "job_id": job_id,
            "origin": origin,
            "scheduled_time": scheduled_time.isoformat(),
            "started_at": self._clock.now().timestamp(),
            "started_monotonic": self._clock.monotonic(),
            "deadline": deadline,
            "snapshot": encoded(masked),
        }

    def _masked(self, value: Attempt | Outcome) -> dict[str, Any]:
        masked: dict[str, Any] = self._redactor.data(msgspec.to_builtins(value))
        return masked
