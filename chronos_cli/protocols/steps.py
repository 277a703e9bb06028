"""The steps that the checks of all protocols begin with: names, connections, TLS.

Several servers are looked at side by side. One that fails is a warning as long as another does
not: a dispatch would go to that one.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from typing import TypeVar

from msgspec import Struct

from chronos_cli.dispatch.steps import Step, Steps
from chronos_cli.errors import DispatchError, TimedOutError, UnreachableError
from chronos_cli.protocols.dial import dial_any, dial_unix
from chronos_cli.protocols.network import from_cause
from chronos_cli.protocols.resolver import Address, addresses

# A certificate that ends within so many days is a warning.
SOON = 14
_DAY, _HOUR = 86400, 3600
# Of one that ends after so many days they are not counted.
_FAR = 1000
# Of several servers one that keeps silent is given up after this part of the time that is left.
_SHARE = 0.5
# How long a far side is listened to after the handshake, in seconds and in handshakes.
_LEAST_PATIENCE, _MOST_PATIENCE, _HANDSHAKES = 0.05, 1.0, 2

T = TypeVar("T")


class Place(Struct, frozen=True):
    """A server: a host and a port, or the path of a socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return self.path.replace("\0", "@")
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Peer(Struct, frozen=True):
    """What TLS tells of a far side; `end` is when its certificate ends, in seconds since 1970.

    It is None for a certificate that was not verified.
    """

    version: str
    end: float | None


# A handshake of TLS over a connected socket, which becomes its own.
Handshake = Callable[[Place, socket.socket], Awaitable[Peer]]
Before = Callable[[asyncio.StreamReader], Awaitable[object]]


async def connected(
    steps: Steps, places: Sequence[Place], opened: ExitStack
) -> dict[Place, socket.socket]:
    """Take the steps `resolve` and `connect`; return the sockets, which `opened` closes.

    Raises DispatchError when none of the places can be reached.
    """
    with steps.step("resolve") as step:
        found, failures = await _each(steps, places, _addresses)
        step.message = _listed(where[0] for each in found.values() for _, where in each)
        _warn(step, failures)

    async def connect(place: Place) -> socket.socket:
        one = await (dial_unix(place.path) if place.path else dial_any(found[place]))
        opened.callback(one.close)
        return one

    with steps.step("connect") as step:
        sockets, failures = await _each(steps, list(found), connect)
        step.message = _listed(map(str, sockets))
        _warn(step, failures)
    return sockets


async def secured(steps: Steps, sockets: dict[Place, socket.socket], handshake: Handshake) -> None:
    """Take the step `tls` over all sockets: the handshake, and how long the certificate is valid.

    Raises DispatchError when none of them gets through it.
    """

    async def shake(place: Place) -> Peer:
        return await handshake(place, sockets[place])

    with steps.step("tls") as step:
        try:
            peers, failures = await _each(steps, list(sockets), shake)
        except asyncio.CancelledError as cancelled:
            cancelled.add_note("the TLS handshake has no end; does this port speak TLS?")
            raise
        note_peers(steps, step, list(peers.values()), time.time())
        _warn(step, failures)


def note_peers(steps: Steps, step: Step, peers: Sequence[Peer], now: float) -> None:
    """Note the version of TLS, and when the first certificate ends."""
    ends = [peer.end for peer in peers if peer.end is not None]
    step.message = _listed(peer.version for peer in peers)
    if not ends:
        step.warn("the certificate is not verified, so when it ends is not known")
        return
    steps.certificate_end = min(ends)
    left = min(ends) - now
    day = time.strftime("%Y-%m-%d", time.gmtime(min(ends)))
    words = f"the certificate ends {_when(left)}on {day}"
    if left < SOON * _DAY:
        step.warn(words)
    else:
        step.message += f"; {words}"


