"""`chronos replay`: the same executions again, under their own IDs and scheduled times."""

import os
from pathlib import Path
from typing import Annotated

from chronos_cli.cli.arguments import argument, option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.options import (
    TIME_FORMS,
    ClusterHistoryUrl,
    Concurrency,
    ConfigPath,
    DryRun,
    EnvFile,
    JobIds,
    OutputFormat,
    Quiet,
    Report,
    StatePath,
    Tags,
    Var,
    VerboseAttempts,
    job_ids,
    pairs,
    parse_optional_moment,
    text_of,
    variables,
)
from chronos_cli.cli.output import Output, redactor
from chronos_cli.jobs.scope import Choice as JobChoice
from chronos_cli.jobs.scope import Scope


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    ids: Annotated[
        list[str] | None,
        argument(words="executions", metavar="[ID]...", help="As `chronos history` lists them."),
    ] = None,
    failed: Annotated[
        bool, option("--failed", help="All that failed since --since and never succeeded.")
    ] = False,
    since: Annotated[
        str | None, option(metavar="T", help=f"With --failed: started at or after: {TIME_FORMS}.")
    ] = None,
    until: Annotated[
        str | None, option(metavar="T", help=f"With --failed: started before: {TIME_FORMS}.")
    ] = None,
    job: JobIds = None,
    tag: Tags = None,
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
    allow_other_target: Annotated[
        bool,
        option("--allow-other-target", help="Also where the job sends elsewhere than it did."),
    ] = False,
    var: Var = None,
    dry_run: DryRun = False,
    concurrency: Concurrency = 16,
    output: Report = OutputFormat.TABLE,
    quiet: Quiet = False,
    state: StatePath = None,
    cluster: ClusterHistoryUrl = None,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: VerboseAttempts = False,
) -> ExitCode:
    """Send recorded executions again, each under its own ID and scheduled time.

    Each job is read from the file that it ran from, as it is today, and refused where it sends
    elsewhere now. What a cluster ran is sent from here, and recorded in the state file of here.

    Exit codes: those of `run`.

    Examples:
      chronos replay 7f1c9a52-1d0b-5e0f-9a53-6d3c1f0a8e11
      chronos replay --failed --since yesterday --dry-run
    """
    # What is to be sent is imported for those who send.
    from chronos_cli.app.replay import Choice, Replay, chosen_entries, config_of, files_of
    from chronos_cli.cli.execute import RunOptions, carry_out
    from chronos_cli.cli.group import read_cluster
    from chronos_cli.cli.loading import load_workspace
    from chronos_cli.cli.recording import recording, state_path, stored
    from chronos_cli.state.entries import HistoryFilter

    wanted = HistoryFilter(
        jobs=job_ids(job),
        since=parse_optional_moment("--since", since),
        until=parse_optional_moment("--until", until),
    )
    given, tags = variables(var), pairs("--tag", tag or [])
    choice = Choice([text_of("ID", one) for one in ids or []], failed, wanted, force, jobs or [])
    if cluster is not None:
        recorded = read_cluster(cluster, config, env_file, HistoryFilter(since=wanted.since))
        chosen = chosen_entries(choice, recorded, Path("the cluster"))
    else:
        with stored(state) as store:
            chosen = chosen_entries(choice, store, state_path(state))
    if not chosen:
        Output().note("nothing to replay")
        return ExitCode.SUCCESS
    config = config or (None if jobs else config_of(chosen))
    needed = JobChoice(ids=frozenset(entry.job_id for entry in chosen))
    scope = Scope(choice=needed, may_lack=True)
    paths = jobs or files_of(chosen)
    workspace = load_workspace(paths, config, env_file, scope, quiet=quiet, ids_per_file=True)
    replay = Replay(workspace.jobs, given, os.environ, redactor, allow_other_target)
    executions = replay.executions(chosen)
    executions = [one for one in executions if tags.items() <= one.job.spec.tags.items()]
    if not executions:
        Output().note("nothing to replay")
        return ExitCode.SUCCESS
    workspace.require_clients(execution.job for execution in executions)
    if dry_run:
        from chronos_cli.cli.dry_run import show  # not for those who send

        return show(workspace, executions, output)
    journal = recording(state, no_state=False, origin="replay", config=config)
    options = RunOptions(
        output=output, quiet=quiet, concurrency=concurrency, fail_fast=False, verbose=verbose
    )
    return carry_out(workspace, executions, options, journal)
