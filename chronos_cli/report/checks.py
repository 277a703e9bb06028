"""What checks found, as JSON data and as plain lines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from chronos_cli.dispatch.check import Checked
from chronos_cli.dispatch.outcome import Status
from chronos_cli.dispatch.steps import StepStatus
from chronos_cli.report.outcomes import STYLES
from chronos_cli.report.text import (
    Paint,
    aligned,
    count,
    milliseconds,
    printable,
    unpainted,
)

_WARNING = "yellow"


class CheckRow(Struct, frozen=True):
    """One line of a report: a job, or below it one of its steps."""

    name: str
    status: str
    style: str
    duration: str
    found: str
    is_job: bool

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The texts of the line; a step stands further in."""
        name = self.name if self.is_job else f"  {self.name}"
        return name, self.status, self.duration, self.found


def check_document(results: Sequence[Checked], exit_code: int) -> dict[str, Any]:
    """Return the report of a check in its stable JSON shape."""
    found = [msgspec.to_builtins(result) for result in results]
    return {"schema_version": 1, "exit_code": exit_code, "results": found}


def check_rows(results: Sequence[Checked]) -> Iterator[CheckRow]:
    """Yield the lines of a report, printable: each job, and its steps as far as it got."""
    for result in results:
        total = sum(step.duration_ms for step in result.steps)
        yield CheckRow(
            name=printable(result.job_id),
            status=_words(result.status),
            style=STYLES[result.status],
            duration=milliseconds(total) if result.steps else "",
            found=printable(f"{result.protocol} {result.target}"),
            is_job=True,
        )
        for step in result.steps:
            yield CheckRow(
                name=printable(step.name),
                status="ok" if step.status is StepStatus.SUCCEEDED else _words(step.status),
                style=_style(step.status),
                duration=milliseconds(step.duration_ms),
                found=printable(step.message),
                is_job=False,
            )


def check_lines(results: Sequence[Checked], paint: Paint = unpainted) -> str:
    """Return the report as aligned lines, and its sum."""
    rows = list(check_rows(results))

    def shown(row: int, column: int, cell: str) -> str:
        return paint(cell, rows[row].style) if column == 1 else cell

    lines = aligned([row.cells for row in rows], shown)
    return "\n".join([*lines, check_summary(results)]) + "\n"


def check_summary(results: Sequence[Checked]) -> str:
    """Return the check in one line: `3 jobs: 2 succeeded, 1 rejected; 1 warning`."""
    counter = Counter(result.status for result in results)
    parts = [f"{counter[status]} {_words(status)}" for status in Status if counter[status]]
    steps = [step for result in results for step in result.steps]
    warnings = sum(step.status is StepStatus.WARNING for step in steps)
    more = f"; {count(warnings, 'warning')}" if warnings else ""
    return f"{count(len(results), 'job')}: {', '.join(parts)}{more}"


def check_failure_line(result: Checked) -> str:
    """Return a failed check in one line, for `--quiet`: the step that decided, or a warning."""
    found = [step for step in result.steps if step.status is not StepStatus.SUCCEEDED]
    failed = [step for step in found if step.status.is_failure] or found
    why = printable(f": {failed[0].name}: {failed[0].message}") if failed else ""
    return f"{printable(result.job_id)}: {_words(result.status)}{why}"


def _style(status: StepStatus) -> str:
    return _WARNING if status is StepStatus.WARNING else STYLES[Status(status.value)]


def _words(status: str) -> str:
    return status.replace("_", " ")
