"""The table of the hostile far sides at the end of pytest's output.

A `conftest.py` that imports `pytest_terminal_summary` from here has it.
"""

import os
from typing import Any

_STATUSES = ("succeeded", "unreachable", "timed_out", "rejected", "crashed")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show how often each status came, by protocol, wire and behaviour."""
    rows = [
        [key, wire, kind, *(str(counts.get(status, 0) or "") for status in _STATUSES)]
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, (key, wire, by_kind) in _found(report)
        if name == "hostile"
        for kind, counts in by_kind.items()
    ]
    if not rows:
        return
    table = [["protocol", "wire", "far side", *_STATUSES], *sorted(rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    terminalreporter.section(f"hostile far sides (seed {os.environ.get('CHRONOS_TEST_SEED', '1')})")
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        terminalreporter.write_line("  ".join(cells).rstrip())


def _found(report: Any) -> list[tuple[str, Any]]:
    return [pair for pair in report.user_properties if pair[0] == "hostile"]
