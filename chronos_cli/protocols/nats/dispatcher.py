"""NATS, by nats-py: the target block `nats`.

A publish succeeds when the server has worked it off and refused nothing; a request when a
responder has replied, and as expected; a JetStream publish when a stream has stored it. What
the server refuses is rejected, and so are a subject that nobody listens on in the last two.
"""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.plugin import Preview, Receipt
from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols.event_headers import http_event_headers
from chronos_cli.protocols.nats.connection import NO_RESPONDERS, Connection
from chronos_cli.protocols.nats.pending import PendingMessage
from chronos_cli.protocols.nats.pool import NatsPool
from chronos_cli.protocols.nats.streams import no_stream
from chronos_cli.protocols.nats.target import MESSAGE_ID, Nats, NatsSettings
from chronos_cli.redact import excerpt

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from chronos_cli.protocols.nats.client import Client

# Of a reply no more is reported; the report says that it was cut.
MAX_REPLY = 64 * 1024

_MODES = {"publish": "PUB", "request": "REQ", "jetstream": "JETSTREAM PUB"}


class ApiError(Struct, frozen=True):
    """An error of JetStream's: an HTTP status, a code of its own, and its words."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class _Ack(Struct):
    """What JetStream answers: stream and sequence, or an error."""

    stream: Annotated[str, Meta(min_length=1)] | None = None
    seq: int = 0
    duplicate: bool = False
    error: ApiError | None = None


class NatsDispatcher:
    """Sends deliveries over NATS, one connection for each cluster and login."""

    def __init__(self, settings: NatsSettings) -> None:
        self._settings = settings
        self._pool = NatsPool()

    async def send(self, delivery: Delivery[Nats]) -> Receipt:
        """Send one message; see `Dispatcher.send`."""
        target = delivery.target
        async with self._pool.lend(target, delivery.timeout) as connection:
            if target.mode == "publish":
                return await _publish(connection, delivery, target)
            try:
                reply = await _request(connection, delivery, target)
            except RejectedError as error:
                if target.mode == "jetstream" and error.code == NO_RESPONDERS:
                    raise await no_stream(connection, target.subject) from error
                raise
        if target.mode == "jetstream":
            return _acknowledged(reply, target)
        return await _replied(reply, target)

    async def preview(self, delivery: Delivery[Nats]) -> Preview:
        """Return the message as it would leave; see `Dispatcher.preview`."""
        target = delivery.target
        summary = f"{_MODES[target.mode]} {target.subject}"
        if target.reply:
            summary += f" (reply to {target.reply})"
        return Preview(
            summary=summary,
            headers=list(_headers(delivery, target).items()),
            body=delivery.body.decode(errors="replace"),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()


async def _publish(connection: Connection, delivery: Delivery[Nats], target: Nats) -> Receipt:
    headers = written_headers(delivery, target)

    async def operation(client: "Client") -> str:
        check_size(client.max_payload, headers, delivery.body)
        await client.write(target.subject, target.reply or "", headers, delivery.body)
        await connection.confirmed(client)
        return client.server_name

    name = await connection.carry(PendingMessage(target.subject, target.reply), operation)
    return Receipt(data={"server": name} if name else {})


async def _request(connection: Connection, delivery: Delivery[Nats], target: Nats) -> "Msg":
    """Publish with an inbox of ours to reply to, and return the reply."""
    headers = written_headers(delivery, target)
    check_size(connection.max_payload, headers, delivery.body)
    message = PendingMessage(target.subject, needs_inbox=True)
    return await connection.ask(message, delivery.body, headers)


def written_headers(delivery: Delivery[Nats], target: Nats) -> bytes:
    """Return the headers of a message as they go out; raises RejectedError."""
    return _encoded(_headers(delivery, target))


def _acknowledged(reply: "Msg", target: Nats) -> Receipt:
    """Return the receipt of a stored message; raise what any other answer means."""
    try:
        ack = msgspec.json.decode(reply.data, type=_Ack)
    except msgspec.DecodeError as error:
        raise _not_a_stream(target) from error
    if ack.error is not None:
        raise refusal(ack.error, target, "JetStream refused it")
    if ack.stream is None or ack.seq < 1:
        raise _not_a_stream(target)
    return Receipt(data={"stream": ack.stream, "seq": ack.seq, "duplicate": ack.duplicate})


def _not_a_stream(target: Nats) -> RejectedError:
    message = f"what answered on {target.subject} is no stream"
    return RejectedError(message, code="NO_STREAM")


def refusal(error: ApiError, target: Nats, words: str) -> DispatchError:
    """Tell "not now" (a full or leaderless stream) from a plain no."""
    message = f"{words}: {error.description or 'no reason given'} ({target.subject})"
    code = str(error.err_code or error.code)
    receipt = {"error": msgspec.to_builtins(error)}
    if error.code == 429 or error.code >= 500:
        return UnreachableError(message, code=code, receipt=receipt)
    return RejectedError(message, code=code, receipt=receipt)


async def _replied(reply: "Msg", target: Nats) -> Receipt:
    """Return the receipt of an expected reply; raise what any other one means."""
    text = reply.data.decode(errors="replace")
    receipt: dict[str, Any] = {"reply": text[:MAX_REPLY]}
    if len(text) > MAX_REPLY:
        receipt["reply_truncated"] = True
    headers = reply.headers or {}
    # The convention of the NATS services framework for a request that could not be met.
    if code := headers.get("Nats-Service-Error-Code"):
        said = excerpt(headers.get("Nats-Service-Error", "no reason given"), 160)
        message = f"the service answered with error {code[:20]}: {said}"
        kind = UnreachableError if code == "429" or code.startswith("5") else RejectedError
        raise kind(message, code=code[:20], receipt=receipt, kind="expectation")
    # A search that takes its time must hold nobody else up.
    if target.expect is not None and (unmet := await asyncio.to_thread(target.expect.unmet, text)):
        raise RejectedError(f"{unmet}: {excerpt(text, 160)}", receipt=receipt, kind="expectation")
    return Receipt(data=receipt)


def _headers(delivery: Delivery[Nats], target: Nats) -> dict[str, str]:
    """Return the job's own headers after ours; a header that the job sets replaces our default."""
    defaults = {MESSAGE_ID: delivery.execution.id, "Content-Type": delivery.content_type}
    event = http_event_headers(delivery)
    if event:
        # Readers may look for it here or in Content-Type; version 1.0.2 does not say.
        given = {name.lower(): value for name, value in target.headers.items()}
        event["ce-datacontenttype"] = given.get("content-type", delivery.content_type)
    if target.stream is not None:
        defaults["Nats-Expected-Stream"] = target.stream
    if target.expected_last_sequence is not None:
        defaults["Nats-Expected-Last-Sequence"] = str(target.expected_last_sequence)
    if target.headers:
        own = {name.lower() for name in target.headers}
        defaults = {name: value for name, value in defaults.items() if name.lower() not in own}
    return {**defaults, **delivery.metadata, **event, **target.headers}


def _encoded(headers: dict[str, str]) -> bytes:
    """Return the headers as they go out (ADR-4 of NATS).

    Raises RejectedError for a line break in one of them: what follows it would be another.
    """
    lines = ["NATS/1.0", *[f"{name}: {value}" for name, value in headers.items()], "", ""]
    text = "\r\n".join(lines)
    if not text.count("\r") == text.count("\n") == len(lines) - 1:
        raise RejectedError("a header has a line break in it")
    return text.encode()


def check_size(most: int, headers: bytes, body: bytes) -> None:
    """Raise RejectedError when the server would close the connection over the message's size.

    The server counts the headers too; the library does not.
    """
    size = len(headers) + len(body)
    if size > most:
        message = f"{size} bytes with headers; the server takes {most} at most"
        raise RejectedError(message, code="MAX_PAYLOAD")
