"""`chronos receive`: a local far side to try jobs against."""

from enum import StrEnum
from typing import Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.options import Verbose, address
from chronos_cli.errors import UsageError
from chronos_cli.units import parse_duration


class RequestFormat(StrEnum):
    """How requests are written."""

    TEXT = "text"
    JSONL = "jsonl"


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    listen: Annotated[
        str, option("--listen", metavar="HOST:PORT", help="Address to listen on.")
    ] = "127.0.0.1:8080",
    grpc: Annotated[
        str | None,
        option("--grpc", metavar="HOST:PORT", help="Take gRPC calls too, there."),
    ] = None,
    status: Annotated[
        int, option(min=200, max=599, metavar="CODE", help="HTTP status to answer with.")
    ] = 200,
    delay: Annotated[
        str, option(metavar="TIME", help="Wait before the answer, such as 500ms.")
    ] = "0s",
    output: Annotated[
        RequestFormat, option("--output", "-o", help="How requests are written.")
    ] = RequestFormat.TEXT,
    verbose: Verbose = False,
) -> ExitCode:
    """Listen for jobs over HTTP and gRPC, print what arrives, answer as told.

    It ends at Ctrl-C. The gRPC service is chronos.v1.JobService with the method Execute, found by
    reflection.

    Exit codes: 0 stopped, 2 usage: the address is taken.

    Examples:
      chronos receive
      chronos receive --listen 127.0.0.1:9000 --status 503 --delay 2s
      chronos receive --grpc 127.0.0.1:50051 --output jsonl
    """
    http = address("--listen", listen)
    calls = address("--grpc", grpc) if grpc is not None else None
    try:
        seconds = parse_duration(delay)
    except ValueError as error:
        raise UsageError(f"--delay: {error}") from error
    from chronos_cli.cli.listening import Printer, receive  # the servers

    receive(http, calls, Printer.of(status, seconds, as_json=output is RequestFormat.JSONL))
    return ExitCode.SUCCESS
