"""The notices that are under way, each statement within the caller's transaction."""

import sqlite3
from collections.abc import Iterable

from chronos_cli.state.entries import UnfinishedNotice
from chronos_cli.state.values import json_text, notice_of, rows_of


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
