"""The span of one call, by the semantic conventions for RPC."""

from collections.abc import Mapping
from typing import Any

from chronos_cli.dispatch.spans import MessageSpan
from chronos_cli.protocols.grpc.address import parse_address
from chronos_cli.protocols.grpc.target import Grpc


def message_span(target: Grpc, code: str | None, receipt: Mapping[str, Any]) -> MessageSpan:
    """Return the span of a call of a target's method, by its whole name where that is known."""
    method = str(receipt.get("method") or target.method.lstrip("/"))
    address = parse_address(target.address)
    attributes: dict[str, str | int] = {
        "rpc.system.name": "grpc",
        "rpc.method": method,
        "server.address": address.path or address.host,
    }
    if address.port:
        attributes["server.port"] = address.port
    if code is not None:
        attributes["rpc.response.status_code"] = code
    return MessageSpan(name=method, attributes=attributes)
