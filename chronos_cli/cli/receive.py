"""`chronos receive`: a local far side to try jobs against."""

import asyncio
import signal
from contextlib import AsyncExitStack
from enum import StrEnum
from typing import Annotated

import typer
from msgspec import Struct

from chronos_cli.cli.options import Verbose
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
from chronos_cli.units import parse_duration


class RequestFormat(StrEnum):
    """How requests are written."""

    TEXT = "text"
    JSONL = "jsonl"


class _Printer(Struct):
    """Prints each request and call, and answers the requests."""

    reply: Reply
    as_json: bool
    count: int = 0

    async def answer(self, request: ReceivedRequest) -> Reply:
        self.count += 1
        if self.as_json:
            Output().json(received_document(self.count, request), indent=None)
        else:
            Output().result(received_lines(self.count, request))
        return self.reply

    async def on_call(self, call: ReceivedCall) -> None:
        self.count += 1
        if self.as_json:
            Output().json(call_document(self.count, call), indent=None)
        else:
            Output().result(call_lines(self.count, call))


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Address to listen on.")
    ] = "127.0.0.1:8080",
    grpc: Annotated[
        str | None,
        typer.Option("--grpc", metavar="HOST:PORT", help="Take gRPC calls too, there."),
    ] = None,
    status: Annotated[
        int, typer.Option(min=200, max=599, metavar="CODE", help="HTTP status to answer with.")
    ] = 200,
    delay: Annotated[
        str, typer.Option(metavar="TIME", help="Wait before the answer, such as 500ms.")
    ] = "0s",
    output: Annotated[
        RequestFormat, typer.Option("--output", "-o", help="How requests are written.")
    ] = RequestFormat.TEXT,
    verbose: Verbose = False,
) -> None:
    """Listen for jobs over HTTP and gRPC, print what arrives, accept it. Ends at Ctrl-C.

    The gRPC service is chronos.v1.JobService with the method Execute, found by reflection.
    """
    http = _address("--listen", listen)
    calls = _address("--grpc", grpc) if grpc is not None else None
    try:
        seconds = parse_duration(delay)
    except ValueError as error:
        raise UsageError(f"--delay: {error}") from error
    printer = _Printer(Reply(status=status, delay=seconds), output is RequestFormat.JSONL)
    asyncio.run(_receive(http, calls, printer))


def _address(option: str, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise UsageError(f"{option} takes HOST:PORT, such as 127.0.0.1:8080, not '{text}'")
    return host.strip("[]") or "127.0.0.1", int(port)


async def _receive(http: tuple[str, int], calls: tuple[str, int] | None, printer: _Printer) -> None:
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
    address: tuple[str, int], printer: _Printer, stack: AsyncExitStack
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
    return UsageError(f"cannot listen on {_shown(host)}:{port}: {error.strerror or error}")


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
