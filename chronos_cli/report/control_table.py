"""The status of a loop, for a terminal. It imports Rich."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.text import Text

from chronos_cli.cron.control import JobStatus, LoopStatus
from chronos_cli.report.control import TITLES, cells, head_lines, pause_line
from chronos_cli.report.grid import Grid, GridRow
from chronos_cli.report.history import style
from chronos_cli.state.entries import LastEnd, Pause


def status_table(
    loop: LoopStatus, jobs: Sequence[JobStatus], last: Mapping[str, LastEnd]
) -> RenderableType:
    """Return the jobs as a table, the pause of each below it, and the loop as a whole."""
    rows = [
        job_row(cells(job, last.get(job.job_id)), last.get(job.job_id), job.paused) for job in jobs
    ]
    return table_of(TITLES, rows, head_lines(loop, jobs, datetime.now(UTC)))


def table_of(
    titles: Sequence[str], rows: Sequence[GridRow], lines: Sequence[str]
) -> RenderableType:
    """Return rows of jobs as a table, and below it what is said of the whole."""
    return Group(Grid(titles, rows, most=60), *(Text(one, style="bold") for one in lines), Text())


def job_row(shown: Sequence[str], last: LastEnd | None, paused: Pause | None) -> GridRow:
    """Return a job as a row, its pause below it; the last cell is how it ended."""
    ended = Text(shown[-1], style=style(last.status) if last else "")
    below = [Text(pause_line(paused), style="magenta")] if paused else []
    return GridRow([*(Text(one) for one in shown[:-1]), ended], below)
