"""What a gRPC status, or an exception of the library, means for a job."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chronos_cli.errors import DispatchError, RejectedError, TimedOutError, UnreachableError
from chronos_cli.protocols.grpc.rendering import as_data, has_type, type_name
from chronos_cli.redact import excerpt

if TYPE_CHECKING:
    import grpc
    from google.protobuf.descriptor_pool import DescriptorPool

# Every other status would be the same at the next attempt.
_KINDS: dict[str, type[DispatchError]] = {
    "UNAVAILABLE": UnreachableError,
    "RESOURCE_EXHAUSTED": UnreachableError,
    "ABORTED": UnreachableError,
    "DEADLINE_EXCEEDED": TimedOutError,
}
# Of core, grpc-go and grpc-java: too large today is too large tomorrow.
# These are compiled by `re` itself, and kept, at the first failure.
_TOO_LARGE = r"(?i)message (is )?larger than max|exceeds maximum size"
# The client's words where it makes a status of something else than a gRPC answer: an HTTP status,
# or a call that was broken off, by a proxy or by a server that dies. No application said so.
_OF_HTTP = r"http2 header with status: (\d+)"
_NOT_NOW = r"408|425|429|5\d\d"
_BROKEN_OFF = (
    r"RST_STREAM|Stream removed|Socket closed|Failed parsing HTTP/2|\ANo status received\Z|"
    r"\ADecompression failed|\ACompression bit set"
)
_LAST_ERROR = r"failed to connect to all addresses; last error: [A-Z_]+: "
_PUSHBACK = "grpc-retry-pushback-ms"
_DETAILS = "grpc-status-details-bin"


def failure(
    error: "grpc.aio.AioRpcError", where: str, pool: "DescriptorPool | None" = None
) -> DispatchError:
    """Return what a status other than OK means; `pool` knows the types of the server's own."""
    name = error.code().name
    details = error.details() or ""
    kind = _KINDS.get(name, RejectedError)
    http = re.search(_OF_HTTP, details)
    if re.search(_BROKEN_OFF, details) or (http and re.fullmatch(_NOT_NOW, http[1])):
        kind = UnreachableError
    if name == "RESOURCE_EXHAUSTED" and re.search(_TOO_LARGE, details):
        kind = RejectedError
    retry_after, final = pushback(error)
    receipt: dict[str, Any] = {}
    rich = rich_details(error, pool)
    if rich:
        receipt["details"] = rich
        retry_after = _retry_delay(rich) if retry_after is None else retry_after
    message = _words(name, details)
    if violations := _violations(rich):
        message += f" [{violations}]"
    return kind(
        f"{message} ({where})", code=name, retry_after=retry_after, final=final, receipt=receipt
    )


def is_answer(error: "grpc.aio.AioRpcError") -> bool:
    """Whether a status came from the far side, as far as the client lets us know."""
    details = error.details() or ""
    words = (_OF_HTTP, _BROKEN_OFF, _TOO_LARGE)
    return not any(re.search(pattern, details) for pattern in words)


def ended_unanswered(error: "grpc.aio.AioRpcError") -> bool:
    """Whether the connection ended under a call, as far as it is known without an answer."""
    is_broken = re.search(r"Stream removed|Socket closed|GOAWAY", error.details() or "")
    return error.code().name == "UNAVAILABLE" and bool(is_broken) and not error.initial_metadata()


def pushback(error: "grpc.aio.AioRpcError") -> tuple[float | None, bool]:
    """Return the wait that the server asked for, and whether it wants no further attempt.

    A value that is negative or no number means no further attempt (gRFC A6).
    """
    value = _trailer(error, _PUSHBACK)
    if value is None:
        return None, False
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    return (int(text) / 1000, False) if re.fullmatch(r"\d{1,10}", text) else (None, True)


def rich_details(
    error: "grpc.aio.AioRpcError", pool: "DescriptorPool | None"
) -> list[dict[str, Any]]:
    """Return the details of a `google.rpc.Status` as JSON data; none when there are none."""
    from google.protobuf import descriptor_pool
    from google.rpc import error_details_pb2

    # Importing it is what makes google.rpc's own details known to the default pool.
    assert error_details_pb2.DESCRIPTOR
    found = []
    for detail in _details(error):
        known = descriptor_pool.Default()
        if pool is not None and not has_type(known, type_name(detail.type_url)):
            known = pool
        found.append({"@type": detail.type_url, **as_data(detail, known)})
    return found


def types_of_details(error: "grpc.aio.AioRpcError") -> set[str]:
    """Return the types of the details that came with a status."""
    return {type_name(detail.type_url) for detail in _details(error)}


def _details(error: "grpc.aio.AioRpcError") -> Sequence[Any]:
    raw = _trailer(error, _DETAILS)
    if not isinstance(raw, bytes):
        return ()
    from google.protobuf.message import DecodeError
    from google.rpc import status_pb2

    try:
        return list(status_pb2.Status.FromString(raw).details)
    except DecodeError:
        return ()


def library_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of grpc and protobuf; anything else would be a bug of ours."""
    import grpc
    from google.protobuf import json_format, message

    return (
        grpc.RpcError,
        grpc.FutureTimeoutError,
        grpc.FutureCancelledError,
        grpc.aio.BaseError,
        grpc.aio.InternalError,
        grpc.aio.UsageError,
        grpc.aio.AbortError,
        message.Error,
        # Its type stubs do not know it yet.
        getattr(message, "FrozenInstanceError", message.Error),
        json_format.Error,
    )


def translated(error: Exception, where: str) -> DispatchError:
    """Return what an exception of grpc or protobuf means; `where` is the target's address."""
    import grpc

    if isinstance(error, grpc.aio.AioRpcError):
        return failure(error, where)
    if isinstance(error, grpc.FutureTimeoutError):
        return TimedOutError(f"no answer in time ({where})")
    if isinstance(error, grpc.RpcError | grpc.FutureCancelledError):
        return UnreachableError(f"the call was broken off ({where}): {_said(error)}")
    if isinstance(error, grpc.aio.UsageError | grpc.aio.AbortError):
        return UnreachableError(f"the connection was closed ({where}): {_said(error)}")
    return RejectedError(f"the call cannot be made ({where}): {_said(error)}")


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _trailer(error: "grpc.aio.AioRpcError", key: str) -> str | bytes | None:
    for metadata in (error.trailing_metadata(), error.initial_metadata()):
        for name, value in metadata or ():
            if name == key:
                return value
    return None


def _words(name: str, details: str) -> str:
    if name == "UNAVAILABLE" and re.match(_LAST_ERROR, details):
        cause = re.sub(_LAST_ERROR, "", details)
        is_refused = "connection refused" in cause.lower()
        return "connection refused" if is_refused else f"cannot connect: {cause}"
    short = excerpt(details, 400)
    return f"{name}: {short}" if short else name


def _violations(rich: list[dict[str, Any]]) -> str:
    """Return the fields that a server complained of, which is what a user has to mend."""
    words = "; ".join(
        f"{one.get('field', '')}: {one.get('description', '')}"
        for detail in rich
        for one in detail.get("field_violations", ())
    )
    return excerpt(words, 400)


def _retry_delay(rich: list[dict[str, Any]]) -> float | None:
    for detail in rich:
        match = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)s", str(detail.get("retry_delay", "")))
        if match:
            return float(match[1])
    return None
