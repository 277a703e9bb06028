"""The live table of `chronos cron`: what runs, what comes, what became of it. It imports Rich."""

from collections.abc import Sequence
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from chronos_cli.cron.overview import Ending, Row
from chronos_cli.dispatch.outcome import Status
from chronos_cli.report.history import status
from chronos_cli.report.outcomes import STYLES
from chronos_cli.report.text import count, milliseconds, printable
from chronos_cli.units import format_duration

# Below this width there is no room for times beside how far away they are.
_WIDE = 130
# The widths of the columns between the first and the last, frames included.
_BETWEEN, _BETWEEN_WIDE = 33, 64
_SHORTEST = 16


def live_table(
    rows: Sequence[Row], jobs: int, running: int, now: datetime, width: int
) -> RenderableType:
    """Return the rows as a table for a terminal of `width` columns.

    `jobs` and `running` are the numbers of all jobs and executions, those not among the rows too.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False, padding=(0, 1))
    wide = width >= _WIDE
    rest = width - (_BETWEEN_WIDE if wide else _BETWEEN)
    longest = max(_SHORTEST, rest * 2 // 5)
    for title, most in (("Job", longest), ("Now", None), ("Next", None), ("Last", rest - longest)):
        table.add_column(title, no_wrap=True, overflow="ellipsis", max_width=most)
    for row in rows:
        cells = (_now(row, now), _next(row, now, wide=wide), _last(row.last, now, wide=wide))
        table.add_row(Text(printable(row.job.id)), *cells)
    return Group(table, Text(_sum(len(rows), jobs, running), style="bold"))


def _now(row: Row, now: datetime) -> Text:
    if not row.running_since:
        if not row.job.spec.enabled:
            return Text("disabled", style="bright_blue")
        return Text("paused" if row.paused else "", style="magenta")
    longest = _span(min(row.running_since), now)
    number = len(row.running_since)
    return Text(f"{f'{number} ' if number > 1 else ''}running {longest}", style="bold")


def _next(row: Row, now: datetime, *, wide: bool) -> Text:
    if row.next_time is None:
        if row.paused and row.paused.until is None:
            return Text(printable(f"by {row.paused.by}"), style="magenta")
        return Text("never" if row.job.spec.enabled else "")
    away = f"in {_span(now, row.next_time)}"
    return Text(f"{row.next_time:%a %Y-%m-%d %H:%M:%S %Z}  {away}" if wide else away)


def _last(last: Ending | None, now: datetime, *, wide: bool) -> Text:
    if last is None:
        return Text("")
    text = Text(status(last.status, last.code), style=STYLES[Status(last.status)])
    if wide and last.duration_ms is not None:
        text.append(f" in {milliseconds(last.duration_ms)}", style="not bold default")
    return text.append(f", {_span(last.time, now)} ago", style="default")


def _span(start: datetime, end: datetime) -> str:
    """Write how far two times are apart, in whole seconds."""
    return format_duration(float(max(0, round((end - start).total_seconds())))).replace("0ms", "0s")


def _sum(shown: int, jobs: int, running: int) -> str:
    parts = [count(jobs, "job"), f"{running} running"]
    if shown < jobs:
        parts.append(f"{jobs - shown} not shown")
    return ", ".join(parts)
