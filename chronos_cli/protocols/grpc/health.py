"""gRPC's health checking (grpc.health.v1): one question, without generated code."""

from typing import TYPE_CHECKING, Any

from chronos_cli.errors import UnreachableError

if TYPE_CHECKING:
    import grpc

_METHOD = "/grpc.health.v1.Health/Check"
# The one field of the request, a text, and that of the reply, a number (health.proto).
_SERVICE, _STATUS = 0x0A, 0x08
_STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_LONGEST = 127  # of a name whose length takes one byte


async def health(
    channel: "grpc.aio.Channel", service: str, address: str, **options: Any
) -> str | None:
    """Return the status of a service, or of the whole server when it does not know that one.

    None where the server has no health checking. Raises gRPC's own errors, and UnreachableError
    for an answer that is none.
    """
    import grpc

    call: Any = channel.unary_unary(_METHOD)
    for name in (service, ""):
        try:
            return _status(await call(_question(name), **options), address)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return None
            if error.code() is not grpc.StatusCode.NOT_FOUND or not name:
                raise
    raise AssertionError  # the last round returns or raises


def _question(service: str) -> bytes:
    name = service.encode()
    return bytes([_SERVICE, len(name)]) + name if 0 < len(name) <= _LONGEST else b""


def _status(reply: bytes | None, address: str) -> str:
    """Read a reply; without the field it is the first status (proto3)."""
    if reply == b"":
        return _STATUSES[0]
    if reply is None or len(reply) != 2 or reply[0] != _STATUS or reply[1] >= len(_STATUSES):
        message = f"what answers for the server's health is no health checking ({address})"
        raise UnreachableError(message)
    return _STATUSES[reply[1]]
