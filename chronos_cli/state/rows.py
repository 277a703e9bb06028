"""The statements on a state file's tables, each within the caller's transaction."""

import sqlite3
from collections.abc import Callable, Container, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from chronos_cli.clock import Clock
from chronos_cli.dispatch.outcome import Attempt
from chronos_cli.state import notices
from chronos_cli.state.entries import (
    LOOP_ORIGINS,
    HistoryEntry,
    HistoryFilter,
    HistoryStatus,
    JobStats,
    LastEnd,
    LastTick,
    StartedExecution,
)
from chronos_cli.state.process import Process, is_alive
from chronos_cli.state.stats import job_stats
from chronos_cli.state.values import (
    Row,
    encoded,
    entry_of,
    gone_message,
    json_text,
    last_end_of,
    process_of,
    rows_of,
    started_of,
)

# Closing connections and writing the end take time beyond an execution's deadline, in seconds.
_GRACE = 60.0


class Rows:
    """Reads and writes rows for the process `here`.

    `holds_loop` asks whether it is the one scheduler on this file, so that all others are dead.
    """

    def __init__(self, here: Process, clock: Clock, holds_loop: Callable[[], bool]) -> None:
        self._here = here
        self._clock = clock
        self._holds_loop = holds_loop

    def insert(self, db: sqlite3.Connection, values: Row) -> int:
        """Record a start; return the run's number. An older run of a dead process is ended."""
        self.give_up(db, values["execution_id"])
        here = self._here
        values = values | {
            "pid": here.pid,
            "host": here.host,
            "boot": here.boot,
            "process_start": here.start,
        }
        cursor = db.execute(_insert(tuple(values)), values)
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def insert_attempts(
        self, db: sqlite3.Connection, run: int, attempts: Sequence[dict[str, Any]]
    ) -> None:
        """Record attempts; those that are recorded already stay."""
        db.executemany(
            "INSERT OR IGNORE INTO attempts VALUES (?, ?, ?)",
            [(run, attempt["number"], encoded(attempt)) for attempt in attempts],
        )

    def end(self, db: sqlite3.Connection, run: int, status: str, outcome: dict[str, Any]) -> None:
        """Record what came of a run; `outcome` is masked."""
        kept = {key: value for key, value in outcome.items() if key not in _IN_COLUMNS}
        db.execute(
            "UPDATE runs SET ended_at = ?, status = ?, outcome = ? WHERE id = ?",
            (self._clock.now().timestamp(), status, encoded(kept), run),
        )
        self.insert_attempts(db, run, outcome["attempts"])

    def give_up(self, db: sqlite3.Connection, execution_id: str) -> None:
        """End the runs of an execution whose process is dead."""
        query = "SELECT * FROM runs WHERE execution_id = ? AND status IS NULL"
        for row in rows_of(db, query, (execution_id,)):
            if not self._is_running(row):
                kept = encoded({"message": gone_message(row)})
                update = "UPDATE runs SET status = 'interrupted', outcome = ? WHERE id = ?"
                db.execute(update, (kept, row["id"]))

    def mark_tick(
        self, db: sqlite3.Connection, job_id: str, scheduled_time: datetime, schedule: str
    ) -> None:
        """Record a tick of a job's schedule, unless a later one of that schedule is recorded."""
        last = self.last_tick(db, job_id)
        if last is None or last.schedule not in {None, schedule}:
            self.set_tick(db, job_id, scheduled_time, schedule)
        elif scheduled_time > last.scheduled_time:
            db.execute(_SET_TICK, (job_id, scheduled_time.isoformat()))
            if last.schedule is None:
                db.execute(_SET_SCHEDULE, (job_id, schedule))

    def set_tick(
        self, db: sqlite3.Connection, job_id: str, scheduled_time: datetime, schedule: str
    ) -> None:
        """Record a job's last tick and its schedule, whatever was recorded before."""
        db.execute(_SET_TICK, (job_id, scheduled_time.isoformat()))
        db.execute(_SET_SCHEDULE, (job_id, schedule))

    def last_tick(self, db: sqlite3.Connection, job_id: str) -> LastTick | None:
        """Return the last recorded tick of a job."""
        row = db.execute(f"{_TICKS} WHERE job_id = ?", (job_id,)).fetchone()
        return LastTick(datetime.fromisoformat(row[1]), row[2]) if row else None

    def last_ticks(self, db: sqlite3.Connection) -> dict[str, LastTick]:
        """Return the last recorded tick of every job."""
        return {
            job_id: LastTick(datetime.fromisoformat(moment), schedule)
            for job_id, moment, schedule in db.execute(_TICKS)
        }

    def keep_ticks(self, db: sqlite3.Connection, job_ids: Container[str]) -> None:
        """Forget the ticks of all other jobs."""
        known = db.execute("SELECT job_id FROM ticks").fetchall()
        gone = [row for row in known if row[0] not in job_ids]
        for table in ("ticks", "tick_schedules") if gone else ():
            db.executemany(f"DELETE FROM {table} WHERE job_id = ?", gone)  # noqa: S608

    def running(self, db: sqlite3.Connection, job_id: str) -> StartedExecution | None:
        """Return a job's execution that is running; the first of several."""
        query = "SELECT * FROM runs WHERE job_id = ? AND status IS NULL ORDER BY id"
        for row in rows_of(db, query, (job_id,)):
            if self._is_running(row):
                return started_of(row)
        return None

    def unfinished(self, db: sqlite3.Connection) -> list[StartedExecution]:
        """Return what dead processes left behind and nobody has started again; oldest first."""
        query = (
            "SELECT * FROM runs WHERE status IS NULL AND NOT EXISTS (SELECT 1 FROM runs AS later "
            "WHERE later.execution_id = runs.execution_id AND later.id > runs.id) ORDER BY id"
        )
        return [started_of(row) for row in rows_of(db, query) if self._is_dead(row)]

    def history(self, db: sqlite3.Connection, wanted: HistoryFilter) -> list[HistoryEntry]:
        """Return the entries that a filter wants, newest first."""
        where, values = _condition(wanted)
        query = f"SELECT * FROM runs WHERE {where} ORDER BY id DESC"  # noqa: S608 - only marks
        entries: list[HistoryEntry] = []
        for row in rows_of(db, query, values):
            if len(entries) == wanted.limit:
                break
            status = self._progress(row)
            if not wanted.statuses or status in wanted.statuses:
                told = notices.of_run(db, row["id"])
                entries.append(entry_of(row, status, _attempts(db, row["id"]), told))
        return entries

    def last_ends(self, db: sqlite3.Connection) -> dict[str, LastEnd]:
        """Return the last execution of every job that has ended and was not skipped."""
        found: dict[str, LastEnd] = {}
        for row in rows_of(db, _LAST_RUNS):
            status = self._progress(row)
            if status is not HistoryStatus.RUNNING:
                found[row["job_id"]] = last_end_of(row, status)
        return found

    def statuses(
        self, db: sqlite3.Connection, ids: Sequence[str]
    ) -> dict[tuple[str, str], list[HistoryStatus]]:
        """Return how the runs of executions ended, oldest first, by execution and job."""
        found: dict[tuple[str, str], list[HistoryStatus]] = {}
        for start in range(0, len(ids), _MOST_MARKS):
            some = ids[start : start + _MOST_MARKS]
            marks = ", ".join("?" * len(some))
            query = f"SELECT * FROM runs WHERE execution_id IN ({marks}) ORDER BY id"  # noqa: S608
            for row in rows_of(db, query, some):
                key = row["execution_id"], row["job_id"]
                found.setdefault(key, []).append(self._progress(row))
        return found

    def stats(self, db: sqlite3.Connection, wanted: HistoryFilter) -> list[JobStats]:
        """Return the figures of the jobs that a filter wants; it may not ask for statuses."""
        where, values = _condition(wanted)
        left = rows_of(db, f"SELECT * FROM runs WHERE {where} AND status IS NULL", values)  # noqa: S608 - only marks
        dead = [row["id"] for row in left if not self._is_running(row)]
        return job_stats(db, where, values, json_text(dead))

    def ids_beginning(self, db: sqlite3.Connection, text: str, most: int) -> list[tuple[str, str]]:
        """Return up to `most` execution IDs that begin with a text, and their jobs."""
        query = (
            "SELECT execution_id, min(job_id) FROM runs WHERE execution_id >= ? "
            "AND execution_id < ? GROUP BY execution_id ORDER BY execution_id LIMIT ?"
        )
        return db.execute(query, (text, f"{text}\U0010ffff", most)).fetchall()

    def prune(self, db: sqlite3.Connection, older_than: datetime | None, keep: int | None) -> int:
        """Delete what is older or more than is kept, except what is running."""
        before = older_than.timestamp() if older_than else 0.0
        newest = None
        if keep is not None:
            query = "SELECT id FROM runs ORDER BY id DESC LIMIT 1 OFFSET ?"
            newest = db.execute(query, (keep,)).fetchone()
        last = newest[0] if newest else 0
        doomed = rows_of(db, "SELECT * FROM runs WHERE started_at < ? OR id <= ?", (before, last))
        ids = [(row["id"],) for row in doomed if row["status"] or not self._is_running(row)]
        db.executemany("DELETE FROM runs WHERE id = ?", ids)
        return len(ids)

    def _progress(self, row: Row) -> HistoryStatus:
        if row["status"]:
            return HistoryStatus(row["status"])
        return HistoryStatus.RUNNING if self._is_running(row) else HistoryStatus.INTERRUPTED

    def _is_running(self, row: Row) -> bool:
        """Whether an open run still goes on.

        Not beyond its deadline: so a process whose end could not be recorded, or of another
        host, which cannot be asked, holds nobody up for ever.
        """
        if self._is_dead(row):
            return False
        process = process_of(row)
        if (process.host, process.boot) == (self._here.host, self._here.boot):
            # Unlike the wall clock it neither jumps nor counts the machine's sleep.
            age = self._clock.monotonic() - row["started_monotonic"]
        else:
            age = self._clock.now().timestamp() - row["started_at"]
        return bool(age < row["deadline"] + _GRACE)

    def _is_dead(self, row: Row) -> bool:
        """Whether the process of a run is known to be dead."""
        process = process_of(row)
        if self._holds_loop() and row["origin"] in LOOP_ORIGINS and process != self._here:
            return True
        return is_alive(process, self._here) is False


