"""A group of hosts as the commands ask it: by the servers that `--cluster` names."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from chronos_cli.cluster.api import Api
    from chronos_cli.cluster.history import ClusterHistory
    from chronos_cli.cluster.streams import Plan
    from chronos_cli.state.entries import HistoryFilter

T = TypeVar("T")


def ask_group(
    url: str,
    config: str | None,
    env_files: list[str] | None,
    question: "Callable[[Api, Plan], Awaitable[T]]",
) -> T:
    """Ask the servers of a group of hosts something, as chronos.yaml says; return the answer.

    Raises UsageError or StateError.
    """
    import asyncio

    from chronos_cli.cli.loading import reader
    from chronos_cli.cluster.opening import opened

    settings = reader().config(config, env_files).scheduler.cluster

    async def ask() -> T:
        async with opened(url, settings) as (api, plan):
            return await question(api, plan)

    return asyncio.run(ask())


def read_cluster(
    url: str, config: str | None, env_files: list[str] | None, wanted: "HistoryFilter"
) -> "ClusterHistory":
    """Read what the hosts of a cluster did, as far as a filter can need it; StateError."""
    from chronos_cli.cluster.history import read_history

    return ask_group(
        url, config, env_files, lambda api, plan: read_history(api, plan.names, wanted)
    )
