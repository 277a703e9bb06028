"""The far side of `chronos receive`: servers, and what they print."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack

from msgspec import Struct

from chronos_cli.cli.output import Output
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import UsageError
from chronos_cli.receiver.grpc import GrpcReceiver, ReceivedCall
from chronos_cli.receiver.http import HttpReceiver, ReceivedRequest, Reply
from chronos_cli.report.received import (
    call_document,
    call_lines,
    received_document,
    received_lines,
)


class Printer(Struct):
    """Prints each request and call, and answers the requests."""

    reply: Reply
    as_json: bool
    count: int = 0

    @classmethod
    def of(cls, status: int, delay: float, *, as_json: bool) -> "Printer":
        """Return one that answers with a status, after a delay in seconds."""
        return cls(Reply(status=status, delay=delay), as_json)

    async def answer(self, request: ReceivedRequest) -> Reply:
        """Print a request; return the answer."""
        self.count += 1
        if self.as_json:
            Output().json(received_document(self.count, request), indent=None)
        else:
            Output().result(received_lines(self.count, request))
        return self.reply

    async def on_call(self, call: ReceivedCall) -> None:
        """Print a call."""
        self.count += 1
        if self.as_json:
            Output().json(call_document(self.count, call), indent=None)
        else:
            Output().result(call_lines(self.count, call))


def receive(http: tuple[str, int], calls: tuple[str, int] | None, printer: Printer) -> None:
    """Listen at these addresses until SIGINT or SIGTERM; UsageError where it cannot."""
    asyncio.run(_receive(http, calls, printer))


async def _receive(http: tuple[str, int], calls: tuple[str, int] | None, printer: Printer) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        if calls is not None:
            port = await _listen_for_calls(calls, printer, stack)
            Output().note(f"listening for gRPC on {_shown(calls[0])}:{port}")
        receiver = HttpReceiver(printer.answer)
        try:
            host, port = await receiver.start(*http)
        except OSError as error:
            raise _cannot_listen(http, error) from error
        stack.push_async_callback(receiver.close)
        Output().note(f"listening on http://{_shown(host)}:{port}, Ctrl-C to stop")
        await stopped.wait()


async def _listen_for_calls(
    address: tuple[str, int], printer: Printer, stack: AsyncExitStack
) -> int:
    if message := Registry().missing_client("grpc"):
        raise UsageError(f"--grpc: {message}")
    receiver = GrpcReceiver(printer.on_call)
    try:
        port = await receiver.start(*address)
    except OSError as error:
        raise _cannot_listen(address, error) from error
    stack.push_async_callback(receiver.close)
    return port


def _cannot_listen(address: tuple[str, int], error: OSError) -> UsageError:
    host, port = address
    return UsageError(f"cannot listen on {_shown(host)}:{port}: {_reason(error)}")


def _reason(error: OSError) -> str:
    """Return why, in the system's words; asyncio's own name the address once more."""
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or str(error)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