# SQLite has a bound on the values of one statement.
_MOST_MARKS = 500


@lru_cache(maxsize=4)
def _insert(names: tuple[str, ...]) -> str:
    # The names are ours, not a user's.
    marks = ", ".join(f":{name}" for name in names)
    return f"INSERT INTO runs ({', '.join(names)}) VALUES ({marks})"  # noqa: S608


_SET_TICK = "INSERT OR REPLACE INTO ticks VALUES (?, ?)"
_SET_SCHEDULE = "INSERT OR REPLACE INTO tick_schedules VALUES (?, ?)"
# Ended or cut off, a job's last one last.
_LAST_RUNS = """
SELECT * FROM runs WHERE id IN (
    SELECT max(id) FROM runs WHERE status <> 'skipped' GROUP BY job_id
    UNION SELECT id FROM runs WHERE status IS NULL
) ORDER BY id
"""
_UNFINISHED = ("running", "interrupted")
_TICKS = (
    "SELECT job_id, scheduled_time, schedule FROM ticks LEFT JOIN tick_schedules USING (job_id)"
)
# Of an outcome, what has a column or a table of its own, and what the log alone tells.
_IN_COLUMNS = frozenset(
    {"execution_id", "job_id", "scheduled_time", "status", "attempts", "notices", "trace_id"}
)


def _condition(wanted: HistoryFilter) -> tuple[str, list[Any]]:
    """Return a filter as a condition on a row, with its values."""
    conditions, values = ["1"], list[Any]()
    for condition, value in (
        ("execution_id = ?", wanted.execution_id),
        ("started_at >= ?", wanted.since and wanted.since.timestamp()),
        ("started_at < ?", wanted.until and wanted.until.timestamp()),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if wanted.jobs:
        conditions.append(f"job_id IN ({', '.join('?' * len(wanted.jobs))})")
        values += sorted(wanted.jobs)
    if wanted.statuses:
        statuses = f"status IN ({', '.join('?' * len(wanted.statuses))})"
        # Whether one that has not ended is running is told row by row.
        open_too = not wanted.statuses.isdisjoint(_UNFINISHED)
        conditions.append(f"({statuses} OR status IS NULL)" if open_too else statuses)
        values += sorted(wanted.statuses)
    return " AND ".join(conditions), values


def _attempts(db: sqlite3.Connection, run: int) -> list[Attempt]:
    query = "SELECT attempt FROM attempts WHERE run = ? ORDER BY number"
    return [msgspec.json.decode(row[0], type=Attempt) for row in db.execute(query, (run,))]
