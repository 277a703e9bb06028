"""What the bare asyncio scripts have in common: so many sends, so many at a time."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable


async def at_once(count: int, concurrency: int, send: Callable[[int], Awaitable[object]]) -> None:
    """Send all messages, the next one as soon as one of those on their way is accepted."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await send(number)

    await asyncio.gather(*(work() for _ in range(concurrency)))


def timed(main: Callable[..., Awaitable[None]]) -> None:
    """Run `main` with the arguments of the command line, and print the seconds that it took."""

    async def measured() -> float:
        began = time.perf_counter()
        await main(*sys.argv[1:])
        return time.perf_counter() - began

    sys.stdout.write(f"{asyncio.run(measured())}\n")
