"""`chronos receive`: a local far side to try jobs against."""

import asyncio
import signal
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from chronos_cli.cli.options import Verbose
from chronos_cli.cli.output import Output
from chronos_cli.errors import UsageError
from chronos_cli.receiver.http import HttpReceiver, ReceivedRequest, Reply
from chronos_cli.report.received import received_document, received_lines
from chronos_cli.units import parse_duration


class Format(StrEnum):
    """How requests are written."""

    TEXT = "text"
    JSONL = "jsonl"


@dataclass(slots=True)
class _Printer:
    """Prints each request, and answers it."""

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


def command(
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Address to listen on.")
    ] = "127.0.0.1:8080",
    status: Annotated[
        int, typer.Option(min=200, max=599, metavar="CODE", help="HTTP status to answer with.")
    ] = 200,
    delay: Annotated[
        str, typer.Option(metavar="TIME", help="Wait before the answer, such as 500ms.")
    ] = "0s",
    output: Annotated[
        Format, typer.Option("--output", "-o", help="How requests are written.")
    ] = Format.TEXT,
    verbose: Verbose = False,
) -> None:
    """Listen for jobs over HTTP, print what arrives, answer 200. Ends at Ctrl-C."""
    host, port = _address(listen)
    try:
        seconds = parse_duration(delay)
    except ValueError as error:
        raise UsageError(f"--delay: {error}") from error
    printer = _Printer(Reply(status=status, delay=seconds), output is Format.JSONL)
    asyncio.run(_receive(host, port, printer))


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f"--listen takes HOST:PORT, such as 127.0.0.1:8080, not '{text}'")
    return host.strip("[]") or "127.0.0.1", int(port)


async def _receive(host: str, port: int, printer: _Printer) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    receiver = HttpReceiver(printer.answer)
    try:
        at_host, at_port = await receiver.start(host, port)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    shown = f"[{at_host}]" if ":" in at_host else at_host
    Output().note(f"listening on http://{shown}:{at_port}, Ctrl-C to stop")
    await stopped.wait()
    await receiver.close()
