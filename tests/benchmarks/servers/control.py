"""How a server of the benchmarks is asked what arrived, over its standard streams."""

import asyncio
import json
import sys


class Arrivals:
    """When each message came (seconds since the epoch), and the time that it stands for."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, str]] = []

    def add(self, moment: float, scheduled: str = "") -> None:
        self._seen.append((moment, scheduled))

    def take(self) -> list[tuple[float, str]]:
        """Return what came since the last call, and forget it."""
        seen, self._seen = self._seen, []
        return seen


async def obey(port: int, arrivals: Arrivals) -> None:
    """Print the port, then the arrivals for each line on stdin, until stdin ends."""
    _say(port)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        _say(arrivals.take())


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
