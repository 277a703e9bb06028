"""Rows in columns as wide as their content, each with text below it, for a terminal.

It imports Rich, whose tables know no cell that goes over several columns.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from msgspec import Struct
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

_GAP = "  "
_INDENT = "  "
# The column that folds is made no narrower than this to let the others stand beside it.
_LEAST = 12


class GridRow(Struct):
    """Cells, and paragraphs below them that may take the whole width."""

    cells: Sequence[Text]
    below: Sequence[Text] = ()


class Grid:
    """Draws rows below their titles. What the width does not hold folds, in column `folds` first.

    `right` has the numbers of the columns that end at one line. That which folds is no wider than
    `most`: else one long text would put all others apart.
    """

    def __init__(
        self,
        titles: Sequence[str],
        rows: Sequence[GridRow],
        *,
        right: Sequence[int] = (),
        folds: int = 0,
        most: int = 128,
    ) -> None:
        self._head = [Text(title, style="bold") for title in titles]
        self._rows = rows
        self._right = frozenset(right)
        self._folds = folds
        self._most = most

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines, for a terminal of `options.max_width` columns."""
        widths = self._widths(options.max_width)
        yield Text()
        yield from self._lines(console, self._head, widths)
        rule = "-" if options.ascii_only else "─"
        yield Text(rule * (sum(widths) + len(_GAP) * (len(widths) - 1)))
        for row in self._rows:
            yield from self._lines(console, row.cells, widths)
            for paragraph in row.below:
                for line in paragraph.wrap(console, options.max_width - len(_INDENT)):
                    line.rstrip()
                    yield Text.assemble(_INDENT, line)
        yield Text()

    def _widths(self, most: int) -> list[int]:
        columns = zip(self._head, *(row.cells for row in self._rows), strict=True)
        widths = [max(cell.cell_len for cell in column) for column in columns]
        widths[self._folds] = min(widths[self._folds], self._most)
        over = sum(widths) + len(_GAP) * (len(widths) - 1) - most
        for _ in range(over):
            folds = self._folds if widths[self._folds] > _LEAST else widths.index(max(widths))
            widths[folds] -= 1
        return widths

    def _lines(
        self, console: Console, cells: Sequence[Text], widths: Sequence[int]
    ) -> Iterator[Text]:
        """Yield the lines of a row, folded where it must be."""
        folded = [
            cell.wrap(console, width, overflow="fold", tab_size=1)
            for cell, width in zip(cells, widths, strict=True)
        ]
        for parts in zip_longest(*folded, fillvalue=Text()):
            line = Text()
            for number, (part, width) in enumerate(zip(parts, widths, strict=True)):
                part.rstrip()
                blanks = " " * (width - part.cell_len)
                line.append(_GAP if number else "")
                line.append_text(Text(blanks) + part if number in self._right else part + blanks)
            line.rstrip()
            yield line
