"""A loop on a stage, and a monitor that answers about it over real HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx

from chronos_cli.cluster.figures import ClusterFigures
from chronos_cli.cron.events import EventKind, LoopEvent
from chronos_cli.monitor.access import Listen
from chronos_cli.monitor.reading import StateOutcomes
from chronos_cli.monitor.site import Monitor
from chronos_cli.redact import Redactor
from tests.cron.stage import Stage


class Watched:
    """Asks a monitor, which knows by then all that the loop has told."""

    def __init__(self, stage: Stage, monitor: Monitor, client: httpx.AsyncClient) -> None:
        self.stage = stage
        self.monitor = monitor
        self.client = client
        self._told = 0

    async def get(self, path: str, **more: Any) -> httpx.Response:
        for event in self.stage.events[self._told :]:
            self.monitor.note(event)
        self._told = len(self.stage.events)
        return await self.client.get(path, **more)

    def tell(self, kind: EventKind, **fields: Any) -> None:
        """Let the monitor know what no loop on a stage tells."""
        self.monitor.note(LoopEvent(kind, self.stage.clock.now(), fields))


@asynccontextmanager
async def watched(
    stage: Stage,
    mask: Callable[[Redactor], None] = lambda _: None,
    token: str | None = None,
    cluster: ClusterFigures | None = None,
) -> AsyncIterator[Watched]:
    """Watch a stage that plays; `mask` tells its redactor what is secret."""
    redactor = Redactor()
    mask(redactor)
    listen = Listen("127.0.0.1", 0, token)
    outcomes = partial(StateOutcomes, stage.folder / "state.sqlite", redactor)
    figures = None if cluster is None else (lambda: cluster)
    monitor = Monitor(listen, stage.loop, stage.clock, outcomes, redactor, {}, figures)
    url = await monitor.open()
    try:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            await monitor.look_back()
            yield Watched(stage, monitor, client)
    finally:
        await monitor.close()
