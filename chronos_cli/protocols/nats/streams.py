"""Whether JetStream knows a stream for a subject, asked when nobody has stored a message."""

import asyncio
import json

import msgspec
from msgspec import Struct

from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols.nats.connection import NO_RESPONDERS, Connection
from chronos_cli.protocols.nats.pending import PendingMessage

_NAMES = "$JS.API.STREAM.NAMES"
# Seconds for the answer; a cluster that is choosing a leader gives none.
_PATIENCE = 2.0


class Names(Struct):
    """The streams that store a subject, or why the server does not say."""

    streams: list[str] | None = None
    error: dict[str, object] | None = None


async def no_stream(connection: Connection, subject: str) -> DispatchError:
    """Return what it means that no stream has answered on a subject.

    A stream whose leader has died answers nobody until another one is chosen. Only a server that
    knows no stream for the subject is a reason not to try again.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            names = await names_of(connection, subject)
    except (DispatchError, TimeoutError, msgspec.DecodeError) as error:
        return _unknown(subject, str(error) or "no answer in time")
    if names is None:
        return RejectedError(
            f"no stream stores the subject {subject}: no JetStream", code="NO_STREAM"
        )
    if names.error is not None:
        return _unknown(subject, str(names.error.get("description", "an error")))
    if names.streams:
        message = f"the stream {names.streams[0]} does not answer; it may have no leader"
        return UnreachableError(f"{message} ({subject})", code="NO_LEADER")
    return RejectedError(f"no stream stores the subject {subject}", code="NO_STREAM")


async def names_of(connection: Connection, subject: str) -> Names | None:
    """Ask for the streams of a subject; None when the server is without JetStream.

    Raises DispatchError, and msgspec.DecodeError for an answer that cannot be read.
    """
    question = json.dumps({"subject": subject}).encode()
    try:
        reply = await connection.ask(PendingMessage(_NAMES, needs_inbox=True), question)
    except RejectedError as error:
        if error.code == NO_RESPONDERS and not connection.has_jetstream:
            return None
        raise
    return msgspec.json.decode(reply.data, type=Names)


def _unknown(subject: str, why: str) -> UnreachableError:
    message = f"no stream has answered on {subject}, and whether there is one is not known: {why}"
    return UnreachableError(message, code="NO_STREAM")
