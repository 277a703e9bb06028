"""Pauses of jobs. Each statement is within the caller's transaction."""

import sqlite3
from datetime import datetime

from chronos_cli.state.entries import Pause

# The ticks of jobs that no pause holds back any more, as far as they lie before a moment.
_MARK = """
UPDATE ticks SET scheduled_time = :moment
WHERE (:job_id = '' OR job_id = :job_id)
  AND julianday(scheduled_time) < julianday(:moment)
  AND job_id NOT IN (SELECT job_id FROM pauses)
  AND NOT EXISTS (SELECT 1 FROM pauses WHERE job_id = '')
"""


def known(db: sqlite3.Connection) -> dict[str, Pause]:
    """Return the pauses by job; that of all jobs under `ALL_JOBS`."""
    rows = db.execute("SELECT job_id, by, at, reason, until FROM pauses ORDER BY job_id")
    return {
        job_id: Pause(by, datetime.fromisoformat(at), reason, _moment(until))
        for job_id, by, at, reason, until in rows
    }


def put(db: sqlite3.Connection, job_id: str, pause: Pause) -> None:
    """Record a pause, in the place of an earlier one of the same job."""
    until = pause.until and pause.until.isoformat()
    values = (job_id, pause.by, pause.at.isoformat(), pause.reason, until)
    db.execute("INSERT OR REPLACE INTO pauses VALUES (?, ?, ?, ?, ?)", values)


def lift(db: sqlite3.Connection, job_id: str, moment: datetime | None) -> None:
    """End a pause: the ticks up to a moment count as seen to; without one they are missed."""
    db.execute("DELETE FROM pauses WHERE job_id = ?", (job_id,))
    if moment is not None:
        db.execute(_MARK, {"job_id": job_id, "moment": moment.isoformat()})


def known_jobs(db: sqlite3.Connection) -> list[str]:
    """Return the jobs that a loop or a pause has left a word of."""
    query = "SELECT job_id FROM ticks UNION SELECT job_id FROM pauses WHERE job_id <> ''"
    return [job_id for (job_id,) in db.execute(query)]


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
