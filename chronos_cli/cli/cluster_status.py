"""`chronos cluster status`: hosts, clocks, what waits and what runs."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.group import ask_group
from chronos_cli.cli.options import ClusterUrl, ConfigPath, EnvFile, Verbose
from chronos_cli.cli.output import Output
from chronos_cli.errors import UsageError

if TYPE_CHECKING:
    from chronos_cli.cluster.api import Api
    from chronos_cli.cluster.status import ClusterStatus
    from chronos_cli.cluster.streams import Plan


class StatusFormat(StrEnum):
    """How the state of a group is written."""

    TABLE = "table"
    JSON = "json"


def command(
    cluster: ClusterUrl = None,
    output: Annotated[
        StatusFormat, option("--output", "-o", help="How the state is written.")
    ] = StatusFormat.TABLE,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Show the hosts of a group, their clocks, what waits, what runs and who holds which lock.

    The group is scheduler.cluster.group of chronos.yaml.

    Exit codes: 0 shown, 2 usage, 3 the servers or the streams cannot be used.

    Examples:
      chronos cluster status --cluster nats://a,nats://b,nats://c
    """
    from chronos_cli.report.cluster import cluster_document, cluster_lines

    if cluster is None:
        raise UsageError("name the servers with --cluster nats://…")
    status, running = ask_group(cluster, config, env_file, _read)
    if output is StatusFormat.JSON:
        Output().json(cluster_document(status, running))
    else:
        Output().result(cluster_lines(status, running))
    return ExitCode.SUCCESS


async def _read(api: "Api", plan: "Plan") -> "tuple[ClusterStatus, dict[str, dict[str, str]]]":
    from chronos_cli.cluster.status import read_running, read_status

    status = await read_status(api, plan.names)
    return status, await read_running(api, plan.names, status)
