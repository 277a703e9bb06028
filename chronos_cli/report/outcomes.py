"""Outcomes as JSON data and as plain lines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from chronos_cli.dispatch.outcome import Attempt, Notice, Outcome, Status
from chronos_cli.report.text import (
    Paint,
    aligned,
    count,
    milliseconds,
    printable,
    unpainted,
)

SCHEMA_VERSION = 1
# A signal may stop thousands at once, of a backfill: so many are named.
_MOST_UNBEGUN = 10
# Colours that can be read on white and on black.
STYLES = {
    Status.SUCCEEDED: "green",
    Status.SKIPPED: "bright_blue",
    Status.REJECTED: "red",
    Status.UNREACHABLE: "red",
    Status.TIMED_OUT: "red",
    Status.INTERRUPTED: "magenta",
}


def run_document(outcomes: Sequence[Outcome], exit_code: int) -> dict[str, Any]:
    """Return the report of a run in its stable JSON shape."""
    return {
        "schema_version": SCHEMA_VERSION,
        "exit_code": exit_code,
        "summary": {"total": len(outcomes), **_counts(outcomes)},
        "results": [msgspec.to_builtins(outcome) for outcome in outcomes],
    }


def _counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    counter = Counter(outcome.status for outcome in outcomes)
    return {status.value: counter[status] for status in Status}


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the run in one line: `3 jobs: 2 succeeded, 1 rejected`."""
    parts = [f"{number} {_words(name)}" for name, number in _counts(outcomes).items() if number]
    return f"{count(len(outcomes), 'job')}: {', '.join(parts)}"


def notice_words(notice: Notice) -> str:
    """Return what became of a notice in one line: `on_failure: succeeded 200, POST https://…`."""
    words = f"{notice.hook}: {status_with_code(notice)}"
    if notice.message:
        return f"{words}: {printable(notice.message)}"
    return f"{words}, {printable(notice.target)}"


def status_with_code(ended: Outcome | Attempt | Notice) -> str:
    """Return the status as people say it, with the protocol's code."""
    words = _words(ended.status)
    return f"{words} {printable(ended.code)}" if ended.code else words


def reason(outcome: Outcome) -> str:
    """Return why an outcome is what it is, or nothing when there is no need to say."""
    return printable(outcome.message)


def attempts(outcome: Outcome) -> str:
    """Return how many attempts were made."""
    return count(len(outcome.attempts), "attempt")


def plain_lines(outcomes: Sequence[Outcome], paint: Paint = unpainted) -> str:
    """Return one aligned line for each outcome, a reason below where there is one."""
    rows = [
        (
            status_with_code(outcome),
            printable(outcome.job_id),
            printable(outcome.protocol),
            printable(outcome.target),
            attempts(outcome),
            milliseconds(outcome.duration_ms),
        )
        for outcome in outcomes
    ]

    def shown(row: int, column: int, cell: str) -> str:
        return cell if column else paint(cell, STYLES[outcomes[row].status])

    lines: list[str] = []
    for outcome, line in zip(outcomes, aligned(rows, shown), strict=True):
        lines.append(line)
        if message := reason(outcome):
            lines.append(f"    {message}")
        lines += [f"    {notice_words(notice)}" for notice in outcome.notices]
    return "\n".join([*lines, summary(outcomes)]) + "\n"


def failure_line(outcome: Outcome) -> str:
    """Return a failed outcome in one line, for `--quiet`."""
    return f"{printable(outcome.job_id)}: {status_with_code(outcome)}: {reason(outcome)}"


def failure_lines(failed: Sequence[Outcome]) -> Iterator[str]:
    """Yield a line for each failed outcome, for `--quiet`.

    Of many that a signal kept from their first attempt the rest is counted.
    """
    unbegun = [one for one in failed if one.status is Status.INTERRUPTED and not one.attempts]
    untold = {id(one) for one in unbegun[_MOST_UNBEGUN:]}
    yield from (failure_line(one) for one in failed if id(one) not in untold)
    if untold:
        yield f"{len(untold):,} more were stopped before the first attempt"


def _words(status: str) -> str:
    return status.replace("_", " ")
