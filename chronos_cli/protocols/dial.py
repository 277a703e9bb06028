"""A connection to the first address of a host that answers (RFC 8305)."""

import asyncio
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest

from chronos_cli.protocols.resolver import Address, addresses

# How long, in seconds, an address may keep silent before the next one is tried beside it.
_DELAY = 0.25


async def dial(host: str, port: int) -> socket.socket:
    """Return a connected socket; raises OSError, that of the first address when all fail."""
    return await dial_any(await addresses(host, port))


async def dial_any(found: Sequence[Address]) -> socket.socket:
    """Return a socket connected to one of a host's addresses; raises as `dial` does."""
    if len(found) == 1:
        return await _connected(found[0])
    return await _first(_in_turns(found))


async def dial_unix(path: str) -> socket.socket:
    """Return a socket connected to a path; raises OSError."""
    return await _connected((socket.AF_UNIX, path))


def _in_turns(found: Sequence[Address]) -> list[Address]:
    """Return the addresses with those of the second family between those of the first."""
    family = found[0][0]
    preferred = [address for address in found if address[0] == family]
    others = [address for address in found if address[0] != family]
    turns = chain.from_iterable(zip_longest(preferred, others))
    return [address for address in turns if address is not None]


async def _first(candidates: Sequence[Address]) -> socket.socket:
    """Try one address after the other, each a little later than the one before it."""
    left = list(candidates)
    trying: list[asyncio.Task[socket.socket]] = []
    failures: list[BaseException] = []
    try:
        while len(failures) < len(candidates):
            if left:
                trying.append(asyncio.create_task(_connected(left.pop(0))))
            running = [task for task in trying if not task.done()]
            delay = _DELAY if left else None
            await asyncio.wait(running, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
            for task in running:
                if task.done() and (failure := task.exception()) is not None:
                    failures.append(failure)
                elif task.done():
                    trying.remove(task)
                    return task.result()
        raise failures[0]
    finally:
        for task in trying:
            task.add_done_callback(_close_late)
            task.cancel()


def _close_late(task: "asyncio.Task[socket.socket]") -> None:
    """Close the socket of one that got through although another was quicker."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connected(address: Address) -> socket.socket:
    family, where = address
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setblocking(False)
        await asyncio.get_running_loop().sock_connect(one, where)
    except BaseException:
        one.close()
        raise
    return one
