"""The tables of a history, for a terminal; imports Rich."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from chronos_cli.report.grid import Grid, GridRow
from chronos_cli.report.history import TITLES, cells, style
from chronos_cli.report.stats import STATS_TITLES, stats_cells
from chronos_cli.state.entries import HistoryEntry, JobStats

# Below this width the execution ID goes under the row, and so does the time of a last success.
_WIDE = 130


def history_table(entries: Sequence[HistoryEntry], width: int) -> RenderableType:
    """Return entries as a table for a terminal of `width` columns."""
    rows = [_row(entry) for entry in entries]
    if width >= _WIDE:
        return Grid(TITLES, [GridRow(row) for row in rows], right=(4, 5), folds=1)
    titles = (*TITLES[:3], TITLES[5])
    narrow = [GridRow([*row[:3], row[5]], [_below(row)]) for row in rows]
    return Grid(titles, narrow, right=(3,), folds=1)


def stats_table(found: Sequence[JobStats], width: int) -> RenderableType:
    """Return the figures of jobs as a table for a terminal of `width` columns."""
    rows = [[Text(cell) for cell in stats_cells(stats)] for stats in found]
    for row, stats in zip(rows, found, strict=True):
        row[5].stylize("green" if stats.streak > 0 else "red")
    right = (1, 2, 3, 4, 5)
    if width >= _WIDE:
        return Grid(STATS_TITLES, [GridRow(row) for row in rows], right=right)
    below = [Text(f"last success {row[6].plain}", style="dim") for row in rows]
    narrow = [GridRow(row[:6], [text]) for row, text in zip(rows, below, strict=True)]
    return Grid(STATS_TITLES[:6], narrow, right=right)


def _row(entry: HistoryEntry) -> list[Text]:
    row = [Text(cell) for cell in cells(entry)]
    row[2].stylize(style(entry.status))
    return row


def _below(row: Sequence[Text]) -> Text:
    return Text(f"{row[6].plain}  {row[3].plain}, {row[4].plain} tried", style="dim")
