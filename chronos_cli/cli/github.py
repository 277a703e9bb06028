"""What a run leaves for GitHub Actions: annotations at the jobs, and a table in the summary."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from chronos_cli.cli.output import Output
from chronos_cli.dispatch.outcome import Outcome
from chronos_cli.files import open_to_write
from chronos_cli.jobs.files import STDIN
from chronos_cli.problems import Position
from chronos_cli.report.annotations import github_failure
from chronos_cli.report.step_summary import step_summary


def annotations(
    found: Sequence[tuple[Outcome, Position]], environment: Mapping[str, str]
) -> Iterator[str]:
    """Yield a line for each masked outcome that is a failure, at the place of its job."""
    for outcome, position in found:
        if outcome.status.is_failure:
            place = _in_repository(position, environment.get("GITHUB_WORKSPACE"))
            yield github_failure(outcome, place)


def write_summary(
    outcomes: Sequence[Outcome], environment: Mapping[str, str], output: Output
) -> None:
    """Add a table of masked outcomes to the summary of the step, where there is one."""
    if path := environment.get("GITHUB_STEP_SUMMARY"):
        _append(path, step_summary(outcomes), output)


def _append(path: str, text: str, output: Output) -> None:
    """Add to a file; that it cannot be written changes nothing of what was sent."""
    try:
        with open(
            path, "a", encoding="utf-8", errors="backslashreplace", opener=open_to_write
        ) as stream:
            stream.write(text)
    except OSError as error:
        reason = error.strerror or str(error)
        output.note(f"chronos: cannot write $GITHUB_STEP_SUMMARY ({path}): {reason}")


def _in_repository(position: Position, workspace: str | None) -> Position | None:
    """Return a place as GitHub names it: relative to the checkout; None for standard input."""
    if position.file == STDIN:
        return None
    file = Path(os.path.abspath(position.file))  # noqa: PTH100 - links stay as they are
    if workspace and file.is_relative_to(workspace):
        file = file.relative_to(workspace)
    return Position(str(file), position.line, position.column)
