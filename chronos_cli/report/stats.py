"""Figures of jobs, as JSON data and as plain lines."""

from collections.abc import Sequence
from typing import Any

import msgspec

from chronos_cli.report.history import local_time
from chronos_cli.report.text import aligned, milliseconds, printable
from chronos_cli.state.entries import JobStats

STATS_TITLES = ("Job", "Succeeded", "Rate", "Median", "95 %", "Streak", "Last success")


def stats_document(found: Sequence[JobStats]) -> dict[str, Any]:
    """Return the figures in their stable JSON shape."""
    return {"schema_version": 1, "results": [msgspec.to_builtins(stats) for stats in found]}


def stats_cells(stats: JobStats) -> tuple[str, ...]:
    """Return the figures of a job under the `STATS_TITLES`."""
    return (
        printable(stats.job_id),
        f"{stats.succeeded} of {stats.executions}",
        _rate(stats),
        "" if stats.p50_ms is None else milliseconds(stats.p50_ms),
        "" if stats.p95_ms is None else milliseconds(stats.p95_ms),
        f"{stats.streak:+d}" if stats.streak else "",
        "never" if stats.last_success is None else local_time(stats.last_success),
    )


def stats_lines(found: Sequence[JobStats]) -> str:
    """Return one aligned line for each job, below a line of titles."""
    rows = [tuple(title.upper() for title in STATS_TITLES), *map(stats_cells, found)]
    return "\n".join(aligned(rows)) + "\n"


def _rate(stats: JobStats) -> str:
    """Write a share in percent; nothing short of all is 100 %, nothing above none is 0 %."""
    if stats.success_rate is None:
        return ""
    if stats.success_rate in {0.0, 1.0}:
        return f"{stats.success_rate:.0%}".replace("%", " %")
    return f"{min(max(stats.success_rate * 100, 0.1), 99.9):.1f} %"
