"""The table as JSON, as Markdown between two markers, and as lines for a terminal."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.table import Result
from tests.support import ROOT

DOCS = ROOT / "docs"
JSON, PAGE, PLOT = DOCS / "benchmarks.json", DOCS / "benchmarks.md", DOCS / "benchmarks.svg"
_START, _END = "<!-- bench -->\n", "<!-- end -->\n"
_VERDICTS = {True: "yes", False: "**no**", None: ""}


def document(results: Sequence[Result]) -> dict[str, Any]:
    """Return the whole table as JSON data, with the day and the machine."""
    return {
        "schema_version": 1,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "rows": [result.document() for result in results],
    }


def committed(root: Path = ROOT) -> dict[str, Any]:
    """Return the table that is committed; without a repository the file's; empty if none is.

    A run writes the file, so that after several runs only the commit knows what held before.
    """
    file = root / JSON.relative_to(ROOT)
    if (root / ".git").exists():
        command = ["git", "show", f"HEAD:{file.relative_to(root).as_posix()}"]
        shown = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        text = shown.stdout
    else:
        text = file.read_text() if file.exists() else ""
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def markdown(table: dict[str, Any]) -> str:
    """Return the table as the page shows it."""
    machine = table["machine"]
    lines = [
        "![How near each figure is to its target](benchmarks.svg)",
        "",
        f"Measured on {table['measured_at'][:10]}: {machine['cores']} cores of "
        f"{machine['processor']}, {machine['memory_gib']} GiB, {machine['system']}, "
        f"Python {machine['python']}.",
        "",
        "| what | against | measured | quartiles | to reach | reached |",
        "|---|---|---|---|---|---|",
        *(_line(row) for row in table["rows"]),
    ]
    return "\n".join(lines) + "\n"


def write_page(page: Path, table: dict[str, Any]) -> None:
    """Put the table between the markers of a page."""
    text = page.read_text()
    head, tail = text.index(_START) + len(_START), text.index(_END)
    page.write_text(text[:head] + markdown(table) + text[tail:])


def terminal(row: dict[str, Any]) -> str:
    """Return one row as a line for people who watch the run."""
    if row["value"] is None:
        return f"{row['name']:<24} -  {row['reason']}"
    spread = f"({number(row['low'])} to {number(row['high'])}, {row['runs']} runs)"
    verdict = {True: "holds", False: "DOES NOT HOLD", None: ""}[row["holds"]]
    shown = f"{row['name']:<24} {value(row):<10} {spread:<28} {to_reach(row):<9} {verdict}"
    return f"{shown}  {_sides(row)}".rstrip()


def value(row: dict[str, Any]) -> str:
    return _with_unit(row["value"], row["unit"])


def to_reach(row: dict[str, Any]) -> str:
    """Return the target as text; nothing for a row that only informs."""
    if row["target"] is None:
        return ""
    sign = "≤" if row["comparison"] == "at most" else "≥"
    return f"{sign} {_with_unit(row['target'], row['unit'])}"


def number(figure: float) -> str:
    """Return a figure with as many digits as mean something."""
    if figure >= 100:
        return f"{figure:.0f}"
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


def _with_unit(figure: float, unit: str) -> str:
    return number(figure) + (unit if unit in "x%" else f" {unit}")


def _line(row: dict[str, Any]) -> str:
    start = f"| {row['title']} | {row['against']} |"
    if row["value"] is None:
        return f"{start} not measured: {_cell(row['reason'])} | | {to_reach(row)} | |"
    spread = f"{number(row['low'])} to {number(row['high'])}"
    return f"{start} {value(row)} | {spread} | {to_reach(row)} | {_VERDICTS[row['holds']]} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _sides(row: dict[str, Any]) -> str:
    if row["ours"] is None:
        return ""
    return f"[{number(row['ours'])} to {number(row['theirs'])} {row['parts']}]"


def _machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "system": f"{platform.system()} on {platform.machine()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    named = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return named[0] if named else platform.machine()