def over_streams(
    context: ssl.SSLContext,
    name: Callable[[Place], str],
    opened: ExitStack,
    before: Before | None = None,
) -> Handshake:
    """Return a handshake for a protocol that speaks TLS from the first byte.

    `name` is what a certificate must bear. `before` reads what the far side says before TLS.
    """

    async def shake(place: Place, connection: socket.socket) -> Peer:
        reader, writer = await asyncio.open_connection(sock=connection)
        opened.callback(writer.transport.abort)
        if before is not None:
            await before(reader)
        began = time.monotonic()
        await writer.start_tls(context, server_hostname=name(place))
        opened.callback(writer.transport.abort)
        peer = peer_of(writer.get_extra_info("ssl_object"))
        with suppress(TimeoutError):
            async with asyncio.timeout(patience(began)):
                await reader.read(1)
        return peer

    return shake


def patience(began: float) -> float:
    """Return how long to listen after a handshake that began then, in seconds.

    With TLS 1.3 a far side looks at our certificate, or misses it, only when it is done.
    """
    return min(max(_HANDSHAKES * (time.monotonic() - began), _LEAST_PATIENCE), _MOST_PATIENCE)


def peer_of(found: ssl.SSLObject) -> Peer:
    """Return what TLS tells of a far side, right after the handshake."""
    certificate = found.getpeercert()
    end = certificate.get("notAfter") if certificate else None
    seconds = float(ssl.cert_time_to_seconds(end)) if isinstance(end, str) else None
    return Peer(found.version() or "TLS", seconds)


async def gone(opened: ExitStack) -> None:
    """Close what was opened, and leave the event loop a turn for it."""
    with suppress(OSError):
        opened.close()
    await asyncio.sleep(0)


def _when(left: float) -> str:
    """Return how long that is from now; nothing where the day alone says more."""
    if left >= _FAR * _DAY:
        return ""
    count, unit = (left // _DAY, "day") if left >= _DAY else (max(left, 0) // _HOUR, "hour")
    if not count:
        return "within the hour, "
    return f"in {count:.0f} {unit}{'' if count == 1 else 's'}, "


async def _addresses(place: Place) -> list[Address]:
    if place.path:
        return [(socket.AF_UNIX, (str(place),))]
    return await addresses(place.host, place.port)


def _listed(texts: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(map(str, texts)))


async def _each(
    steps: Steps, places: Sequence[Place], call: Callable[[Place], Awaitable[T]]
) -> tuple[dict[Place, T], list[DispatchError]]:
    """Return what `call` returns for the places, and how it fails for others of them.

    Raises DispatchError when it fails for all of them.
    """
    limit = steps.time_left() * _SHARE if len(places) > 1 else None
    results = await asyncio.gather(
        *(_tried(place, call, limit) for place in places), return_exceptions=True
    )
    found: dict[Place, T] = {}
    failures: list[DispatchError] = []
    for place, result in zip(places, results, strict=True):
        if isinstance(result, DispatchError):
            failures.append(result)
        elif isinstance(result, BaseException):
            raise result
        else:
            found[place] = result
    if not found:
        raise _together(failures)
    return found, failures


def _warn(step: Step, failures: Sequence[DispatchError]) -> None:
    for failure in failures:
        step.warn(failure.message)


async def _tried(place: Place, call: Callable[[Place], Awaitable[T]], limit: float | None) -> T:
    try:
        async with asyncio.timeout(limit):
            return await call(place)
    except TimeoutError as error:
        if error.errno is not None:  # the network's own
            raise from_cause(error, str(place)) from error
        raise TimedOutError(f"no answer in time ({place})") from error
    except (OSError, EOFError, ValueError) as error:
        raise from_cause(error, str(place)) from error


def _together(failures: Sequence[DispatchError]) -> DispatchError:
    """Return what it means that all places fail: what each of them does, else `unreachable`."""
    message = "; ".join(dict.fromkeys(failure.message for failure in failures))
    kinds = {type(failure) for failure in failures}
    kind = kinds.pop() if len(kinds) == 1 else UnreachableError
    return kind(message, code=failures[0].code)
