"""Figures of a history, by job: counted by SQLite, which keeps on disk what it has to sort."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from chronos_cli.state.entries import JobStats

# What came of each run, in the order of their starts; a run whose process died was interrupted.
_SEEN = """
WITH seen AS (
    SELECT id, job_id, ended_at, outcome, coalesce(status, 'interrupted') AS status
    FROM runs
    WHERE {where} AND (status IS NOT NULL OR id IN (SELECT value FROM json_each(?)))
), ended AS (
    SELECT *, status = 'succeeded' AS is_good FROM seen WHERE status <> 'skipped'
)
"""
_COUNTS = """
SELECT job_id, total(status <> 'skipped'), total(status = 'succeeded'),
    max(ended_at) FILTER (WHERE status = 'succeeded')
FROM seen GROUP BY job_id ORDER BY job_id
"""
# Nearest rank: the least duration that so many percent do not exceed.
_PERCENTILES = """
SELECT job_id, max(ms) FILTER (WHERE rank = (known + 1) / 2),
    max(ms) FILTER (WHERE rank = (known * 95 + 99) / 100)
FROM (
    SELECT job_id, ms, row_number() OVER (PARTITION BY job_id ORDER BY ms) AS rank,
        count(*) OVER (PARTITION BY job_id) AS known
    FROM (SELECT job_id, json_extract(outcome, '$.duration_ms') AS ms FROM ended)
    WHERE ms IS NOT NULL
) GROUP BY job_id
"""
_STREAKS = """
SELECT ended.job_id, sum(iif(is_good, 1, -1))
FROM ended JOIN (
    SELECT job_id, coalesce(max(id) FILTER (WHERE is_good), 0) AS good,
        coalesce(max(id) FILTER (WHERE NOT is_good), 0) AS bad
    FROM ended GROUP BY job_id
) AS last ON last.job_id = ended.job_id
WHERE ended.id > min(good, bad) GROUP BY ended.job_id
"""


def job_stats(
    db: sqlite3.Connection, where: str, values: Sequence[Any], dead: str
) -> list[JobStats]:
    """Return the figures of every job with a run that the condition `where` holds for.

    `dead` is a JSON list of the runs whose process died before their end.
    """
    seen = _SEEN.format(where=where)
    given = (*values, dead)
    middle = {job: rest for job, *rest in db.execute(seen + _PERCENTILES, given)}
    streaks = dict(db.execute(seen + _STREAKS, given))
    return [
        _stats(row, middle.get(row[0], [None, None]), streaks.get(row[0], 0))
        for row in db.execute(seen + _COUNTS, given)
    ]


def _stats(row: Sequence[Any], middle: Sequence[float | None], streak: int) -> JobStats:
    job_id, executions, succeeded, last_success = row
    p50, p95 = middle
    return JobStats(
        job_id=job_id,
        executions=int(executions),
        succeeded=int(succeeded),
        failed=int(executions - succeeded),
        success_rate=succeeded / executions if executions else None,
        p50_ms=p50,
        p95_ms=p95,
        last_success=None if last_success is None else datetime.fromtimestamp(last_success, UTC),
        streak=streak,
    )
