"""Figures of a history, by job, in two passes over it: none of them holds the rows in memory."""

import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from chronos_cli.state.entries import JobStats

# Not by an index: those lead to the rows of a large file in no order, which takes ten times as
# long. A run whose process died has no status, and is told of by its number.
_RUNS = (
    "runs NOT INDEXED WHERE {where} AND (status NOTNULL OR id IN (SELECT value FROM json_each(?)))"
)
_ENDINGS = "SELECT job_id, status, ended_at FROM {runs} ORDER BY id"
# SQLite sorts them in files of its own.
_DURATIONS = """
SELECT job_id, json_extract(outcome, '$.duration_ms') AS took FROM {runs}
    AND status IS NOT 'skipped' AND took NOTNULL ORDER BY job_id, took
"""


class _Tally:
    """What is counted of a job while its runs come by, in the order of their starts."""

    def __init__(self) -> None:
        self.succeeded = 0
        self.failed = 0
        self.streak = 0
        self.last_success: float | None = None

    def add(self, status: str | None, ended_at: float | None) -> None:
        """Count a run that has ended."""
        if status == "succeeded":
            self.succeeded += 1
            self.streak = max(self.streak, 0) + 1
            self.last_success = max(self.last_success or 0.0, ended_at or 0.0)
        elif status != "skipped":
            self.failed += 1
            self.streak = min(self.streak, 0) - 1


def job_stats(
    db: sqlite3.Connection, where: str, values: Sequence[Any], dead: str
) -> list[JobStats]:
    """Return the figures of every job with a run that the condition `where` holds for.

    `dead` is a JSON list of the runs whose process died before their end.
    """
    runs, given = _RUNS.format(where=where), (*values, dead)
    tallies: dict[str, _Tally] = {}
    for job_id, status, ended_at in db.execute(_ENDINGS.format(runs=runs), given):
        tally = tallies.get(job_id) or tallies.setdefault(job_id, _Tally())
        tally.add(status, ended_at)
    ranks = dict(_ranks(db.execute(_DURATIONS.format(runs=runs), given)))
    return [
        _stats(job_id, tallies[job_id], *ranks.get(job_id, (None, None)))
        for job_id in sorted(tallies)
    ]


def _ranks(rows: Iterator[tuple[str, float]]) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield median and 95th percentile of each job, by nearest rank; the rows are in order."""
    for job_id, own in groupby(rows, itemgetter(0)):
        took = array("d", map(itemgetter(1), own))
        yield job_id, (took[-(-len(took) // 2) - 1], took[-(-len(took) * 95 // 100) - 1])


def _stats(job_id: str, tally: _Tally, p50: float | None, p95: float | None) -> JobStats:
    executions, last = tally.succeeded + tally.failed, tally.last_success
    return JobStats(
        job_id=job_id,
        executions=executions,
        succeeded=tally.succeeded,
        failed=tally.failed,
        success_rate=tally.succeeded / executions if executions else None,
        p50_ms=p50,
        p95_ms=p95,
        last_success=None if last is None else datetime.fromtimestamp(last, UTC),
        streak=tally.streak,
    )
