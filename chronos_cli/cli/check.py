"""`chronos check`: whether each job would get through, found out without sending it."""

import os
from typing import Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.options import (
    ConfigPath,
    EnvFile,
    Jobs,
    OutputFormat,
    Var,
    Verbose,
    job_ids,
    pairs,
    variables,
)


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    jobs: Jobs,
    job: Annotated[
        list[str] | None, option("--job", metavar="ID", help="Only this job. Repeatable.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        option("--tag", metavar="K=V", help="Only jobs with this tag. Repeatable: all must fit."),
    ] = None,
    var: Var = None,
    concurrency: Annotated[
        int, option(min=1, max=10_000, metavar="N", help="Jobs at the same time.")
    ] = 16,
    strict: Annotated[
        bool, option("--strict", help="A warning fails its job, as 'rejected'.")
    ] = False,
    output: Annotated[
        OutputFormat, option("--output", "-o", help="How the report is written.")
    ] = OutputFormat.TABLE,
    quiet: Annotated[
        bool,
        option("--quiet", "-q", help="No report; a line on stderr for each failed job."),
    ] = False,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Find out whether each job would get through, step by step; send no job.

    Names, connections, TLS, logins, and whether the topic, stream, queue or method is there.
    Exit codes: as of 'run'. Warnings, such as a certificate that ends soon, fail with --strict.
    """
    from chronos_cli.app.selection import Firing, executions_of, select
    from chronos_cli.cli.checking import CheckOptions, carry_out
    from chronos_cli.cli.loading import load_workspace

    firing = Firing(None, None, variables(var))
    workspace = load_workspace(jobs, config, env_file)
    selected = select(workspace.jobs, job_ids(job), pairs("--tag", tag or []))
    workspace.require_clients(selected)
    executions = executions_of(selected, firing, os.environ)
    options = CheckOptions(output=output, quiet=quiet, concurrency=concurrency, strict=strict)
    return carry_out(workspace, executions, options)
