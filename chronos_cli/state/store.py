"""The state of one machine: what was started, what came of it, and who is running."""

from collections.abc import Collection, Container, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, structs

from chronos_cli.clock import Clock, SystemClock
from chronos_cli.dispatch.outcome import Attempt, Notice, Outcome, Status
from chronos_cli.redact import Redactor
from chronos_cli.state import notices, pauses
from chronos_cli.state.database import Database, move_log
from chronos_cli.state.entries import (
    HistoryEntry,
    HistoryFilter,
    HistoryStatus,
    JobStats,
    LastEnd,
    LastTick,
    Pause,
    Snapshot,
    StartedExecution,
    UnfinishedNotice,
)
from chronos_cli.state.loop_lock import LoopLock
from chronos_cli.state.process import this_process
from chronos_cli.state.recent import RecentEnding, last_successes, recent_endings
from chronos_cli.state.rows import Rows
from chronos_cli.state.values import encoded

if TYPE_CHECKING:
    from chronos_cli.dispatch.streak import Streak

# The bounds that hold without being asked for; looked at whenever so many runs were recorded.
KEPT_FOR = timedelta(days=90)
KEPT = 100_000
_PRUNED_EVERY = 1000

# What may hold a secret: what users write and far sides say.
_FREE = frozenset({"job_name", "target", "variables", "withheld", "code", "message", "receipt"})

# The longest life of an execution, in seconds, of which none is told.
_ONE_DAY = 86_400.0


