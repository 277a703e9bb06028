"""The table of jobs, for a terminal; imports Rich."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from chronos_cli.report.jobs import TITLES, Listed, cells

# Below this width tags and file go under the target.
_WIDE = 120


def jobs_table(jobs: Sequence[Listed], width: int) -> RenderableType:
    """Return masked jobs as a table for a terminal of `width` columns."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False, padding=(0, 1))
    wide = width >= _WIDE
    for title in TITLES if wide else (*TITLES[:2], TITLES[3]):
        table.add_column(title, overflow="fold")
    for job in jobs:
        row = [Text(cell, style="" if job["enabled"] else "dim") for cell in cells(job)]
        table.add_row(*(row if wide else _narrow(row)))
    return table


def _narrow(row: list[Text]) -> list[Text]:
    name, schedule, protocol, target, tags, file = row
    below = "  ".join(part.plain for part in (tags, file) if part.plain)
    target = Text.assemble((f"{protocol.plain} ", "dim"), target, (f"\n{below}", "dim"))
    return [name, schedule, target]
