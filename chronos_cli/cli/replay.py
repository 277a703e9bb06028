"""`chronos replay`: the same executions again, under their own IDs and scheduled times."""

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from chronos_cli.cli.dry_run import show
from chronos_cli.cli.execute import RunOptions, execute
from chronos_cli.cli.loading import load_workspace
from chronos_cli.cli.options import (
    ConfigPath,
    EnvFile,
    OutputFormat,
    StatePath,
    Var,
    Verbose,
    parse_past,
    variables,
)
from chronos_cli.cli.output import Output
from chronos_cli.cli.recording import recording, state_path, stored
from chronos_cli.dispatch.execution import Execution, in_zone
from chronos_cli.dispatch.trace import Trace
from chronos_cli.errors import UsageError
from chronos_cli.jobs.model import Job
from chronos_cli.state.entries import HistoryEntry, HistoryFilter, Progress


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line says of the executions to send again."""

    ids: list[str]
    failed: bool
    wanted: HistoryFilter
    force: bool


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="As `chronos history` lists them.")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="All that failed since --since and never succeeded.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="With --failed: RFC 3339, or 1d ago.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="T", help="With --failed: RFC 3339, or 1h ago.")
    ] = None,
    job: Annotated[
        list[str] | None, typer.Option("--job", metavar="ID", help="Only this job. Repeatable.")
    ] = None,
    jobs: Annotated[
        list[str] | None,
        typer.Option(
            "--jobs",
            metavar="PATH",
            help="The job files. Repeatable. Default: those that it was sent from.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also what has succeeded: it arrives once more.")
    ] = False,
    var: Var = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent; send nothing.")
    ] = False,
    concurrency: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="Jobs at the same time.")
    ] = 16,
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="How the report is written.")
    ] = OutputFormat.TABLE,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No report; on failure one reason on stderr.")
    ] = False,
    state: StatePath = None,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> None:
    """Send recorded executions again, each under its own ID and scheduled time.

    The job is read from its file as it is today. Exit codes are those of `run`.
    """
    wanted = HistoryFilter(
        jobs=frozenset(job or []),
        since=parse_past("--since", since),
        until=parse_past("--until", until),
    )
    given = variables(var)
    chosen = _chosen(Choice(ids or [], failed, wanted, force), state)
    if not chosen:
        Output().note("nothing to replay")
        return
    config = config or (None if jobs else _config_of(chosen))
    workspace = load_workspace(jobs or _files_of(chosen), config, env_file)
    executions = _executions(chosen, workspace.jobs, given)
    workspace.require_clients(execution.job for execution in executions)
    if dry_run:
        raise typer.Exit(show(workspace, executions, output))
    journal = recording(state, no_state=False, origin="replay", config=config)
    options = RunOptions(output, quiet, concurrency, fail_fast=False, journal=journal)
    raise typer.Exit(asyncio.run(execute(workspace, executions, options)))


def _chosen(choice: Choice, state: str | None) -> list[HistoryEntry]:
    """Return the last run of each execution that is to be sent again, oldest first."""
    if bool(choice.ids) == choice.failed:
        raise UsageError("name the executions to replay, or say --failed --since 1d")
    if choice.failed and choice.wanted.since is None:
        raise UsageError("--failed needs --since, such as --since 1d")
    if choice.ids and (choice.wanted.since or choice.wanted.until):
        raise UsageError("--since and --until go with --failed")
    with stored(state) as store:
        if choice.failed:
            found = store.history(choice.wanted) if store else []
            ids = list(dict.fromkeys(entry.execution_id for entry in reversed(found)))
        else:
            ids = list(dict.fromkeys(choice.ids))
        runs = [store.find(identity) if store else [] for identity in ids]
    if choice.failed:
        return [last for one in runs for last in _failed(one, choice)]
    where = state_path(state)
    return [_named(identity, one, choice, where) for identity, one in zip(ids, runs, strict=True)]


def _failed(runs: Sequence[HistoryEntry], choice: Choice) -> Iterable[HistoryEntry]:
    """Yield, for each job with this execution ID, its last run if none has got through."""
    by_job: dict[str, list[HistoryEntry]] = {}
    for run in runs:
        by_job.setdefault(run.job_id, []).append(run)
    for job_id, own in by_job.items():
        statuses = {run.status for run in own}
        wanted = not choice.wanted.jobs or job_id in choice.wanted.jobs
        over = Progress.RUNNING not in statuses
        delivered = Progress.SUCCEEDED in statuses and not choice.force
        if wanted and over and not delivered and any(status.is_failure for status in statuses):
            yield own[0]


def _named(
    identity: str, runs: Sequence[HistoryEntry], choice: Choice, where: Path
) -> HistoryEntry:
    own = [run for run in runs if not choice.wanted.jobs or run.job_id in choice.wanted.jobs]
    if not own:
        raise UsageError(f"no execution '{identity}' in {where}")
    jobs = sorted({run.job_id for run in own})
    if len(jobs) > 1:
        raise UsageError(f"'{identity}' is of several jobs ({', '.join(jobs)}): add --job")
    for run in own:
        if run.status is Progress.RUNNING:
            raise UsageError(f"'{identity}' is still running (pid {run.pid} on {run.host})")
        if run.status is Progress.SUCCEEDED and not choice.force:
            raise UsageError(f"'{identity}' has succeeded; --force sends it once more")
    return own[0]


def _files_of(chosen: Sequence[HistoryEntry]) -> list[str]:
    """Return the files that the executions were sent from."""
    files: dict[str, None] = {}
    for entry in chosen:
        file = entry.snapshot.file
        if file is None or not Path(file).exists():
            lost = "it is not known" if file is None else f"there is no {file} any more"
            raise UsageError(
                f"the job file of '{entry.execution_id}' ({entry.job_id}): {lost}; "
                "name it with --jobs PATH"
            )
        files[file] = None
    return list(files)


def _config_of(chosen: Sequence[HistoryEntry]) -> str | None:
    """Return the chronos.yaml that the executions were sent with."""
    configs = {entry.snapshot.config for entry in chosen}
    if len(configs) > 1:
        named = ", ".join(sorted(config or "none" for config in configs))
        raise UsageError(f"these ran with several chronos.yaml ({named}); choose with --config")
    return configs.pop()


def _executions(
    chosen: Sequence[HistoryEntry], jobs: Iterable[Job], given: dict[str, str]
) -> list[Execution]:
    by_id = {job.id: job for job in jobs}
    trace = Trace.from_environment(os.environ)
    executions = []
    for entry in chosen:
        job = by_id.get(entry.job_id)
        if job is None:
            raise UsageError(f"no job '{entry.job_id}' in these files; name them with --jobs PATH")
        missing = [name for name in entry.snapshot.withheld if name not in given]
        if missing:
            raise UsageError(
                f"'{entry.execution_id}' had secret variables, which are not stored; "
                f"give them again: {' '.join(f'--var {name}=…' for name in missing)}"
            )
        moment = in_zone(job, datetime.fromisoformat(entry.scheduled_time))
        values = {**entry.snapshot.variables, **given}
        executions.append(Execution(entry.execution_id, job, moment, values, trace))
    return executions
