"""`chronos list`: which jobs there are."""

from enum import StrEnum
from typing import Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.loading import load_workspace
from chronos_cli.cli.options import (
    ConfigPath,
    EnvFile,
    JobIds,
    Jobs,
    StatePath,
    Tags,
    Verbose,
    choice_of,
)
from chronos_cli.cli.output import Output, redactor
from chronos_cli.cli.paused import note_paused
from chronos_cli.cli.streams import streams
from chronos_cli.jobs.scope import LIST_KEYS, Scope
from chronos_cli.report.jobs import jobs_document, jobs_lines, listed


class ListFormat(StrEnum):
    """How the list is written."""

    TABLE = "table"
    JSON = "json"


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    jobs: Jobs,
    job: JobIds = None,
    tag: Tags = None,
    output: Annotated[
        ListFormat, option("--output", "-o", help="How the list is written.")
    ] = ListFormat.TABLE,
    state: StatePath = None,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """List the jobs: ID, schedule, protocol, target, tags, file.

    It needs no secrets: a variable that is not set stands there by its name.

    Exit codes: 0 listed, 2 usage, 3 invalid files or state.

    Environment:
      NO_COLOR           no colours on a terminal
      FORCE_COLOR        colours off a terminal, too

    Examples:
      chronos list jobs/
      chronos list jobs/ --tag team=finance --output json
    """
    scope = Scope(choice=choice_of(job, tag), keys=LIST_KEYS)
    found = listed(load_workspace(jobs, config, env_file, scope).jobs)
    if output is ListFormat.JSON:
        Output().json(jobs_document(found))
    elif streams.stdout.isatty():
        from chronos_cli.report.jobs_table import jobs_table  # imports Rich

        masked = redactor.data(found)
        Output().table(lambda width: jobs_table(masked, width))
    else:
        Output().result(jobs_lines(found))
    note_paused(state, {job["job_id"] for job in found})
    return ExitCode.SUCCESS
