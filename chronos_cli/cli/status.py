"""`chronos status`: what the loop does."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.group import ask_group
from chronos_cli.cli.options import (
    ClusterSteeredUrl,
    ConfigPath,
    EnvFile,
    StatePath,
    Verbose,
    require_place,
)
from chronos_cli.cli.output import Output
from chronos_cli.cli.recording import state_path, stored
from chronos_cli.cli.streams import streams
from chronos_cli.errors import StateError

if TYPE_CHECKING:
    from chronos_cli.cluster.api import Api
    from chronos_cli.cluster.status import ClusterStatus, GroupJob
    from chronos_cli.cluster.streams import Plan


class StatusFormat(StrEnum):
    """How the status is written."""

    TABLE = "table"
    JSON = "json"


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    output: Annotated[
        StatusFormat, option("--output", "-o", help="How the status is written.")
    ] = StatusFormat.TABLE,
    state: StatePath = None,
    cluster: ClusterSteeredUrl = None,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Show the loop's jobs: what runs, waits and comes, how it ended last, pauses.

    With --cluster those of all hosts of a group, which is scheduler.cluster.group of chronos.yaml:
    what runs where, and what is paused. When a job is due next, job files tell (`chronos next`).

    Exit codes: 0 it runs, 2 usage, 3 no loop runs on this state, or the servers cannot be used.

    Examples:
      chronos status
      chronos status --state /var/lib/chronos/state.sqlite --output json
      chronos status --cluster nats://a,nats://b,nats://c
    """
    require_place(cluster, state, config, env_file)
    if cluster is not None:
        _show_group(cluster, config, env_file, output)
        return ExitCode.SUCCESS
    from chronos_cli.app.control.client import ask
    from chronos_cli.cron.control import Jobs, JobStatus, LoopStatus, Status
    from chronos_cli.report.control import status_document, status_lines

    path = state_path(state)
    jobs: list[JobStatus] = []
    loop: LoopStatus | None = None
    for answer in ask(path, Status()):
        if isinstance(answer, Jobs):
            jobs += answer.jobs
        elif isinstance(answer, LoopStatus):
            loop = answer
    if loop is None:
        raise StateError(f"the loop on {path} ended before it answered")
    with stored(state) as store:
        last = store.last_ends() if store else {}
    out = Output()
    if output is StatusFormat.JSON:
        out.json(status_document(loop, jobs, last))
    elif streams.stdout.isatty():
        from chronos_cli.report.control_table import status_table  # imports Rich

        out.table(lambda _: status_table(loop, jobs, last))
    else:
        out.result(status_lines(loop, jobs, last))
    return ExitCode.SUCCESS


def _show_group(
    url: str, config: str | None, env_files: list[str] | None, output: StatusFormat
) -> None:
    from chronos_cli.cluster.status import read_jobs, read_status
    from chronos_cli.report.cluster import jobs_document, jobs_lines

    async def read(api: "Api", plan: "Plan") -> "tuple[ClusterStatus, list[GroupJob]]":
        status = await read_status(api, plan.names)
        return status, await read_jobs(api, plan.names, status)

    status, jobs = ask_group(url, config, env_files, read)
    out = Output()
    if output is StatusFormat.JSON:
        out.json(jobs_document(status, jobs))
    elif streams.stdout.isatty():
        from chronos_cli.report.cluster_table import jobs_table  # imports Rich

        out.table(lambda _: jobs_table(status, jobs))
    else:
        out.result(jobs_lines(status, jobs))
