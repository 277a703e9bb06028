"""Why a connection could not be made, found out by dialling once more without gRPC.

gRPC reports refused, unknown authority, wrong name and "that is not gRPC" alike, as UNAVAILABLE
with a text that changes from release to release. The first is worth another attempt, the others
are not.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from chronos_cli.errors import DispatchError, RejectedError
from chronos_cli.protocols.greeting import speaks
from chronos_cli.protocols.grpc.address import Address, parse_address
from chronos_cli.protocols.grpc.target import Grpc
from chronos_cli.protocols.network import from_cause
from chronos_cli.protocols.resolver import resolve
from chronos_cli.protocols.tls import make_context

_LIMIT = 1.0
# The client's connection preface with empty settings (RFC 9113, 3.4).
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
# A frame's head, where its type is in it, and the type of settings (RFC 9113, 4.1 and 6.5).
_FRAME_HEAD, _FRAME_TYPE, _SETTINGS = 9, 3, 4
# A message of the handshake, and which one (RFC 5246, 6.2.1 and 7.4).
_CERTIFICATE_REQUEST = (22, 13)

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def permanent_cause(target: Grpc, limit: float) -> DispatchError | None:
    """Return what will be wrong at the next attempt too; None when it may be better then."""
    try:
        async with asyncio.timeout(min(_LIMIT, max(limit, 0.0))):
            if target.secure is not None:
                return await _of_secure(target)
            return await _of_plaintext(target)
    except (TimeoutError, OSError, ValueError):
        return None


async def _of_secure(target: Grpc) -> DispatchError | None:
    where = target.address
    context = make_context(target.secure)
    context.set_alpn_protocols(["h2"])
    try:
        first = await _first_frame(target, context)
    except (ssl.SSLError, ConnectionError) as error:
        if isinstance(error, ssl.SSLCertVerificationError):
            return from_cause(error, where)
        if await _plaintext_answer(target):
            message = f"TLS: the server speaks plaintext; remove 'tls' ({where})"
            return RejectedError(message, code="TLS")
        failure = from_cause(error, where)
        return failure if isinstance(failure, RejectedError) else None
    if _tells(first) and not _is_settings(first):
        return _not_grpc(first, where)
    if not first and await _refuses_certificate(target):
        which = "our certificate" if target.secure and target.secure.cert else "us without 'cert'"
        return RejectedError(f"TLS: the server refused {which} ({where})", code="TLS")
    return None


async def _refuses_certificate(target: Grpc) -> bool:
    """Whether a server that hangs up after the handshake does so for the client's certificate.

    Some do it without an alert. In TLS 1.2 the certificate is part of the handshake, so it is
    the handshake that fails; what hangs up for another reason completes it, or breaks off a
    handshake in which it asked for no certificate.
    """
    has_asked = False

    def watch(*message: object) -> None:
        nonlocal has_asked
        _connection, _direction, _version, content, kind, _data = message
        has_asked = has_asked or (content, kind) == _CERTIFICATE_REQUEST

    context = make_context(target.secure)
    context.set_alpn_protocols(["h2"])
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    # Nothing public tells what a server asks for.
    context._msg_callback = watch  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        async with _connected(target, context):
            return False
    except ssl.SSLError as error:
        return has_asked and "VERSION" not in (error.reason or "")
    except ConnectionError:
        return has_asked


async def _of_plaintext(target: Grpc) -> DispatchError | None:
    where = target.address
    with contextlib.suppress(ConnectionError):
        first = await _first_frame(target, None)
        if _is_settings(first):
            return None
        if first.startswith(b"HTTP/1"):
            # Many TLS servers excuse themselves in plain HTTP/1.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LIMIT / 2):
                    if await _speaks_tls(target):
                        return _wants_tls(where)
            message = f"the server speaks HTTP/1, not gRPC ({where})"
            return RejectedError(message, code="PROTOCOL")
        if _tells(first) and first[:1] not in {b"\x15", b"\x16"}:
            return _not_grpc(first, where)
    return _wants_tls(where) if await _speaks_tls(target) else None


def _not_grpc(first: bytes, where: str) -> RejectedError:
    found = speaks(first)
    words = "the server does not speak gRPC" + (f" but {found}" if found else "")
    return RejectedError(f"{words} ({where})", code="PROTOCOL")


def _wants_tls(where: str) -> RejectedError:
    return RejectedError(f"TLS: the server speaks TLS; add 'tls: {{}}' ({where})", code="TLS")


async def _speaks_tls(target: Grpc) -> bool:
    """Whether a handshake gets anywhere; nothing is sent over it, so trust does not matter."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        async with _connected(target, context):
            return True
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except ConnectionError:
        return False


async def _plaintext_answer(target: Grpc) -> bool:
    try:
        return bool(await _first_frame(target, None))
    except ConnectionError:
        return False


async def _first_frame(target: Grpc, context: ssl.SSLContext | None) -> bytes:
    """Return the beginning of what the server answers to a client's preface."""
    async with _connected(target, context) as (reader, writer):
        writer.write(_PREFACE)
        await writer.drain()
        # A server refuses a client's certificate after the handshake (TLS 1.3): only reading on
        # brings it to light.
        try:
            return await reader.readexactly(_FRAME_HEAD)
        except asyncio.IncompleteReadError as error:
            return error.partial


def _tells(first: bytes) -> bool:
    """Whether these are enough of a server's first bytes to know what it speaks."""
    return len(first) > _FRAME_TYPE


def _is_settings(frame: bytes) -> bool:
    return _tells(frame) and frame[_FRAME_TYPE] == _SETTINGS


@asynccontextmanager
async def _connected(target: Grpc, context: ssl.SSLContext | None) -> AsyncIterator[_Streams]:
    address = parse_address(target.address)
    name = server_name(target, address) if context else None
    if address.path:
        dial = partial(asyncio.open_unix_connection, address.path)
    else:
        host = (await resolve(address.host, address.port))[0]
        dial = partial(asyncio.open_connection, host, address.port)
    reader, writer = await dial(ssl=context, server_hostname=name)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def server_name(target: Grpc, address: Address) -> str:
    """Return the name that the server's certificate must bear."""
    if target.secure is not None and target.secure.server_name:
        return target.secure.server_name
    return _host(target.authority) or address.host or "localhost"


def _host(authority: str | None) -> str:
    host, separator, port = (authority or "").rpartition(":")
    return (host if separator and port.isdigit() else authority or "").strip("[]")
