"""`chronos run`: dispatch each job once, now."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

import typer

from chronos_cli.cli.execute import RunOptions, execute
from chronos_cli.cli.exit_codes import ExitCode, exit_code
from chronos_cli.cli.loading import Workspace, load_workspace
from chronos_cli.cli.options import (
    ConfigPath,
    EnvFile,
    Jobs,
    OutputFormat,
    Verbose,
    pairs,
    parse_time,
)
from chronos_cli.cli.output import Output
from chronos_cli.dispatch.delivery import prepare
from chronos_cli.dispatch.execution import (
    Execution,
    in_zone,
    is_execution_id,
    new_id,
    scheduled_id,
)
from chronos_cli.dispatch.registry import Dispatchers
from chronos_cli.dispatch.runner import status_of
from chronos_cli.dispatch.trace import Trace
from chronos_cli.errors import DispatchError, UsageError
from chronos_cli.jobs.model import Job
from chronos_cli.report.preview import JobPreview, preview_lines, previews_document


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
    var: Annotated[
        list[str] | None,
        typer.Option(
            "--var", metavar="K=V", help="A value for templates: {{ vars.K }}. Repeatable."
        ),
    ] = None,
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
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> None:
    """Dispatch each job once, now, and report what came of it.

    Exit codes: 0 all succeeded or skipped, 2 usage, 3 invalid files (nothing was sent),
    4 rejected, 5 unreachable, 6 timed out, 7 some succeeded and some failed, 130/143 stopped.
    """
    firing = Firing(
        parse_time("--scheduled-time", scheduled_time),
        _checked_id(execution_id),
        pairs("--var", var or []),
    )
    workspace = load_workspace(jobs, config, env_file)
    selected = _selected(workspace.jobs, job or [], pairs("--tag", tag or []))
    workspace.require_clients(selected)
    executions = _executions(selected, firing)
    if dry_run:
        raise typer.Exit(_dry_run(workspace, executions, output))
    options = RunOptions(output, quiet, concurrency, fail_fast)
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


def _dry_run(
    workspace: Workspace, executions: Sequence[Execution], output: OutputFormat
) -> ExitCode:
    previews, code = asyncio.run(_previews(workspace.dispatchers(), executions))
    if output is OutputFormat.TABLE:
        Output().result(preview_lines(previews))
    else:
        Output().json(previews_document(previews, code))
    return code


async def _previews(
    dispatchers: Dispatchers, executions: Sequence[Execution]
) -> tuple[list[JobPreview], ExitCode]:
    previews: list[JobPreview] = []
    failures = []
    for execution in executions:
        try:
            delivery = prepare(execution, 1)
            shown = await dispatchers.get(execution.job.key).preview(delivery)
            previews.append(JobPreview(execution, delivery.target.describe(), shown))
        except DispatchError as error:
            target = execution.job.target.describe()
            previews.append(JobPreview(execution, target, None, error.message))
            failures.append(status_of(error))
    await dispatchers.close()
    return previews, exit_code(failures)
