"""gRPC, by grpc.aio: the target block `grpc`.

A dispatch succeeds when the server answered OK, or the status that the job expects. The method is
found by the server's reflection, in .proto files or in a protoset, and called without generated
code. UNAVAILABLE, RESOURCE_EXHAUSTED and ABORTED mean "not now" and are unreachable; every other
status is rejected, and so is whatever TLS objects to.
"""

import asyncio
import json
from typing import Any

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.plugin import Preview, Receipt
from chronos_cli.errors import DispatchError, RejectedError, TimedOutError, UnreachableError
from chronos_cli.protocols.grpc.cloudevent import event_message
from chronos_cli.protocols.grpc.connection import Connection
from chronos_cli.protocols.grpc.errors import (
    failure,
    is_answer,
    library_errors,
    rich_details,
    translated,
)
from chronos_cli.protocols.grpc.mapping import as_data, decoded, metadata_message, request_message
from chronos_cli.protocols.grpc.pool import GrpcPool
from chronos_cli.protocols.grpc.probe import permanent_cause
from chronos_cli.protocols.grpc.schema import Method, from_files, from_reflection
from chronos_cli.protocols.grpc.target import Grpc, GrpcSettings, decoded_binary
from chronos_cli.units import format_duration

# Of the replies no more is kept for the report; it says that they were cut.
MAX_REPLY = 64 * 1024

_Metadata = tuple[tuple[str, str | bytes], ...]


class GrpcDispatcher:
    """Calls methods, keeping one channel for each server."""

    def __init__(self, settings: GrpcSettings) -> None:
        self._settings = settings
        self._pool = GrpcPool()

    async def send(self, delivery: Delivery[Grpc]) -> Receipt:
        """Call the method once; see `Dispatcher.send`."""
        async with self._pool.lend(delivery.target, delivery.timeout) as connection:
            call = _Call(connection, delivery)
            try:
                return await call.receipt()
            except library_errors() as error:
                raise await self._failure(error, connection, call) from error

    async def preview(self, delivery: Delivery[Grpc]) -> Preview:
        """Return the request as it would leave; see `Dispatcher.preview`."""
        async with self._pool.lend(delivery.target, delivery.timeout) as connection:
            call = _Call(connection, delivery)
            try:
                async with asyncio.timeout(delivery.timeout):
                    method, request = await call.prepared()
            except TimeoutError as error:
                raise call.too_late() from error
            except library_errors() as error:
                raise await self._failure(error, connection, call) from error
            return Preview(
                summary=f"{method.path} {method.request.full_name}",
                headers=[_shown(key, value) for key, value in call.metadata],
                body=json.dumps(as_data(request, method.pool), indent=2, ensure_ascii=False),
            )

    async def close(self) -> None:
        """Close all channels."""
        await self._pool.close()

    async def _failure(
        self, error: Exception, connection: Connection, call: "_Call"
    ) -> DispatchError:
        """Return what an exception means, with the cause of a connection that never stood."""
        import grpc

        if not isinstance(error, grpc.aio.AioRpcError):
            return translated(error, call.target.address)
        if error.code() is grpc.StatusCode.UNAVAILABLE and not connection.is_connected:
            connection.retire()
            if cause := await permanent_cause(call.target, call.time_left()):
                return cause
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            connection.methods.clear()  # the server may have changed since it described itself
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and call.time_left() <= 0:
            return call.too_late()
        pool = call.method.pool if call.method else None
        return failure(error, call.target.address, pool)


