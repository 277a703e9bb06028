"""Rows of the far sides' table, for a terminal and for a page."""

from typing import NamedTuple


class Row(NamedTuple):
    far_side: str
    version: str
    tried: str
    held: str
    needs: str


def text(rows: list[Row]) -> str:
    """Return the table without `needs`, in columns."""
    lines = [("far side", "version", "tried", "held"), *(row[:4] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        "  ".join(
            [*(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=False)), line[3]]
        )
        for line in lines
    )


def markdown(rows: list[Row]) -> str:
    """Return the whole table, as Markdown."""
    lines = ["| far side | version | tried | held | what it needs |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("<", "&lt;")
