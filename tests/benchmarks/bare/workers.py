"""What the bare asyncio scripts have in common: so many sends, so many at a time."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable


async def at_once(count: int, concurrency: int, send: Callable[[int], Awaitable[object]]) -> None:
    """Send all messages, the next one as soon as one of those on their way is accepted.

    Prints when each was accepted, in seconds, as JSON.
    """
    numbers = iter(range(count))
    accepted: list[float] = []

    async def work() -> None:
        for number in numbers:
            await send(number)
            accepted.append(time.perf_counter())

    await asyncio.gather(*(work() for _ in range(concurrency)))
    sys.stdout.write(json.dumps(accepted))


def main(script: Callable[..., Awaitable[None]]) -> None:
    """Run a script with the arguments of the command line."""

    async def run() -> None:
        await script(*sys.argv[1:])

    asyncio.run(run())
