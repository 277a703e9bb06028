"""One delivery on its way: the method found, the request made, the call, the replies read."""

import asyncio
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.plugin import Receipt
from chronos_cli.errors import RejectedError, TimedOutError, UnreachableError
from chronos_cli.protocols.grpc.any_types import learn, named_types
from chronos_cli.protocols.grpc.cloudevent import event_message
from chronos_cli.protocols.grpc.connection import Connection
from chronos_cli.protocols.grpc.errors import (
    ended_unanswered,
    is_answer,
    rich_details,
    types_of_details,
)
from chronos_cli.protocols.grpc.mapping import (
    encoded_message,
    is_encoded,
    json_payload,
    metadata_message,
    parsed,
)
from chronos_cli.protocols.grpc.reflection import ReflectionClient
from chronos_cli.protocols.grpc.rendering import as_data, holds_any, message_class, unknown_types
from chronos_cli.protocols.grpc.schema import Method, from_files, from_reflection
from chronos_cli.protocols.grpc.target import Grpc, decoded_binary
from chronos_cli.units import format_duration

if TYPE_CHECKING:
    import grpc

# Seconds, at most, to ask what stands in an Any: whether it arrived is known without that.
_LEARNING = 1.0
_ROUNDS = 4
# Of the replies no more is kept for the report; it says that they were cut.
MAX_REPLY = 64 * 1024

Metadata = tuple[tuple[str, str | bytes], ...]


