"""`chronos check`: whether each job would get through, found out without sending it."""

import os
from typing import Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.options import (
    Concurrency,
    ConfigPath,
    EnvFile,
    JobIds,
    Jobs,
    OutputFormat,
    Quiet,
    Report,
    Tags,
    Var,
    Verbose,
    choice_of,
    variables,
)
from chronos_cli.jobs.scope import Scope


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    jobs: Jobs,
    job: JobIds = None,
    tag: Tags = None,
    var: Var = None,
    concurrency: Concurrency = 16,
    strict: Annotated[
        bool, option("--strict", help="A warning fails its job, as 'rejected'.")
    ] = False,
    output: Report = OutputFormat.TABLE,
    quiet: Quiet = False,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Find out whether each job would get through, step by step; send no job.

    Names, connections, TLS, logins, and whether the topic, stream, queue or method is there. A
    warning, such as a certificate that ends soon, fails with --strict only.

    Exit codes: 0 all well, 2 usage, 3 invalid files (nothing was looked at), 4 rejected,
    5 unreachable, 6 timed out, 7 some are well and some are not, 130/143 stopped.

    Examples:
      chronos check jobs/
      chronos check jobs/ --job orders --output json
      chronos check jobs/ --quiet --strict      (once a day)
    """
    from chronos_cli.app.selection import Firing, executions_of
    from chronos_cli.cli.checking import CheckOptions, carry_out
    from chronos_cli.cli.loading import load_workspace

    firing = Firing(None, None, variables(var))
    scope = Scope(choice=choice_of(job, tag))
    workspace = load_workspace(jobs, config, env_file, scope, quiet=quiet)
    workspace.require_clients(workspace.jobs)
    executions = executions_of(workspace.jobs, firing, os.environ)
    options = CheckOptions(output=output, quiet=quiet, concurrency=concurrency, strict=strict)
    return carry_out(workspace, executions, options)
