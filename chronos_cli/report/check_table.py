"""The table of a check, for a terminal. It imports Rich."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from chronos_cli.dispatch.check import Checked
from chronos_cli.report.checks import CheckRow, check_rows, check_summary
from chronos_cli.report.grid import Grid, GridRow

# Below this width a finding has no room beside the rest, and goes under its step.
_WIDE = 76


def check_table(results: Sequence[Checked], width: int) -> RenderableType:
    """Return what was found as a table for a terminal of `width` columns, and its sum."""
    rows = list(check_rows(results))
    if width >= _WIDE:
        titles: tuple[str, ...] = ("Job, step", "Status", "Duration", "Found")
        grid = Grid(titles, [GridRow(_cells(row)) for row in rows], right=(2,), folds=3)
    else:
        grid = Grid(("Job, step", "Status", "Duration"), list(map(_narrow, rows)), right=(2,))
    return Group(grid, Text(check_summary(results), style="bold"), Text())


def _narrow(row: CheckRow) -> GridRow:
    style = "dim" if row.is_job or row.status == "ok" else row.style
    return GridRow(_cells(row)[:3], [Text(f"  {row.found}", style=style)] if row.found else [])


def _cells(row: CheckRow) -> list[Text]:
    name, status, duration, found = row.cells
    first = Text(name, style="bold" if row.is_job else "")
    return [first, Text(status, style=row.style), Text(duration), Text(found)]
