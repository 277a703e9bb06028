"""The state file as the commands name it."""

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from chronos_cli.cli.output import Output, redactor
from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.journal import Journal, NoJournal
from chronos_cli.errors import StateError, UsageError
from chronos_cli.jobs.config import find_config

if TYPE_CHECKING:
    from chronos_cli.cluster.api import Api
    from chronos_cli.cluster.history import ClusterHistory
    from chronos_cli.cluster.streams import Plan
    from chronos_cli.state.entries import HistoryFilter
    from chronos_cli.state.store import Store

T = TypeVar("T")


def recording(path: str | None, *, no_state: bool, origin: str, config: str | None) -> Journal:
    """Return the journal that the options --state and --no-state ask for.

    When its file cannot be written, that is said once and nothing more is recorded: a job that is
    due must not depend on its history.
    """
    if no_state:
        if path is not None:
            raise UsageError("--state and --no-state exclude each other")
        return NoJournal()
    from chronos_cli.state.journal import StateJournal
    from chronos_cli.state.store import Store  # imports SQLite

    return StateJournal(
        lambda: Store.open(state_path(path), redactor),
        redactor,
        SystemClock(),
        origin=origin,
        config=find_config(config, os.environ),
        on_failed=_say_failed,
    )


def _say_failed(error: StateError) -> None:
    consequence = "going on without it: no history, no 'concurrency: forbid'"
    Output().note(f"chronos: {error}; {consequence}")


def state_path(option: str | None) -> Path:
    """Return the state file: as `--state` says, or the default; StateError without a home."""
    from chronos_cli.state.store import default_path

    return Path(option) if option else default_path(os.environ)


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


@contextmanager
def stored(option: str | None) -> Iterator["Store | None"]:
    """Open the state file to read it; None where nothing has been recorded yet."""
    from chronos_cli.state.store import Store

    path = state_path(option)
    if not path.exists():
        yield None
        return
    store = Store.open(path, redactor)
    try:
        yield store
    finally:
        store.close()
