"""The table of a history, for a terminal; imports Rich."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from chronos_cli.report.history import TITLES, cells
from chronos_cli.state.entries import HistoryEntry, HistoryStatus

_STYLES = {
    HistoryStatus.SUCCEEDED: "green",
    HistoryStatus.SKIPPED: "yellow",
    HistoryStatus.RUNNING: "cyan",
}
# Below this width the execution ID goes under the job, the figures under the status.
_WIDE = 130


def history_table(entries: Sequence[HistoryEntry], width: int) -> RenderableType:
    """Return entries as a table for a terminal of `width` columns."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False, padding=(0, 1))
    wide = width >= _WIDE
    for title in TITLES if wide else TITLES[:3]:
        table.add_column(title, overflow="fold", no_wrap=title == TITLES[0])
    for entry in entries:
        row = [Text(cell) for cell in cells(entry)]
        row[2].stylize(_STYLES.get(entry.status, "red"))
        table.add_row(*(row if wide else _narrow(row)))
    return table


def _narrow(row: list[Text]) -> list[Text]:
    started, job, status, origin, attempts, duration, identity = row
    job.append(f"\n{identity}", style="dim")
    figures = [origin.plain, f"{attempts} tried", duration.plain]
    status.append("\n" + ", ".join(figure for figure in figures if figure), style="dim")
    return [started, job, status]
