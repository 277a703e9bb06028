"""Problems as text with a caret, and as JSON data."""

from collections.abc import Callable, Sequence
from typing import Any

from chronos_cli.problems import Problem
from chronos_cli.report.text import Paint, count, printable, unpainted

_LONGEST_SOURCE = 160
# Problems that are told of jobs which were not chosen.
_MOST_ASIDE = 5


def problem_line(problem: Problem, paint: Paint = unpainted) -> str:
    """Return a problem in one line: `file:line:column: message (hint)`."""
    place = paint(printable(f"{problem.position}:"), "bold")
    hint = paint(printable(f" ({problem.hint})"), "bright_blue") if problem.hint else ""
    return f"{place} {paint(printable(problem.message), 'red')}{hint}"


def problem_lines(
    problems: Sequence[Problem],
    *,
    show_source: bool,
    mask: Callable[[str], str],
    paint: Paint = unpainted,
) -> str:
    """Return all problems, a line each; `show_source` adds the offending line and a caret.

    `mask` takes secrets out of a source line, which may be cut; the rest is not masked yet.
    """
    lines: list[str] = []
    for problem in problems:
        lines.append(problem_line(problem, paint))
        if show_source and problem.source is not None:
            before = problem.source[: problem.position.column - 1]
            source, caret = _source_with_caret(mask(problem.source), len(mask(before)) + 1)
            lines += [source, paint(caret, "bold red")]
    return "\n".join(lines) + "\n" if lines else ""


def aside_messages(problems: Sequence[Problem]) -> list[str]:
    """Return what is wrong with jobs that were not chosen, of many problems the first ones."""
    lines = [f"not chosen: {problem_line(one)}" for one in problems[:_MOST_ASIDE]]
    if (more := len(problems) - _MOST_ASIDE) > 0:
        lines.append(f"{count(more, 'more problem')} in what was not chosen")
    return lines


def problem_summary(problems: Sequence[Problem], checked: int) -> str:
    """Return the result of a check in one line."""
    if not problems:
        return f"{count(checked, 'job')} checked, no problems"
    files = len({problem.position.file for problem in problems})
    return f"{count(len(problems), 'problem')} in {count(files, 'file')}"


def problems_document(problems: Sequence[Problem], checked: int, exit_code: int) -> dict[str, Any]:
    """Return the result of a check as JSON data."""
    return {
        "schema_version": 1,
        "exit_code": exit_code,
        "jobs": checked,
        "problems": [
            {
                "file": problem.position.file,
                "line": problem.position.line,
                "column": problem.position.column,
                "path": problem.path,
                "message": problem.message,
                "hint": problem.hint,
            }
            for problem in problems
        ],
    }


def _source_with_caret(source: str, column: int) -> tuple[str, str]:
    """Return the source line and a caret below its column, cut around it when it is long."""
    start = max(0, column - _LONGEST_SOURCE // 2) if len(source) > _LONGEST_SOURCE else 0
    shown = source[start : start + _LONGEST_SOURCE].replace("\t", " ")
    before = shown[: column - 1 - start]
    return f"    {printable(shown)}", f"    {' ' * len(printable(before))}^"
