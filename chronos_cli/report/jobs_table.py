"""The table of jobs, for a terminal; imports Rich."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from chronos_cli.report.grid import Grid, GridRow
from chronos_cli.report.jobs import TITLES, Listed, cells

# Below this width a job has two lines: what it is, and below it where to and where from.
_WIDE = 120
_INDENT = (0, 0, 0, 4)


def jobs_table(jobs: Sequence[Listed], width: int) -> RenderableType:
    """Return masked jobs as a table for a terminal of `width` columns."""
    rows = [[Text(cell, style=_style(job)) for cell in cells(job)] for job in jobs]
    if width < _WIDE:
        return Group(*(line for row in rows for line in _lines(row)))
    return Grid(TITLES, [GridRow(row) for row in rows], folds=TITLES.index("Target"))


def _lines(row: list[Text]) -> Iterator[RenderableType]:
    name, schedule, protocol, target, tags, file = row
    name.stylize("bold")
    yield Text("  ").join(part for part in (name, schedule, tags) if part.plain.strip("-"))
    yield Padding(Text(" ").join([protocol, target]), _INDENT)
    file.stylize("dim")
    yield Padding(file, _INDENT)


def _style(job: Listed) -> str:
    return "" if job["enabled"] else "dim"
