"""Waiting for tasks, by an injected clock."""

import asyncio
from collections.abc import Iterable

from chronos_cli.clock import Clock


async def wait_at_most(clock: Clock, tasks: Iterable[asyncio.Task[None]], seconds: float) -> None:
    """Wait until all tasks have ended, or for so long."""
    rest = set(tasks)
    if not rest:
        return
    limit = asyncio.create_task(clock.sleep(seconds))
    while rest and not limit.done():
        _, pending = await asyncio.wait({limit, *rest}, return_when=asyncio.FIRST_COMPLETED)
        rest = pending - {limit}
    limit.cancel()
