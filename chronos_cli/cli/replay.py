"""`chronos replay`: the same executions again, under their own IDs and scheduled times."""

import os
from typing import Annotated

from chronos_cli.cli.arguments import argument, option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.options import (
    ConfigPath,
    EnvFile,
    OutputFormat,
    StatePath,
    Var,
    VerboseAttempts,
    job_ids,
    parse_past,
    text_of,
    variables,
)
from chronos_cli.cli.output import Output


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    ids: Annotated[
        list[str] | None, argument(metavar="[ID]...", help="As `chronos history` lists them.")
    ] = None,
    failed: Annotated[
        bool, option("--failed", help="All that failed since --since and never succeeded.")
    ] = False,
    since: Annotated[
        str | None, option(metavar="T", help="With --failed: RFC 3339, or 1d ago.")
    ] = None,
    until: Annotated[
        str | None, option(metavar="T", help="With --failed: RFC 3339, or 1h ago.")
    ] = None,
    job: Annotated[
        list[str] | None, option("--job", metavar="ID", help="Only this job. Repeatable.")
    ] = None,
    jobs: Annotated[
        list[str] | None,
        option(
            "--jobs",
            metavar="PATH",
            help="The job files. Repeatable. Default: those that it was sent from.",
        ),
    ] = None,
    force: Annotated[
        bool, option("--force", help="Also what has succeeded: it arrives once more.")
    ] = False,
    var: Var = None,
    dry_run: Annotated[
        bool, option("--dry-run", help="Show what would be sent; send nothing.")
    ] = False,
    concurrency: Annotated[
        int, option(min=1, max=10_000, metavar="N", help="Jobs at the same time.")
    ] = 16,
    output: Annotated[
        OutputFormat, option("--output", "-o", help="How the report is written.")
    ] = OutputFormat.TABLE,
    quiet: Annotated[
        bool,
        option("--quiet", "-q", help="No report; a line on stderr for each failed job."),
    ] = False,
    state: StatePath = None,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: VerboseAttempts = False,
) -> ExitCode:
    """Send recorded executions again, each under its own ID and scheduled time.

    The job is read from its file as it is today. Exit codes are those of `run`.
    """
    # What is to be sent is imported for those who send.
    from chronos_cli.app.replay import Choice, chosen_entries, config_of, executions_of, files_of
    from chronos_cli.cli.execute import RunOptions, carry_out
    from chronos_cli.cli.loading import load_workspace
    from chronos_cli.cli.recording import recording, state_path, stored
    from chronos_cli.state.entries import HistoryFilter

    wanted = HistoryFilter(
        jobs=frozenset(job_ids(job)),
        since=parse_past("--since", since),
        until=parse_past("--until", until),
    )
    given = variables(var)
    choice = Choice([text_of("ID", one) for one in ids or []], failed, wanted, force)
    with stored(state) as store:
        chosen = chosen_entries(choice, store, state_path(state))
    if not chosen:
        Output().note("nothing to replay")
        return ExitCode.SUCCESS
    config = config or (None if jobs else config_of(chosen))
    workspace = load_workspace(jobs or files_of(chosen), config, env_file)
    executions = executions_of(chosen, workspace.jobs, given, os.environ)
    workspace.require_clients(execution.job for execution in executions)
    if dry_run:
        from chronos_cli.cli.dry_run import show  # not for those who send

        return show(workspace, executions, output)
    journal = recording(state, no_state=False, origin="replay", config=config)
    options = RunOptions(
        output=output, quiet=quiet, concurrency=concurrency, fail_fast=False, verbose=verbose
    )
    return carry_out(workspace, executions, options, journal)
