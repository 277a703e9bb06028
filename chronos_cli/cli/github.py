"""What a run leaves for GitHub Actions: annotations at the jobs, and a table in the summary."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from chronos_cli.cli.output import Output
from chronos_cli.dispatch.outcome import Outcome
from chronos_cli.files import open_to_write
from chronos_cli.jobs.files import STDIN
from chronos_cli.problems import Position
from chronos_cli.report.annotations import github_failure
from chronos_cli.report.step_summary import step_summary


def tell_github(
    found: Sequence[tuple[Outcome, Position]], environment: Mapping[str, str], output: Output
) -> None:
    """Write both, of masked outcomes and the places of their jobs; the annotations to stderr."""
    for outcome, position in found:
        if outcome.status.is_failure:
            place = _in_repository(position, environment.get("GITHUB_WORKSPACE"))
            output.note(github_failure(outcome, place))
    if path := environment.get("GITHUB_STEP_SUMMARY"):
        _append(path, step_summary([outcome for outcome, _ in found]), output)


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
