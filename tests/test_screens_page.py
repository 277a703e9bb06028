"""The page of screens shows what the program draws."""

import re

from rich.cells import cell_len

from tests.screens import WIDTHS, page
from tests.support import ROOT

PAGE = (ROOT / "docs/screens.md").read_text()


def test_the_screens_are_those_of_the_program() -> None:
    """`make screens` writes them."""
    assert page() == PAGE


def test_every_screen_fits_its_terminal() -> None:
    for width in WIDTHS:
        screens = re.findall(
            rf"^{width} columns:\n\n```text\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE
        )
        assert len(screens) >= 4
        assert all(cell_len(line) <= width for text in screens for line in text.splitlines())


def test_no_line_is_mostly_blank() -> None:
    for line in PAGE.splitlines():
        assert " " * 40 not in line, line
