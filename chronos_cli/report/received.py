"""What a receiver took in, as text and as JSON data."""

from typing import Any

from chronos_cli.receiver.grpc import ReceivedCall
from chronos_cli.receiver.http import ReceivedRequest
from chronos_cli.report.text import json_text, printable

_LONGEST_BODY = 4096


def received_lines(number: int, request: ReceivedRequest) -> str:
    """Return one request as text, in the way that HTTP writes it."""
    lines = [f"--- {number}", printable(f"{request.method} {request.target}")]
    lines += [printable(f"{name}: {value}") for name, value in request.headers]
    if request.body:
        body = request.body[:_LONGEST_BODY].decode(errors="replace")
        lines += ["", *(printable(line) for line in body.splitlines())]
        if len(request.body) > _LONGEST_BODY:
            lines.append(f"({len(request.body) - _LONGEST_BODY} more bytes)")
    return "\n".join(lines) + "\n"


def received_document(number: int, request: ReceivedRequest) -> dict[str, Any]:
    """Return one request as JSON data."""
    return {
        "number": number,
        "protocol": "http",
        "method": request.method,
        "target": request.target,
        "headers": [list(pair) for pair in request.headers],
        "body": request.body.decode(errors="replace"),
    }


def call_lines(number: int, call: ReceivedCall) -> str:
    """Return one gRPC call as text: method, metadata, the request as JSON."""
    lines = [f"--- {number}", printable(call.method)]
    lines += [printable(f"{name}: {_text(value)}") for name, value in call.metadata]
    request = json_text(call.request)
    lines += ["", request[:_LONGEST_BODY]]
    if len(request) > _LONGEST_BODY:
        lines.append(f"({len(request) - _LONGEST_BODY} more characters)")
    return "\n".join(lines) + "\n"


def call_document(number: int, call: ReceivedCall) -> dict[str, Any]:
    """Return one gRPC call as JSON data."""
    return {
        "number": number,
        "protocol": "grpc",
        "method": call.method,
        "metadata": [[name, _text(value)] for name, value in call.metadata],
        "request": call.request,
    }


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.hex()
