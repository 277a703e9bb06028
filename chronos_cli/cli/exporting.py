"""What the commands of `chronos export` have in common."""

import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from chronos_cli.app.exporting import ExportReader, ExportRequest, Loading
from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.loading import say_aside
from chronos_cli.cli.options import text_of
from chronos_cli.cli.output import Output, redactor
from chronos_cli.cli.streams import streams
from chronos_cli.cli.writing import write_files
from chronos_cli.errors import UsageError
from chronos_cli.export.model import Export, comment
from chronos_cli.export.notes import summary
from chronos_cli.problems import Problem
from chronos_cli.report.text import count

Directory = Annotated[
    str | None,
    option(
        "--directory",
        metavar="DIR",
        help="Write files into this folder, and nothing to stdout.",
        show_default=False,
    ),
]
Force = Annotated[bool, option("--force", help="With --directory: overwrite files.")]
Program = Annotated[
    str | None,
    option(
        "--program",
        metavar="PATH",
        help="Where chronos is on that machine. Default: where it is here.",
        show_default=False,
    ),
]


def load(request: ExportRequest) -> Loading:
    """Read the jobs to be exported, and say what is wrong with others."""
    reader = ExportReader(redactor, os.environ, streams.stdin, datetime.now(UTC))
    found = reader.load(request)
    say_aside(found.workspace)
    return found


def program_path(given: str | None) -> str:
    """Return the absolute path of `chronos`; UsageError when it cannot be told."""
    if given is not None:
        given = text_of("--program", given)
        if not given.startswith("/"):
            raise UsageError(f"--program takes an absolute path, not '{given}'")
        return given
    beside = [sys.argv[0], str(Path(sys.executable).parent / "chronos")]
    for path in [*beside, shutil.which("chronos") or ""]:
        if Path(path).name == "chronos" and os.access(path, os.X_OK):
            return str(Path(path).absolute())
    raise UsageError("where chronos will be is not known; name its path with --program")


def write(
    found: Loading,
    export: Export,
    directory: str | None,
    *,
    force: bool,
    join: Callable[[dict[str, str]], str],
) -> ExitCode:
    """Write an export to stdout or into a folder; say what it leaves out.

    Returns INVALID_INPUT when a job is refused, or when there is none.
    """
    left_out = [f"{one.job_id}: {one.text}" for one in export.refusals]
    left_out += [f"{one}: it has no schedule" for one in found.without_schedule]
    if directory is None:
        text = join(export.files) if export.files else ""
        lines = [comment(f"not exported: {one}") for one in left_out]
        Output().document(text + "".join(f"{line}\n" for line in lines))
    else:
        write_files(Path(directory), export.files, force=force)
        Output().note(f"chronos: wrote {count(len(export.files), 'file')} to {directory}")
    _tell(found, export)
    is_whole = export.files and not export.refusals and found.jobs
    return ExitCode.SUCCESS if is_whole else ExitCode.INVALID_INPUT


def _tell(found: Loading, export: Export) -> None:
    output = Output()
    for line in summary(export.notes):
        output.note(f"chronos: note: {line}")
    if found.without_schedule:
        ids = ", ".join(found.without_schedule)
        jobs = count(len(found.without_schedule), "job")
        output.note(f"chronos: {jobs} without a schedule, not exported: {ids}")
    positions = {one.id: one.job.position for one in found.jobs}
    if export.refusals:
        output.problems(
            [
                Problem(positions[one.job_id], f"job '{one.job_id}' is not exported: {one.text}")
                for one in export.refusals
                if one.job_id is not None
            ]
        )
