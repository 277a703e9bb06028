"""Outcomes as Markdown, for the summary page of a CI job."""

from collections.abc import Sequence

from chronos_cli.dispatch.outcome import Outcome
from chronos_cli.report.outcomes import reason, status_with_code, summary
from chronos_cli.report.text import milliseconds, printable

# GitHub takes 1 MiB for each step.
_MOST_ROWS = 500
_LONGEST = 200


def step_summary(outcomes: Sequence[Outcome]) -> str:
    """Return outcomes as a table of GitHub's Markdown, failures first, below their sum."""
    ordered = sorted(outcomes, key=lambda outcome: not outcome.status.is_failure)
    lines = [
        f"### Chronos: {summary(outcomes)}",
        "",
        "| Job | Status | Attempts | Duration | Target | Reason |",
        "|---|---|---:|---:|---|---|",
        *map(_row, ordered[:_MOST_ROWS]),
    ]
    if len(ordered) > _MOST_ROWS:
        lines += ["", f"{len(ordered) - _MOST_ROWS} more are not shown."]
    return "\n".join(lines) + "\n\n"


def _row(outcome: Outcome) -> str:
    sign = "❌ " if outcome.status.is_failure else ""
    cells = (
        _cell(outcome.job_id),
        sign + _cell(status_with_code(outcome)),
        str(len(outcome.attempts)),
        milliseconds(outcome.duration_ms),
        _cell(f"{outcome.protocol} {outcome.target}"),
        _cell(reason(outcome)),
    )
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Return a text in which Markdown and HTML see nothing but letters."""
    shown = printable(text)
    if len(shown) > _LONGEST:
        shown = shown[: _LONGEST - 1] + "…"
    return "".join(
        letter if letter.isalnum() or letter in " -" or not letter.isascii() else _entity(letter)
        for letter in shown
    )


def _entity(letter: str) -> str:
    return f"&#{ord(letter)};"
