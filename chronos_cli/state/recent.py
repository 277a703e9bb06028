"""How jobs ended of late: little of each, of many jobs at once."""

import sqlite3
from collections.abc import Collection
from datetime import UTC, datetime

from msgspec import Struct

from chronos_cli.state.values import json_text

# An index leads to the runs of a job, the newest first, so that no others are read.
_RECENT = """
SELECT wanted.value, status, started_at, ended_at, json_extract(outcome, '$.code')
FROM json_each(?) AS wanted JOIN runs ON runs.id IN (
    SELECT id FROM runs AS own WHERE own.job_id = wanted.value AND own.status NOTNULL
    ORDER BY id DESC LIMIT ?
) ORDER BY runs.id
"""
_SUCCESSES = "SELECT job_id, max(ended_at) FROM runs WHERE status = 'succeeded' GROUP BY job_id"


class RecentEnding(Struct, frozen=True):
    """How a run ended: `ended_at` is aware, None for one whose process died."""

    status: str
    started_at: datetime
    ended_at: datetime | None
    code: str | None


def recent_endings(
    db: sqlite3.Connection, jobs: Collection[str], most: int
) -> dict[str, list[RecentEnding]]:
    """Return the last `most` endings of each job, oldest first; jobs without any are left out."""
    found: dict[str, list[RecentEnding]] = {}
    for job_id, status, started, ended, code in db.execute(_RECENT, (json_text(list(jobs)), most)):
        ending = RecentEnding(status, _moment(started), ended and _moment(ended), code)
        found.setdefault(job_id, []).append(ending)
    return found


def last_successes(db: sqlite3.Connection) -> dict[str, float]:
    """Return when each job last succeeded, in seconds since 1970."""
    return dict(db.execute(_SUCCESSES).fetchall())


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