class _Call:
    """One delivery on its way over one channel."""

    def __init__(self, connection: Connection, delivery: Delivery[Grpc]) -> None:
        self.target = delivery.target
        self.metadata = _metadata(delivery, self.target)
        self.method: Method | None = None
        self._connection = connection
        self._delivery = delivery
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + delivery.timeout

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
        return method, request_message(method, delivery.payload, delivery.content_type)

    async def receipt(self) -> Receipt:
        """Call the method; raises gRPC's own errors, and RejectedError."""
        import grpc

        method, message = await self.prepared()
        request = message.SerializeToString()
        self._check_size(len(request))
        expected = self.target.expect.names
        try:
            data = await (self._streamed if method.is_streaming else self._unary)(method, request)
        except grpc.aio.AioRpcError as error:
            if error.code().name not in expected or not is_answer(error):
                raise
            found = {"status": error.code().name, "details": rich_details(error, method.pool)}
            return Receipt(error.code().name, error.details() or "", found)
        if "OK" not in expected:
            words = " or ".join(expected)
            message = f"the server answered OK, and {words} was expected ({self.target.address})"
            raise RejectedError(message, code="OK", kind="expectation", receipt=data)
        return Receipt(code="OK", data=data)

    async def _found(self) -> Method:
        target = self.target
        key = (target.method, target.proto, target.protoset)
        if key not in self._connection.methods:
            # Many jobs that start together ask once.
            async with self._connection.learning:
                if key not in self._connection.methods:
                    self._connection.methods[key] = await self._learnt()
        return self._connection.methods[key]

    async def _learnt(self) -> Method:
        if self.target.proto is not None or self.target.protoset is not None:
            return from_files(self.target)
        options = {"metadata": self.metadata, "timeout": self.time_left()}
        return await from_reflection(self._connection.channel, self.target, options)

    async def _unary(self, method: Method, request: bytes) -> dict[str, Any]:
        call: Any = self._connection.channel.unary_unary(method.path)
        raw = await call(request, **self._options())
        return _bounded({"reply": self._read(method, raw)})

    async def _streamed(self, method: Method, request: bytes) -> dict[str, Any]:
        """Take replies until the server ends the stream: only its status tells success."""
        call: Any = self._connection.channel.unary_stream(method.path)
        replies: list[Any] = []
        count = size = 0
        async for raw in call(request, **self._options()):
            count += 1
            size += len(raw)
            if len(replies) < self.target.max_replies and size <= MAX_REPLY:
                replies.append(self._read(method, raw))
        data: dict[str, Any] = {"reply": replies, "replies": count}
        if len(replies) < count:
            data["reply_truncated"] = True
        return _bounded(data)

    def _read(self, method: Method, raw: bytes | None) -> Any:
        from google.protobuf.message import DecodeError

        if raw is None:
            # So the client hands over an OK without a message, or with one that was cut.
            message = f"the server answered OK without a whole message ({self.target.address})"
            raise UnreachableError(message, code="REPLY")
        try:
            return as_data(decoded(method.reply, raw), method.pool)
        except DecodeError as error:
            message = f"the server answered, but not with a {method.reply.full_name}: {error}"
            raise RejectedError(f"{message} ({self.target.address})", code="REPLY") from error

    def _options(self) -> dict[str, Any]:
        import grpc

        kinds = {"gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}
        return {
            "metadata": self.metadata,
            "timeout": self.time_left(),
            "compression": kinds.get(self.target.compression),
        }

    def _check_size(self, size: int) -> None:
        limit = self.target.max_message_size
        if size > limit:
            message = f"the request has {size} bytes, max_message_size allows {limit}"
            raise RejectedError(message, code="RESOURCE_EXHAUSTED")


def _metadata(delivery: Delivery[Grpc], target: Grpc) -> _Metadata:
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


def _shown(key: str, value: str | bytes) -> tuple[str, str]:
    if isinstance(value, bytes):
        from base64 import b64encode

        return key, b64encode(value).decode()
    return key, value


def _bounded(data: dict[str, Any]) -> dict[str, Any]:
    """Return the receipt with a reply that is too long for it as the beginning of its JSON."""
    text = json.dumps(data["reply"], ensure_ascii=False)
    if len(text) <= MAX_REPLY:
        return data
    return {**data, "reply": text[:MAX_REPLY], "reply_truncated": True}
