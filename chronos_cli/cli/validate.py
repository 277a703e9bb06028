"""`chronos validate`: every problem in every file, at once."""

import os
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from chronos_cli.app.workspace import Checked
from chronos_cli.cli.arguments import argument, option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.loading import check_files
from chronos_cli.cli.options import ConfigPath, EnvFile, JobIds, Tags, Verbose, choice_of
from chronos_cli.cli.output import Output
from chronos_cli.cli.warn import warn
from chronos_cli.problems import Problem
from chronos_cli.report.problems import problem_summary, problems_document


class ProblemFormat(StrEnum):
    """How problems are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    GITLAB = "gitlab"
    SARIF = "sarif"


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    paths: Annotated[
        list[str],
        argument(words="files", metavar="PATHS...", help="Job files, directories, or - for stdin."),
    ],
    output: Annotated[
        ProblemFormat, option("--output", "-o", help="How problems are written.")
    ] = ProblemFormat.TEXT,
    no_env: Annotated[
        bool,
        option("--no-env", help="Check only what depends on no variable and no file elsewhere."),
    ] = False,
    quiet: Annotated[bool, option("--quiet", "-q", help="Say nothing when all is well.")] = False,
    job: JobIds = None,
    tag: Tags = None,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Check job files, chronos.yaml and the files that they name; send nothing.

    Exit codes: 0 no problems, 2 usage, 3 problems.

    Examples:
      chronos validate jobs/ chronos.yaml
      chronos validate jobs/ --no-env --output github
    """
    choice = choice_of(job, tag)
    checked = check_files(paths, config, env_file, choice, with_variables=not no_env)
    code = ExitCode.INVALID_INPUT if checked.problems else ExitCode.SUCCESS
    _report(checked, output, code, quiet=quiet)
    return code


def _report(checked: Checked, output: ProblemFormat, code: ExitCode, *, quiet: bool) -> None:
    out = Output()
    problems, count = checked.problems, len(checked.workspace.jobs)
    if output is ProblemFormat.TEXT:
        if problems:
            out.problems(problems)
        if not quiet:
            warn(checked.workspace.jobs, out)
        if problems or not quiet:
            out.note(problem_summary(problems, count))
    elif output is ProblemFormat.JSON:
        out.json(problems_document(problems, count, code))
    else:
        _annotate(problems, output)


def _annotate(problems: Sequence[Problem], output: ProblemFormat) -> None:
    """Print problems for a code host."""
    from chronos_cli.cli.github import problem_annotations
    from chronos_cli.report import annotations

    if output is ProblemFormat.GITHUB:
        Output().annotate(problem_annotations(problems, os.environ), is_asked_for=True)
    elif output is ProblemFormat.GITLAB:
        Output().json(annotations.gitlab_document(problems))
    else:
        Output().json(annotations.sarif_document(problems))