class Store:
    """A state file, opened by one process; every call is one short transaction.

    Several calls within `together` are one, which is kept or lost as a whole.
    Job and execution IDs are stored as they are, all other text with secrets masked. All calls
    raise StateError when the file cannot be read or written; the store stays usable, so that
    a later call may succeed again. Only the thread that opened it may call.
    """

    def __init__(self, database: Database, redactor: Redactor, clock: Clock) -> None:
        self._database = database
        self._redactor = redactor
        self._clock = clock
        self._here = this_process()
        self._loop = LoopLock(database, self._here)
        self._rows = Rows(self._here, clock, lambda: self._loop.is_held)
        # The run that each execution of this process has in the file.
        self._open: dict[str, int] = {}

    @classmethod
    def open(cls, path: Path, redactor: Redactor, clock: Clock | None = None) -> "Store":
        """Open the file, made with its folder where it is missing; raises StateError."""
        return cls(Database(path), redactor, clock or SystemClock())

    def set_patience(self, seconds: float) -> None:
        """Wait no longer than this for another process that holds the file."""
        self._database.set_patience(seconds)

    def write_log_only(self) -> None:
        """Write the log beside the file and no more: see `keep_log_short`."""
        self._database.write_log_only()

    def move_log(self) -> None:
        """Move the log into the file. Any thread may call."""
        move_log(self._database.path)

    def close(self) -> None:
        """Give everything back. What was not ended counts as interrupted."""
        self.release()
        self._database.close()

    @property
    def changes(self) -> int:
        """How many rows were written since the file was opened."""
        return self._database.changes

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make one transaction of the calls in it."""
        open_before = dict(self._open)
        try:
            with self._database.writing():
                yield
        except BaseException:
            self._open = open_before
            raise

    def is_open(self, execution_id: str) -> bool:
        """Whether the start of an execution was recorded here, and its end was not."""
        return execution_id in self._open

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
        masked = self._masked_outcome(outcome)
        held = [self._masked(notice) for notice in outcome.notices]
        with self._database.writing() as db:
            run = self._open.get(outcome.execution_id)
            if run is None:
                moment = datetime.fromisoformat(outcome.scheduled_time)
                run = self._rows.insert(
                    db,
                    self._start(
                        outcome.execution_id, outcome.job_id, moment, origin, snapshot, 0.0
                    ),
                )
            self._rows.end(db, run, outcome.status, masked)
            for notice in held:
                notices.tell(db, outcome.execution_id, outcome.job_id, notice)
            if run % _PRUNED_EVERY == 0:
                self._rows.prune(db, self._clock.now() - KEPT_FOR, KEPT)
        self._open.pop(outcome.execution_id, None)

    def notices_began(self, began: Sequence[UnfinishedNotice]) -> None:
        """Record notices before they are sent; what they tell is masked already."""
        with self._database.writing() as db:
            notices.insert(db, began)

    def notice_ended(self, execution_id: str) -> None:
        """Record that a notice is under way no longer."""
        with self._database.writing() as db:
            notices.delete(db, execution_id)

    def told(self, job_id: str, execution_id: str, notice: Notice) -> None:
        """Record what became of a notice of an execution."""
        masked = self._masked(notice)
        with self._database.writing() as db:
            notices.tell(db, execution_id, job_id, masked)
            if notice.hook == "on_failure" and notice.status.is_failure:
                notices.untell(db, job_id)

    def streak(self, job_id: str) -> "Streak":
        """Return how often in a row a job has failed, as far as that was counted."""
        with self._database.reading() as db:
            return notices.streak(db, job_id)

    def set_streak(self, job_id: str, streak: "Streak") -> None:
        """Record how often in a row a job has failed."""
        with self._database.writing() as db:
            notices.set_streak(db, job_id, streak)

    def unfinished_notices(self) -> list[UnfinishedNotice]:
        """Return the notices that loops before this one began and did not live to end."""
        with self._database.reading() as db:
            return notices.under_way(db)

    def give_up(self, execution_id: str) -> None:
        """Record that an unfinished execution of a dead process will not be sent again."""
        with self._database.writing() as db:
            self._rows.give_up(db, execution_id)

    def last_tick(self, job_id: str) -> LastTick | None:
        """Return the last recorded tick of a job."""
        with self._database.reading() as db:
            return self._rows.last_tick(db, job_id)

    def last_ticks(self) -> dict[str, LastTick]:
        """Return the last recorded tick of every job."""
        with self._database.reading() as db:
            return self._rows.last_ticks(db)

    def mark_tick(self, job_id: str, scheduled_time: datetime, schedule: str) -> None:
        """Record a tick of a job's schedule as seen, whatever came of it.

        It stands for all before it, so that an earlier one of the same schedule changes nothing.
        """
        with self._database.writing() as db:
            self._rows.mark_tick(db, job_id, scheduled_time, schedule)

    def restart_ticks(self, job_id: str, moment: datetime, schedule: str) -> None:
        """Let the ticks of a job's schedule count from a moment on, also from an earlier one."""
        with self._database.writing() as db:
            self._rows.set_tick(db, job_id, moment, schedule)

    def keep_ticks(self, job_ids: Container[str]) -> None:
        """Forget the ticks of all other jobs: one that comes back has missed nothing."""
        with self._database.writing() as db:
            self._rows.keep_ticks(db, job_ids)

    def pauses(self) -> dict[str, Pause]:
        """Return the pauses by job; that of all jobs under `ALL_JOBS`."""
        with self._database.reading() as db:
            return pauses.known(db)

    def pause(self, job_id: str, pause: Pause) -> None:
        """Record a pause of a job, or of `ALL_JOBS`, in the place of an earlier one."""
        masked = structs.replace(pause, reason=self._redactor.data(pause.reason))
        with self._database.writing() as db:
            pauses.put(db, job_id, masked)

    def resume(self, job_id: str, moment: datetime | None) -> None:
        """End a pause. The ticks up to a moment count as seen to; without one, as missed."""
        with self._database.writing() as db:
            pauses.lift(db, job_id, moment)

    def known_jobs(self) -> list[str]:
        """Return the IDs of the jobs that the last loop ran, and of those that are paused."""
        with self._database.reading() as db:
            return pauses.known_jobs(db)

    def confirm_loop(self) -> None:
        """Write that the loop is still there: raises StateError where nothing can be written."""
        self._loop.confirm()

    def last_ends(self) -> dict[str, LastEnd]:
        """Return how the last execution of every job ended; what was skipped does not count."""
        with self._database.reading() as db:
            return self._rows.last_ends(db)

    def last_fired(self) -> datetime | None:
        """Return the latest time at which an execution of a loop started, or for which it stood.

        By the clock as it was then: later than now when the clock was set back since.
        """
        # Whole seconds are enough of scheduled times, rounded up.
        query = "SELECT max(max(started_at, strftime('%s', scheduled_time) + 1)) FROM runs "
        query += "WHERE origin = 'cron'"
        with self._database.reading() as db:
            (newest,) = db.execute(query).fetchone()
        return None if newest is None else datetime.fromtimestamp(newest, UTC)

    def has(self, execution_id: str) -> bool:
        """Whether an execution was recorded."""
        query = "SELECT 1 FROM runs WHERE execution_id = ? LIMIT 1"
        with self._database.reading() as db:
            return db.execute(query, (execution_id,)).fetchone() is not None

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

    def statuses(self, ids: Sequence[str]) -> dict[tuple[str, str], list[HistoryStatus]]:
        """Return how the runs of executions ended, oldest first, by execution and job ID."""
        with self._database.reading() as db:
            return self._rows.statuses(db, ids)

    def stats(self, wanted: HistoryFilter) -> list[JobStats]:
        """Return the figures of every job of which something fits, in the order of their IDs."""
        with self._database.reading() as db:
            return self._rows.stats(db, wanted)

    def recent_endings(self, jobs: Collection[str], most: int) -> dict[str, list[RecentEnding]]:
        """Return the last `most` endings of each job, oldest first."""
        with self._database.reading() as db:
            return recent_endings(db, jobs, most)

    def last_successes(self) -> dict[str, float]:
        """Return when each job last succeeded, in seconds since 1970."""
        with self._database.reading() as db:
            return last_successes(db)

    def ids_beginning(self, text: str, most: int) -> list[tuple[str, str]]:
        """Return up to `most` recorded execution IDs that begin with a text, and their jobs."""
        with self._database.reading() as db:
            return self._rows.ids_beginning(db, text, most)

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

    def release(self) -> None:
        """Let another scheduler have the state file."""
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
        return {
            "execution_id": execution_id,
            "job_id": job_id,
            "origin": origin,
            "scheduled_time": scheduled_time.isoformat(),
            "started_at": self._clock.now().timestamp(),
            "started_monotonic": self._clock.monotonic(),
            "deadline": deadline,
            "snapshot": encoded(self._masked(snapshot or Snapshot())),
        }

    def _masked(self, value: Struct) -> dict[str, Any]:
        """Return what a struct holds, with secrets masked where they can stand."""
        kept: dict[str, Any] = msgspec.to_builtins(value)
        # The names are ours, and most values too: looking through all takes its time.
        free = {name: kept[name] for name in _FREE & kept.keys() if kept[name]}
        if self._redactor.may_change(free):
            kept |= {name: self._redactor.data(item) for name, item in free.items()}
        return kept

    def _masked_outcome(self, outcome: Outcome) -> dict[str, Any]:
        attempts = [self._masked(attempt) for attempt in outcome.attempts]
        return self._masked(structs.replace(outcome, attempts=[], notices=[])) | {
            "attempts": attempts
        }
