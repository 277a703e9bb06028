"""`chronos validate`: every problem in every file, at once."""

from enum import StrEnum
from typing import Annotated

import typer

from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.loading import check_paths
from chronos_cli.cli.options import ConfigPath, Verbose
from chronos_cli.cli.output import Output
from chronos_cli.report.problems import problem_summary, problems_document


class Format(StrEnum):
    """How problems are written."""

    TEXT = "text"
    JSON = "json"


def command(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATHS...", help="Job files, directories, or - for stdin."),
    ],
    output: Annotated[
        Format, typer.Option("--output", "-o", help="How problems are written.")
    ] = Format.TEXT,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing when all is well.")
    ] = False,
    config: ConfigPath = None,
    verbose: Verbose = False,
) -> None:
    """Check job files and chronos.yaml; send nothing. Exit 0, or 3 with problems."""
    checked = check_paths(paths, config)
    jobs, problems = checked.workspace.jobs, checked.problems
    code = ExitCode.INVALID_INPUT if problems else ExitCode.SUCCESS
    out = Output()
    if output is Format.JSON:
        out.json(problems_document(problems, len(jobs), code))
    elif problems:
        out.problems(problems)
    if output is Format.TEXT and (problems or not quiet):
        out.note(problem_summary(problems, len(jobs)))
    raise typer.Exit(code)
