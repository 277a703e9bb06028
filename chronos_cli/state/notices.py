"""Notices, under way and ended, and the failures in a row that they tell of.

Each statement is within the caller's transaction.
"""

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from chronos_cli.dispatch.outcome import Notice
from chronos_cli.state.entries import UnfinishedNotice
from chronos_cli.state.values import encoded, json_text, notice_of, rows_of

if TYPE_CHECKING:
    from chronos_cli.dispatch.streak import Streak


def insert(db: sqlite3.Connection, notices: Iterable[UnfinishedNotice]) -> None:
    """Record notices that begin; what they tell is masked already."""
    values = [
        (
            one.execution_id,
            one.job_id,
            one.name,
            one.scheduled_time.isoformat(),
            json_text(one.outcome),
        )
        for one in notices
    ]
    db.executemany("INSERT OR REPLACE INTO notices VALUES (?, ?, ?, ?, ?)", values)


def delete(db: sqlite3.Connection, execution_id: str) -> None:
    """Record that a notice is under way no longer."""
    db.execute("DELETE FROM notices WHERE execution_id = ?", (execution_id,))


def under_way(db: sqlite3.Connection) -> list[UnfinishedNotice]:
    """Return what has begun and not ended, in the order of the ticks."""
    query = "SELECT * FROM notices ORDER BY scheduled_time, execution_id"
    return [notice_of(row) for row in rows_of(db, query)]


def tell(db: sqlite3.Connection, execution_id: str, job_id: str, told: dict[str, Any]) -> None:
    """Record what became of a notice, masked, with the last run of what it tells of."""
    db.execute(
        "INSERT OR REPLACE INTO told SELECT max(id), ?, ? FROM runs "
        "WHERE execution_id = ? AND job_id = ? HAVING max(id) IS NOT NULL",
        (told["hook"], encoded(told), execution_id, job_id),
    )


def of_run(db: sqlite3.Connection, run: int) -> list[Notice]:
    """Return what became of the notices of a run."""
    query = "SELECT notice FROM told WHERE run = ? ORDER BY hook"
    return [msgspec.json.decode(row[0], type=Notice) for row in db.execute(query, (run,))]


def streak(db: sqlite3.Connection, job_id: str) -> "Streak":
    """Return how often in a row a job has failed."""
    from chronos_cli.dispatch.streak import Streak  # for jobs that have `notify`

    query = "SELECT failures, told_at FROM streaks WHERE job_id = ?"
    row = db.execute(query, (job_id,)).fetchone()
    return Streak(*row) if row else Streak()


def set_streak(db: sqlite3.Connection, job_id: str, streak: "Streak") -> None:
    """Record how often in a row a job has failed; one that has not is not kept."""
    if streak.failures:
        values = (job_id, streak.failures, streak.told_at)
        db.execute("INSERT OR REPLACE INTO streaks VALUES (?, ?, ?)", values)
    else:
        db.execute("DELETE FROM streaks WHERE job_id = ?", (job_id,))


def untell(db: sqlite3.Connection, job_id: str) -> None:
    """Record that nobody was told of a job's failures: its notice did not get through."""
    db.execute("UPDATE streaks SET told_at = NULL WHERE job_id = ?", (job_id,))
