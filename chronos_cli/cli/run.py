"""`chronos run`: dispatch each job once, now."""

import os
from typing import Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.options import (
    TIME_FORMS,
    Concurrency,
    ConfigPath,
    DryRun,
    EnvFile,
    FailFast,
    JobIds,
    Jobs,
    OutputFormat,
    Quiet,
    Report,
    StatePath,
    Tags,
    Var,
    VerboseAttempts,
    choice_of,
    parse_optional_moment,
    require_writable,
    variables,
)
from chronos_cli.errors import UsageError
from chronos_cli.jobs.scope import Scope


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    jobs: Jobs,
    job: JobIds = None,
    tag: Tags = None,
    var: Var = None,
    scheduled_time: Annotated[
        str | None,
        option(
            metavar="T",
            help=f"The time the jobs stand for. Default: now. It takes {TIME_FORMS}.",
        ),
    ] = None,
    execution_id: Annotated[
        str | None, option(metavar="ID", help="The execution ID; for one job only.")
    ] = None,
    dry_run: DryRun = False,
    test_notice: Annotated[
        str | None,
        option(metavar="HOOK", help="Send only this notice of the jobs, as a test: on_failure, …"),
    ] = None,
    concurrency: Concurrency = 16,
    fail_fast: FailFast = False,
    output: Report = OutputFormat.TABLE,
    quiet: Quiet = False,
    report_junit: Annotated[
        str | None, option(metavar="PATH", help="Write a JUnit XML report, too.")
    ] = None,
    state: StatePath = None,
    no_state: Annotated[
        bool,
        option("--no-state", help="Record nothing; 'concurrency: forbid' has no effect."),
    ] = False,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: VerboseAttempts = False,
) -> ExitCode:
    """Dispatch each job once, now, and report what came of it.

    Exit codes: 0 all succeeded or skipped, 2 usage, 3 invalid files (nothing was sent),
    4 rejected, 5 unreachable, 6 timed out, 7 some succeeded and some failed, 130/143 stopped.

    Examples:
      chronos run daily-report.yaml
      chronos run jobs/ --tag team=finance --output json
      chronos run daily-report.yaml --var day=2026-11-23 --dry-run
    """
    # What is to be sent is imported for those who send.
    from chronos_cli.app.selection import Firing, executions_of
    from chronos_cli.cli.execute import RunOptions, carry_out
    from chronos_cli.cli.loading import load_workspace
    from chronos_cli.cli.recording import recording

    if report_junit is not None:
        require_writable("--report-junit", report_junit)
    moment = parse_optional_moment("--scheduled-time", scheduled_time)
    firing = Firing(moment, _checked_id(execution_id), variables(var))
    journal = recording(state, no_state=no_state, origin="run", config=config)
    scope = Scope(choice=choice_of(job, tag))
    workspace = load_workspace(jobs, config, env_file, scope, quiet=quiet)
    workspace.require_clients(workspace.jobs)
    if test_notice is None:
        executions = executions_of(workspace.jobs, firing, os.environ)
    else:
        from chronos_cli.app.rehearsal import rehearsals
        from chronos_cli.cli.output import redactor
        from chronos_cli.dispatch.journal import NoJournal

        chosen = workspace.jobs
        executions = rehearsals(chosen, test_notice, firing, os.environ, redactor.data)
        journal = NoJournal()  # nothing has run that would be history
    if dry_run:
        from chronos_cli.cli.dry_run import show  # not for those who send

        return show(workspace, executions, output)
    options = RunOptions(
        output=output,
        quiet=quiet,
        concurrency=concurrency,
        fail_fast=fail_fast,
        junit=report_junit,
        verbose=verbose,
    )
    return carry_out(workspace, executions, options, journal)


def _checked_id(text: str | None) -> str | None:
    from chronos_cli.dispatch.execution import is_execution_id

    if text is not None and not is_execution_id(text):
        raise UsageError(
            "--execution-id takes 1 to 128 letters, digits, '.', '_', ':' and '-', "
            "beginning with a letter or digit"
        )
    return text
