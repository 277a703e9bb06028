"""gRPC, by grpc.aio: the target block `grpc`.

A dispatch succeeds when the server answered OK, or the status that the job expects. The method is
found by the server's reflection, in .proto files or in a protoset, and called without generated
code. UNAVAILABLE, RESOURCE_EXHAUSTED and ABORTED mean "not now" and are unreachable; every other
status is rejected, and so is whatever TLS objects to.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import structs

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.plugin import Preview, Receipt
from chronos_cli.errors import DispatchError, RejectedError
from chronos_cli.protocols.grpc.call import Call
from chronos_cli.protocols.grpc.connection import Connection
from chronos_cli.protocols.grpc.errors import (
    failure,
    library_errors,
    translated,
    types_of_details,
)
from chronos_cli.protocols.grpc.pool import GrpcPool
from chronos_cli.protocols.grpc.probe import permanent_cause
from chronos_cli.protocols.grpc.rendering import as_data
from chronos_cli.protocols.grpc.target import Grpc, GrpcSettings


class GrpcDispatcher:
    """Calls methods, keeping one channel for each server."""

    def __init__(self, settings: GrpcSettings) -> None:
        self._settings = settings
        self._pool = GrpcPool()

    async def send(self, delivery: Delivery[Grpc]) -> Receipt:
        """Call the method once; see `Dispatcher.send`.

        A kept connection that the server ends just then is replaced, and the call made once more.
        """
        receipt = await self._sent(delivery)
        if receipt is None:
            receipt = await self._sent(delivery, is_last=True)
        assert receipt is not None
        return receipt

    async def _sent(self, delivery: Delivery[Grpc], *, is_last: bool = False) -> Receipt | None:
        """Return None when the connection has to be replaced, which it is unless `is_last`."""
        async with self._pool.lend(delivery.target, delivery.timeout) as connection:
            call = Call(connection, delivery)
            try:
                receipt = await call.receipt()
            except asyncio.CancelledError as error:
                if not connection.is_connected:
                    tls = "with" if delivery.target.secure is not None else "without"
                    error.add_note(f"no connection stands; is this a port of gRPC {tls} TLS?")
                raise
            except library_errors() as error:
                if not is_last and call.may_be_repeated(error):
                    connection.retire()
                    return None
                found = await _failure(error, connection, call)
                raise found.with_receipt(**call.meant) from error
            except DispatchError as error:
                if not call.meant:
                    raise
                raise error.with_receipt(**call.meant) from error
            if not (meant := call.meant):
                return receipt  # nearly always, and for each of very many calls
            return structs.replace(receipt, data={**receipt.data, **meant})

    async def preview(self, delivery: Delivery[Grpc]) -> Preview:
        """Return the request as it would leave; see `Dispatcher.preview`.

        Only the server's reflection is asked for, and only where no file describes the method.
        """
        if delivery.target.is_described_by_files:
            return await _preview(Call(None, delivery))
        address = delivery.target.address
        try:
            async with self._pool.lend(delivery.target, delivery.timeout) as connection:
                call = Call(connection, delivery)
                try:
                    async with asyncio.timeout(delivery.timeout):
                        return await _preview(call, f"asked {address} for reflection")
                except TimeoutError as error:
                    raise call.too_late() from error
                except library_errors() as error:
                    raise await _failure(error, connection, call) from error
        except RejectedError:
            raise
        except DispatchError as error:
            raise error.with_message(f"asked for reflection: {error.message}") from error

    async def close(self) -> None:
        """Close all channels."""
        await self._pool.close()


@asynccontextmanager
async def failures_of(connection: Connection, call: Call) -> AsyncIterator[None]:
    """Raise what the exceptions of the library mean that the block raises."""
    try:
        yield
    except library_errors() as error:
        raise await _failure(error, connection, call) from error


async def _failure(error: Exception, connection: Connection, call: Call) -> DispatchError:
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
    await call.learn(types_of_details(error))
    pool = call.method.pool if call.method else None
    return failure(error, call.target.address, pool)


async def _preview(call: Call, *notes: str) -> Preview:
    method, request = await call.prepared()
    return Preview(
        summary=f"{method.path} {method.request.full_name}",
        headers=[_shown(key, value) for key, value in call.metadata],
        body=json.dumps(as_data(request, method.pool), indent=2, ensure_ascii=False),
        notes=notes,
    )


def _shown(key: str, value: str | bytes) -> tuple[str, str]:
    if isinstance(value, bytes):
        from base64 import b64encode

        return key, b64encode(value).decode()
    return key, value
