"""Whether a NATS message would get through: the login, its size, our permission, the stream."""

import asyncio
import time
from collections.abc import Hashable, Iterable
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING
from uuid import uuid4

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.steps import Step, Steps
from chronos_cli.errors import RejectedError, UnreachableError
from chronos_cli.protocols.nats.connection import Connection
from chronos_cli.protocols.nats.dispatcher import check_size, written_headers
from chronos_cli.protocols.nats.login import ConnectionOptions
from chronos_cli.protocols.nats.pending import PendingMessage
from chronos_cli.protocols.nats.pool import NatsPool
from chronos_cli.protocols.nats.stream_info import (
    StreamInfo,
    check_taken,
    stream_info,
    warnings,
)
from chronos_cli.protocols.nats.streams import names_of, no_stream
from chronos_cli.protocols.nats.target import Nats, NatsSettings, Server
from chronos_cli.protocols.steps import (
    Before,
    Place,
    connected,
    gone,
    note_peers,
    over_streams,
    peer_of,
    secured,
)
from chronos_cli.protocols.tls import make_context
from chronos_cli.redact import excerpt

if TYPE_CHECKING:
    from chronos_cli.protocols.nats.client import Client

# A subject of the server's own, to which no client may have replies sent, and since when.
_RESERVED, _REFUSES_REPLIES = "_R_", (2, 2)


async def check(_settings: NatsSettings, delivery: Delivery[Nats], steps: Steps) -> None:
    """Take the steps to the subject or its stream; raises DispatchError."""
    target = delivery.target
    options = ConnectionOptions.of(target)
    is_tls = await _way(options, steps)
    pool = NatsPool()
    try:
        async with AsyncExitStack() as lent:
            with steps.step("login") as step:
                loan = pool.lend(target, steps.time_left())
                connection = await lent.enter_async_context(loan)
                name = excerpt(connection.server_name, 100)
                step.message = f"accepted by {name}" if name else "accepted"
            if not is_tls and (peer := connection.peer) is not None:
                with steps.step("tls") as step:  # which the server asked for by itself
                    note_peers(steps, step, [peer_of(peer)], time.time())
            with steps.step("message") as step:
                headers = written_headers(delivery, target)
                size = len(headers) + len(delivery.body)
                check_size(connection.max_payload, headers, delivery.body)
                step.message = f"{size} bytes with headers, of {connection.max_payload}"
            with steps.step("permission") as step:
                step.message = await _permission(connection, target)
            if target.mode == "jetstream":
                with steps.step("stream") as step:
                    await _judge_stream(step, connection, target, size)
    finally:
        await pool.close()


def certificate_key(target: Nats) -> Hashable | None:
    """Return the servers with their TLS block; None where TLS is up to a server."""
    options = ConnectionOptions.of(target)
    return (options.servers, options.tls) if _wants_tls(options, options.servers) else None


async def _way(options: ConnectionOptions, steps: Steps) -> bool:
    """Take the steps to the servers; return whether TLS was among them."""
    places = {Place(server.host, server.port): server for server in options.servers}
    opened = ExitStack()
    try:
        sockets = await connected(steps, list(places), opened)
        if not _wants_tls(options, [places[place] for place in sockets]):
            return False
        context = make_context(options.tls)
        name = options.tls.server_name if options.tls is not None else None
        before: Before | None = None if options.is_tls_first else _greeted
        handshake = over_streams(context, lambda place: name or place.host, opened, before)
        await secured(steps, sockets, handshake)
    finally:
        await gone(opened)
    return True


def _wants_tls(options: ConnectionOptions, servers: Iterable[Server]) -> bool:
    return all(options.wants_tls(server) for server in servers)


async def _greeted(reader: asyncio.StreamReader) -> None:
    """Read the line that the server begins with, before TLS."""
    if not await reader.readline():
        raise ConnectionResetError("the server closed the connection without a greeting")


async def _permission(connection: Connection, target: Nats) -> str:
    """Return that we may publish; RejectedError where we may not.

    Nothing tells it but a publish. This one has a reply that the server keeps for itself: it looks
    for our right to the subject, then at the reply, and refuses the message in either case.
    """
    if connection.server_version < _REFUSES_REPLIES:
        return "not known: a server of another kind, or an old one"
    reply = f"{_RESERVED}.{uuid4().hex}"

    async def operation(client: "Client") -> None:
        await client.write(target.subject, reply, b"", b"")
        await connection.confirmed(client)

    try:
        await connection.carry(PendingMessage(target.subject, reply), operation)
    except RejectedError as error:
        if "reply of" not in error.message:
            raise
        return f"may publish to {target.subject}"
    raise UnreachableError("the server did not refuse what it must; it is no NATS server of today")


async def _judge_stream(step: Step, connection: Connection, target: Nats, size: int) -> None:
    """Note what stream stores the subject; raises DispatchError where it would not."""
    try:
        names = await names_of(connection, target.subject)
        if names is None or names.error is not None or not names.streams:
            raise await no_stream(connection, target.subject)
        if target.stream is not None and target.stream not in names.streams:
            message = f"the stream {names.streams[0]} stores it, expected {target.stream}"
            raise RejectedError(f"{message} ({target.subject})", code="NO_STREAM")
        if target.stream is None and len(names.streams) > 1:
            step.message = f"not known: several store it, {', '.join(names.streams)}"
            return
        name = target.stream or names.streams[0]
        info = await stream_info(connection, name, target.subject)
        _judge(step, info, target, size)
    except RejectedError as error:
        if error.code != "PERMISSIONS":
            raise
        # A user who may publish need not be allowed to ask.
        step.message = "not known: we may not ask JetStream for its streams"


def _judge(step: Step, info: StreamInfo, target: Nats, size: int) -> None:
    stream = info.config
    replicas = f"{stream.num_replicas} replica{'' if stream.num_replicas == 1 else 's'}"
    step.message = f"{stream.name}: {stream.storage}, {replicas}"
    check_taken(info, target, size)
    for warning in warnings(info, target):
        step.warn(warning)
