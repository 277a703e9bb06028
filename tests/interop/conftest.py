"""The far sides' table: what was tried at which version, and whether it held."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.interop.table import Row, markdown, text

_MARKER = "far_side"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--interop-page", metavar="PATH", help="write the table into this page too")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let the report carry what the marker says: with xdist it is another process that reads it."""
    for marker in item.iter_markers(_MARKER):
        name, tried = marker.args
        item.user_properties += [("far_side", name), ("tried", tried)]
        item.user_properties.append(("needs", marker.kwargs.get("needs", "nothing")))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    rows = _rows(terminalreporter)
    if not rows:
        return
    terminalreporter.section("far sides")
    terminalreporter.write_line(text(rows))
    if page := config.getoption("interop_page", None):
        _write_between_markers(Path(page), markdown(rows))


def _rows(terminal: pytest.TerminalReporter) -> list[Row]:
    rows = []
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminal.stats.get(outcome, []):
            properties = dict(report.user_properties)
            if "far_side" in properties and (report.when == "call" or outcome != "passed"):
                rows.append(_row(properties, _held(outcome, report, properties)))
    return sorted(rows)


def _row(properties: dict[str, str], held: str) -> Row:
    version = properties.get("version", "")
    return Row(
        properties["far_side"], version, properties["tried"], held, properties.get("needs", "")
    )


def _held(outcome: str, report: pytest.TestReport, properties: dict[str, str]) -> str:
    if outcome == "passed":
        return properties.get("held", "yes")
    if outcome == "skipped" and isinstance(report.longrepr, tuple):
        return "not tried: " + report.longrepr[2].removeprefix("Skipped: ")
    return f"NO: {_first(report.longreprtext.splitlines())}"


def _first(lines: Iterable[str]) -> str:
    """Return the assertion's own line of a traceback."""
    errors = (line.removeprefix("E ").strip() for line in lines if line.startswith("E "))
    return next(errors, "see above")[:160]


def _write_between_markers(page: Path, table: str) -> None:
    content = page.read_text(encoding="utf-8")
    fresh = re.sub(
        r"(<!-- make interop -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}{table}{found[2]}",
        content,
        flags=re.DOTALL,
    )
    page.write_text(fresh, encoding="utf-8")