class Call:
    """One delivery on its way over one channel, or, to be looked at only, over none.

    Without one the method must be described by files.
    """

    def __init__(self, connection: Connection | None, delivery: Delivery[Grpc]) -> None:
        self.target = delivery.target
        self.metadata = _metadata(delivery, self.target)
        self.method: Method | None = None
        self._has_reply = False
        self._is_kept = connection is not None and connection.has_answered
        self._connection = connection
        self._delivery = delivery
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + delivery.timeout

    @property
    def meant(self) -> dict[str, str]:
        """What the receipt has of a method that the target names by less than its whole name."""
        if self.method is None or self.method.path == f"/{self.target.method.lstrip('/')}":
            return {}
        return {"method": self.method.path.lstrip("/")}

    def time_left(self) -> float:
        """Return the seconds until the attempt's limit."""
        return self._end - self._loop.time()

    def too_late(self) -> TimedOutError:
        """Return the error of an attempt whose time is over."""
        message = f"no answer within {format_duration(self._delivery.timeout)}"
        return TimedOutError(f"{message} ({self.target.address})", code="DEADLINE_EXCEEDED")

    async def prepared(self) -> tuple[Method, Any]:
        """Return the method and the request message; nothing has been called yet."""
        method = self.method = await self._found()
        delivery = self._delivery
        if delivery.event is not None:
            return method, event_message(method, delivery.event)
        if delivery.default_payload:
            return method, metadata_message(method, delivery.payload)
        if is_encoded(delivery.payload, delivery.content_type):
            return method, encoded_message(method, delivery.payload)
        payload = json_payload(method, delivery.payload)
        if holds_any(method.request):
            await self.learn(named_types(payload))
        return method, parsed(method.request, payload, method.pool)

    async def receipt(self) -> Receipt:
        """Call the method; raises gRPC's own errors, RejectedError and UnreachableError."""
        import grpc

        method, message = await self.prepared()
        request = message.SerializeToString()
        self.check_size(len(request))
        expected = self.target.expect.names
        try:
            data, unmet = await (self._streamed if method.is_streaming else self._unary)(
                method, request
            )
        except grpc.aio.AioRpcError as error:
            if error.code().name not in expected or not is_answer(error):
                raise
            await self.learn(types_of_details(error))
            found = {"status": error.code().name, "details": rich_details(error, method.pool)}
            return Receipt(error.code().name, error.details() or "", found)
        if self._connection is not None:
            self._connection.has_answered = True
        if "OK" not in expected:
            unmet = f"the server answered OK, and {' or '.join(expected)} was expected"
        if unmet is not None:
            message = f"{unmet} ({self.target.address})"
            raise RejectedError(message, code="OK", kind="expectation", receipt=data)
        return Receipt(code="OK", data=data)

    def may_be_repeated(self, error: Exception) -> bool:
        """Whether a kept connection ended under the call before an answer came.

        The call can be made again then: the execution ID tells a server that has seen it after
        all. gRPC itself does so only where the server has told how far it read.
        """
        import grpc

        if not self._is_kept or self._has_reply or not isinstance(error, grpc.aio.AioRpcError):
            return False
        return ended_unanswered(error)

    async def learn(self, types: Iterable[str]) -> None:
        """Ask the server for types in an Any, if it is what described the method."""
        method = self.method
        if method is None or method.reflection is None or self._connection is None:
            return
        seconds = min(_LEARNING, self.time_left() / 2)
        options = {"metadata": self.metadata, "timeout": seconds}
        channel = self._connection.channel
        server = ReflectionClient(channel, method.reflection, self.target.address, **options)
        await learn(method, types, server, seconds)

    def check_size(self, size: int) -> None:
        """Raise RejectedError for a request of more bytes than `max_message_size` allows."""
        limit = self.target.max_message_size
        if size > limit:
            message = f"the request has {size} bytes, max_message_size allows {limit}"
            raise RejectedError(message, code="RESOURCE_EXHAUSTED")

    async def _found(self) -> Method:
        target, connection = self.target, self._connection
        if connection is None:
            return from_files(target)
        key = (target.method, target.proto, target.protoset)
        if key not in connection.methods:
            # Many jobs that start together ask once.
            async with connection.learning:
                if key not in connection.methods:
                    connection.methods[key] = await self._learnt(connection)
        return connection.methods[key]

    async def _learnt(self, connection: Connection) -> Method:
        if self.target.is_described_by_files:
            return from_files(self.target)
        options = {"metadata": self.metadata, "timeout": self.time_left()}
        return await from_reflection(connection.channel, self.target, options)

    async def _unary(self, method: Method, request: bytes) -> tuple[dict[str, Any], str | None]:
        """Return what a reply holds, and which expectation it does not meet."""
        assert self._connection is not None
        call = self._connection.unary(method.path)
        reply = self._decoded(method, await call(request, **self._options()))
        data = _bounded({"reply": await self._shown(method, reply)})
        unmet = self._unmet(method, reply)
        return data, None if unmet is None else f"the reply: {unmet}"

    async def _streamed(self, method: Method, request: bytes) -> tuple[dict[str, Any], str | None]:
        """Take replies until the server ends the stream: only its status tells success.

        One reply that meets all expectations is enough: a stream tells of progress as a rule.
        """
        call: Any = self._channel.unary_stream(method.path)
        replies: list[Any] = []
        count = size = 0
        unmet = "there is none" if self.target.expect.reply else None
        async for raw in call(request, **self._options()):
            self._has_reply = True
            count += 1
            size += len(raw or b"")
            is_kept = len(replies) < self.target.max_replies and size <= MAX_REPLY
            if not is_kept and unmet is None:
                continue
            reply = self._decoded(method, raw)
            if is_kept:
                replies.append(await self._shown(method, reply))
            if unmet is not None:
                unmet = self._unmet(method, reply)
        data: dict[str, Any] = {"reply": replies, "replies": count}
        if len(replies) < count:
            data["reply_truncated"] = True
        return _bounded(data), None if unmet is None else f"no reply is as expected; {unmet}"

    def _decoded(self, method: Method, raw: bytes | None) -> Any:
        if raw is None:
            # So the client hands over an OK without a message, or with one that was cut.
            message = f"the server answered OK without a whole message ({self.target.address})"
            raise UnreachableError(message, code="REPLY")
        try:
            return message_class(method.reply).FromString(raw)
        except Exception as error:
            from google.protobuf.message import DecodeError

            if not isinstance(error, DecodeError):
                raise
            message = f"the server answered, but not with a {method.reply.full_name}: {error}"
            raise RejectedError(f"{message} ({self.target.address})", code="REPLY") from error

    async def _shown(self, method: Method, reply: Any) -> Any:
        if holds_any(method.reply) and method.reflection is not None:
            # What has been learnt may hold an Any in its turn.
            for _ in range(_ROUNDS):
                if not (types := unknown_types(reply, method.pool) - method.unknown):
                    break
                await self.learn(types)
        return as_data(reply, method.pool)

    def _unmet(self, method: Method, reply: Any) -> str | None:
        expect = self.target.expect
        if not expect.reply:
            return None
        return expect.unmet(as_data(reply, method.pool, with_defaults=True))

    @property
    def _channel(self) -> "grpc.aio.Channel":
        assert self._connection is not None
        return self._connection.channel

    def _options(self) -> dict[str, Any]:
        import grpc

        options = {
            # Pairs would do; gRPC looks long at what they are.
            "metadata": grpc.aio.Metadata(*self.metadata),
            "timeout": self.time_left(),
        }
        if self.target.compression != "none":
            kinds = {"gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}
            options["compression"] = kinds[self.target.compression]
        return options


def _metadata(delivery: Delivery[Grpc], target: Grpc) -> Metadata:
    """Return our own metadata and the job's, as they go on the wire."""
    pairs: list[tuple[str, str | bytes]] = [
        (name.lower(), value) for name, value in delivery.metadata.items()
    ]
    if target.token is not None:
        pairs.append(("authorization", f"Bearer {target.token}"))
    for key, value in target.metadata.items():
        items = [value] if isinstance(value, str) else value
        pairs += [(key, decoded_binary(item) if key.endswith("-bin") else item) for item in items]
    return tuple(pairs)


def _bounded(data: dict[str, Any]) -> dict[str, Any]:
    """Return the receipt with a reply that is too long for it as the beginning of its JSON."""
    if len(msgspec.json.encode(data["reply"])) <= MAX_REPLY:
        return data
    text = json.dumps(data["reply"], ensure_ascii=False)
    return {**data, "reply": text[:MAX_REPLY], "reply_truncated": True}
