"""The status of a loop, for a terminal. It imports Rich."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.text import Text

from chronos_cli.cron.control import JobStatus, LoopStatus
from chronos_cli.report.control import TITLES, cells, head_lines, pause_line
from chronos_cli.report.grid import Grid, GridRow
from chronos_cli.report.history import style
from chronos_cli.state.entries import LastEnd


def status_table(
    loop: LoopStatus, jobs: Sequence[JobStatus], last: Mapping[str, LastEnd]
) -> RenderableType:
    """Return the jobs as a table, the pause of each below it, and the loop as a whole."""
    now = datetime.now(UTC)
    rows = [_row(job, last.get(job.job_id)) for job in jobs]
    lines = [Text(line, style="bold") for line in head_lines(loop, jobs, now)]
    return Group(Grid(TITLES, rows, most=60), *lines, Text())


def _row(job: JobStatus, last: LastEnd | None) -> GridRow:
    name, at_present, next_time, ended = cells(job, last)
    shown = Text(ended, style=style(last.status) if last else "")
    below = [Text(pause_line(job.paused), style="magenta")] if job.paused else []
    return GridRow([Text(name), Text(at_present), Text(next_time), shown], below)
