"""How ticks are asked for, of servers that answer and of those that do not."""

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from chronos_cli.cluster.link import Link
from chronos_cli.cluster.names import Names
from chronos_cli.cluster.pull import Puller
from chronos_cli.cron.clock import SystemLoopClock


class Asked:
    """Stands for a link; keeps what was asked, for how many seconds each."""

    is_open = True

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.inbox = ""
        self.on_open: list[Callable[[], None]] = []
        self.hear: Callable[[Any], Any]

    async def subscribe(self, _: str, callback: Callable[[Any], Any]) -> None:
        self.hear = callback

    async def send(self, _: str, body: bytes, reply: str) -> None:
        self.seconds.append(json.loads(body)["expires"] / 1e9)
        self.inbox = reply


class HandClock(SystemLoopClock):
    """A clock that a test sets, in seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_in_silence_it_is_asked_again_soon() -> None:
    """A consumer without a leader says nothing, and its new leader knows of no request."""
    asked, clock = Asked(), HandClock()
    puller = Puller(cast("Link", asked), Names("g"), clock, lambda: 5, lambda _: None)

    async def pass_on(seconds: float) -> list[float]:
        clock.seconds += seconds
        puller.wake()
        for _ in range(5):
            await asyncio.sleep(0)
        return asked.seconds

    async def play() -> None:
        serving = asyncio.create_task(puller.serve())
        assert await pass_on(0) == [3]
        assert await pass_on(4.4) == [3]
        assert await pass_on(0.2) == [3, 0.75]
        assert await pass_on(1.2) == [3, 0.75, 0.75]
        headers = {"Status": "408"}
        await asked.hear(SimpleNamespace(subject=asked.inbox, headers=headers))
        assert await pass_on(0) == [3, 0.75, 0.75, 3]
        (lost_and_back,) = asked.on_open
        lost_and_back()
        assert await pass_on(0) == [3, 0.75, 0.75, 3, 0.75]
        serving.cancel()

    asyncio.run(play())
