"""`chronos cluster init`: the streams that hosts share a schedule by."""

import asyncio
from typing import Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.loading import reader
from chronos_cli.cli.options import ClusterUrl, ConfigPath, EnvFile, Verbose
from chronos_cli.cli.output import Output
from chronos_cli.errors import UsageError
from chronos_cli.jobs.config import Cluster


def command(
    cluster: ClusterUrl = None,
    print_only: Annotated[
        bool,
        option("--print", help="Print the commands for an operator instead; ask no server."),
    ] = False,
    config: ConfigPath = None,
    env_file: EnvFile = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Make the streams that many hosts share one schedule by, or print how.

    Makes what is missing, by scheduler.cluster of chronos.yaml; changes nothing that is there.
    `cron --cluster` does the same where it may.

    Exit codes: 0 all is there, 2 usage, 3 it is there with other settings, or cannot be made.

    Examples:
      chronos cluster init --cluster nats://a,nats://b,nats://c
      chronos cluster init --print > init.sh
    """
    from chronos_cli.cluster.options import plan_of  # imports what speaks to the servers

    settings = reader().config(config, env_file).scheduler.cluster
    if print_only:
        Output().result(plan_of(settings).commands() + "\n")
    elif cluster is None:
        raise UsageError("name the servers with --cluster nats://…, or add --print")
    else:
        made = asyncio.run(_ensured(cluster, settings))
        Output().note("\n".join(f"made {name}" for name in made) or "all of it is there already")
    return ExitCode.SUCCESS


async def _ensured(url: str, settings: Cluster) -> list[str]:
    from chronos_cli.cluster.opening import opened
    from chronos_cli.cluster.streams import Streams

    async with opened(url, settings) as (api, plan):
        streams = Streams(api, plan)
        await streams.ensure()
        return streams.made
