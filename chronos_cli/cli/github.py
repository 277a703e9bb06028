"""What is left for GitHub Actions: annotations at jobs and problems, and a table in the summary."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from chronos_cli.dispatch.outcome import Outcome
from chronos_cli.files import open_to_write
from chronos_cli.jobs.files import STDIN
from chronos_cli.problems import Position, Problem
from chronos_cli.report.annotations import github_failure, github_problem
from chronos_cli.report.step_summary import step_summary


class Failure(Struct, frozen=True):
    """A job that failed: its masked line, and where it stands."""

    job_id: str
    line: str
    position: Position


def failure_annotations(
    failures: Sequence[Failure], environment: Mapping[str, str]
) -> Iterator[str]:
    """Yield a line for each failure."""
    for one in failures:
        yield github_failure(one.job_id, one.line, _in_repository(one.position, environment))


def problem_annotations(
    problems: Sequence[Problem], environment: Mapping[str, str]
) -> Iterator[str]:
    """Yield a line for each problem."""
    for one in problems:
        yield github_problem(one, _in_repository(one.position, environment))


def write_summary(
    outcomes: Sequence[Outcome], environment: Mapping[str, str], note: Callable[[str], None]
) -> None:
    """Add a table of masked outcomes to the summary of the step, where there is one.

    `note` is told when it cannot be written.
    """
    if path := environment.get("GITHUB_STEP_SUMMARY"):
        _append(path, step_summary(outcomes), note)


def _append(path: str, text: str, note: Callable[[str], None]) -> None:
    """Add to a file; that it cannot be written changes nothing of what was sent."""
    try:
        with open(
            path, "a", encoding="utf-8", errors="backslashreplace", opener=open_to_write
        ) as stream:
            stream.write(text)
    except OSError as error:
        reason = error.strerror or str(error)
        note(f"chronos: cannot write $GITHUB_STEP_SUMMARY ({path}): {reason}")


def _in_repository(position: Position, environment: Mapping[str, str]) -> Position | None:
    """Return a place as GitHub names it: relative to the checkout; None for standard input.

    Where no checkout is known, it is named as it was given.
    """
    if position.file == STDIN:
        return None
    workspace = environment.get("GITHUB_WORKSPACE")
    if not workspace:
        return position
    file = Path(os.path.abspath(position.file))  # noqa: PTH100 - links stay as they are
    if file.is_relative_to(workspace):
        file = file.relative_to(workspace)
    return Position(str(file), position.line, position.column)
