"""Names to addresses, in a way that can be called off."""

import asyncio
import socket
import threading
from typing import Any
from weakref import WeakKeyDictionary

# What a socket of that family connects to.
Address = tuple[socket.AddressFamily, Any]

_Found = tuple[list[Address], OSError | None]
_Lookups = dict[tuple[str, int], "asyncio.Future[_Found]"]

_under_way: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Lookups]" = WeakKeyDictionary()


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host as text, in the order to try them; raises OSError."""
    return list(dict.fromkeys(str(address[0]) for _, address in await addresses(host, port)))


async def addresses(host: str, port: int) -> list[Address]:
    """Return the addresses of a host in the order to try them (RFC 6724); raises OSError.

    asyncio's own way asks in a pool whose threads are waited for at exit, up to half a minute
    when no name server answers. A daemon thread is left to itself. All who ask for one name at
    the same time share one thread.
    """
    if is_number(host):
        return _looked_up(host, port)  # asks nobody
    lookups = _under_way.setdefault(asyncio.get_running_loop(), {})
    lookup = lookups.get((host, port))
    if lookup is None:
        lookup = lookups[host, port] = _start(host, port, lookups)
    found, error = await asyncio.shield(lookup)
    if error is not None:
        raise type(error)(*error.args)  # one of its own for each who waits
    return found


def _start(host: str, port: int, lookups: _Lookups) -> "asyncio.Future[_Found]":
    loop = asyncio.get_running_loop()
    lookup: asyncio.Future[_Found] = loop.create_future()

    def settle(found: list[Address], error: OSError | None) -> None:
        del lookups[host, port]
        lookup.set_result((found, error))

    def ask() -> None:
        found: list[Address] = []
        error: OSError | None = None
        try:
            found = _looked_up(host, port)
        except OSError as failure:
            error = failure
        try:
            loop.call_soon_threadsafe(settle, found, error)
        except RuntimeError:
            return  # the loop has ended: nobody asks any more

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    return lookup


def _looked_up(host: str, port: int) -> list[Address]:
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
    return list(dict.fromkeys((info[0], info[4]) for info in infos))


def is_number(host: str) -> bool:
    """Whether a host is an address itself, for which nobody need be asked."""
    return ":" in host or host.replace(".", "").isdecimal()
