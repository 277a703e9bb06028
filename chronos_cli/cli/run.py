"""`chronos run`: dispatch each job once, now."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

import typer

from chronos_cli.cli.dry_run import show
from chronos_cli.cli.execute import RunOptions, execute
from chronos_cli.cli.loading import load_workspace
from chronos_cli.cli.options import (
    ConfigPath,
    EnvFile,
    Jobs,
    OutputFormat,
    StatePath,
    Var,
    Verbose,
    pairs,
    parse_moment,
    variables,
)
from chronos_cli.cli.recording import recording
from chronos_cli.dispatch.execution import (
    Execution,
    in_zone,
    is_execution_id,
    new_id,
    scheduled_id,
)
from chronos_cli.dispatch.trace import Trace
from chronos_cli.errors import UsageError
from chronos_cli.jobs.model import Job


@dataclass(frozen=True, slots=True)
class Firing:
    """What the command line says of the executions."""

    scheduled_time: datetime | None = None
    execution_id: str | None = None
    variables: dict[str, str] = field(default_factory=dict)


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    jobs: Jobs,
    job: Annotated[
        list[str] | None, typer.Option("--job", metavar="ID", help="Only this job. Repeatable.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag", metavar="K=V", help="Only jobs with this tag. Repeatable: all must fit."
        ),
    ] = None,
    var: Var = None,
    scheduled_time: Annotated[
        str | None,
        typer.Option(metavar="T", help="The time the jobs stand for, RFC 3339. Default: now."),
    ] = None,
    execution_id: Annotated[
        str | None, typer.Option(metavar="ID", help="The execution ID; for one job only.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent; send nothing.")
    ] = False,
    concurrency: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="Jobs at the same time.")
    ] = 16,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Start no further job once one has failed.")
    ] = False,
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="How the report is written.")
    ] = OutputFormat.TABLE,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No report; on failure one reason on stderr.")
    ] = False,
    report_junit: Annotated[
        str | None, typer.Option(metavar="PATH", help="Write a JUnit XML report, too.")
    ] = None,
    state: StatePath = None,
    no_state: Annotated[
        bool,
        typer.Option("--no-state", help="Record nothing; 'concurrency: forbid' has no effect."),
    ] = False,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> None:
    """Dispatch each job once, now, and report what came of it.

    Exit codes: 0 all succeeded or skipped, 2 usage, 3 invalid files (nothing was sent),
    4 rejected, 5 unreachable, 6 timed out, 7 some succeeded and some failed, 130/143 stopped.
    """
    moment = (
        parse_moment("--scheduled-time", scheduled_time) if scheduled_time is not None else None
    )
    firing = Firing(moment, _checked_id(execution_id), variables(var))
    journal = recording(state, no_state=no_state, origin="run", config=config)
    workspace = load_workspace(jobs, config, env_file)
    selected = _selected(workspace.jobs, job or [], pairs("--tag", tag or []))
    workspace.require_clients(selected)
    executions = _executions(selected, firing)
    if dry_run:
        raise typer.Exit(show(workspace, executions, output))
    options = RunOptions(output, quiet, concurrency, fail_fast, journal, report_junit)
    raise typer.Exit(asyncio.run(execute(workspace, executions, options)))


def _checked_id(text: str | None) -> str | None:
    if text is not None and not is_execution_id(text):
        raise UsageError(
            "--execution-id takes 1 to 128 letters, digits, '.', '_', ':' and '-', "
            "beginning with a letter or digit"
        )
    return text


def _selected(jobs: Sequence[Job], ids: Sequence[str], tags: dict[str, str]) -> list[Job]:
    known = {job.id for job in jobs}
    for wanted in ids:
        if wanted not in known:
            raise UsageError(f"no job '{wanted}' in these files")
    chosen = [
        job for job in jobs if (not ids or job.id in ids) and tags.items() <= job.spec.tags.items()
    ]
    if not chosen:
        words = ", ".join(f"{key}={value}" for key, value in tags.items())
        raise UsageError(f"no job has the tag {words}")
    return chosen


def _executions(jobs: Sequence[Job], firing: Firing) -> list[Execution]:
    if firing.execution_id is not None and len(jobs) > 1:
        raise UsageError(f"--execution-id is for one job, and {len(jobs)} are chosen (add --job)")
    now = datetime.now(UTC).replace(microsecond=0)
    return [_execution(job, firing, now) for job in jobs]


def _execution(job: Job, firing: Firing, now: datetime) -> Execution:
    moment = firing.scheduled_time
    trace = Trace.from_environment(os.environ)
    identity = firing.execution_id or (scheduled_id(job.id, moment) if moment else new_id())
    return Execution(identity, job, in_zone(job, moment or now), firing.variables, trace)
