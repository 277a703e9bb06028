"""Tables as wide as their content, with text below rows."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from chronos_cli.report.grid import Grid, GridRow

LONG = "a-name-of-some-length-" * 5


def drawn(grid: Grid, width: int, encoding: str = "utf-8") -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding, errors="strict")
    Console(file=file, width=width, force_terminal=False).print(grid)
    file.seek(0)
    return file.read().splitlines()


def row(*cells: str, below: str = "") -> GridRow:
    return GridRow([Text(cell) for cell in cells], [Text(below)] if below else [])


def test_it_is_as_wide_as_its_content() -> None:
    grid = Grid(("Job", "Took"), [row("a", "12 ms", below="why " * 20), row("bcd", "3 ms")])
    lines = drawn(grid, 200)
    assert lines == [
        "",
        "Job  Took",
        "──────────",
        "a    12 ms",
        "  " + ("why " * 20).strip(),
        "bcd  3 ms",
        "",
    ]


def test_text_below_takes_the_whole_width() -> None:
    lines = drawn(Grid(("Job",), [row("a", below="word " * 30)]), 80)
    assert [len(line) for line in lines[4:6]] == [76, 76]
    assert all(line.startswith("  word") for line in lines[4:6])


@pytest.mark.parametrize("width", [40, 80, 200])
def test_what_is_too_long_folds_and_is_whole(width: int) -> None:
    grid = Grid(("Job", "Status", "Took"), [row(LONG, "rejected 404", "12 ms")], right=(2,))
    lines = drawn(grid, width)
    assert all(len(line) <= width for line in lines)
    body = lines[3:-1]
    folded = "".join(line.split("  ")[0].strip() for line in body)
    assert folded == LONG


def test_a_code_without_end_makes_the_other_columns_fold_too() -> None:
    lines = drawn(Grid(("Job", "Status"), [row("report", "x" * 300)]), 80)
    assert all(len(line) <= 80 for line in lines)
    assert sum(line.count("x") for line in lines) == 300


def test_wide_letters_take_two_columns() -> None:
    lines = drawn(Grid(("Job", "Took"), [row("日本語", "1 ms"), row("abc", "1 ms")]), 80)
    assert {cell_len(line) for line in lines[3:5]} == {12}


def test_an_encoding_without_lines_gets_dashes() -> None:
    assert drawn(Grid(("Job",), [row("a")]), 80, "ascii")[2] == "---"
