"""What a stream tells of itself, and whether it would take a message now."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from chronos_cli.errors import RejectedError, UnreachableError
from chronos_cli.protocols.nats.connection import Connection
from chronos_cli.protocols.nats.dispatcher import ApiError, refusal
from chronos_cli.protocols.nats.pending import PendingMessage
from chronos_cli.protocols.nats.target import Nats
from chronos_cli.redact import excerpt

_INFO = "$JS.API.STREAM.INFO"
_ROLLUP = "nats-rollup"

# What nats-server answers to a message that it does not store.
_SEALED = ApiError(400, 10109, "invalid operation on sealed stream")
_TOO_LARGE = ApiError(400, 10054, "message size exceeds maximum allowed")
_NO_ROLLUP = ApiError(500, 10111, "rollup not permitted")
_OTHER_SEQUENCE = ApiError(400, 10071, "wrong last sequence")
_FULL, _FULL_CODE = 503, 10077


class _Configuration(Struct):
    """A limit that is not positive is none."""

    name: str = ""
    storage: str = "file"
    num_replicas: int = 1
    retention: str = "limits"
    discard: str = "old"
    discard_new_per_subject: bool = False
    max_msgs: int = -1
    max_bytes: int = -1
    max_msgs_per_subject: int = -1
    max_msg_size: int = -1
    sealed: bool = False
    no_ack: bool = False
    allow_rollup_hdrs: bool = False
    subject_transform: dict[str, Any] | None = None


class _State(Struct):
    messages: int = 0
    bytes: int = 0
    last_seq: int = 0
    consumer_count: int = 0
    # Of the subjects that were asked for, those that have messages, and how many.
    subjects: dict[str, int] | None = None


class StreamInfo(Struct):
    """A stream's configuration and state."""

    config: _Configuration
    state: _State = msgspec.field(default_factory=_State)


class _Answer(Struct):
    config: _Configuration | None = None
    state: _State = msgspec.field(default_factory=_State)
    error: dict[str, Any] | None = None


async def stream_info(connection: Connection, name: str, subject: str) -> StreamInfo:
    """Ask for a stream, and for how many messages a subject has there.

    Raises DispatchError, and msgspec.DecodeError for an answer that cannot be read.
    """
    question = json.dumps({"subjects_filter": subject}).encode()
    reply = await connection.ask(PendingMessage(f"{_INFO}.{name}", needs_inbox=True), question)
    answer = msgspec.json.decode(reply.data, type=_Answer)
    if answer.config is None:
        why = excerpt(str((answer.error or {}).get("description", "no answer")), 160)
        raise UnreachableError(f"the stream {name} does not tell of itself: {why}")
    return StreamInfo(answer.config, answer.state)


def check_taken(info: StreamInfo, target: Nats, size: int) -> None:
    """Raise what a dispatch would for a message of so many bytes, with its headers.

    Only what is certain: of limits that make room for it nothing is said.
    """
    stream = info.config
    if stream.no_ack:
        words = f"the stream {stream.name} acknowledges nothing (no_ack), so each send times out"
        raise RejectedError(words, code="NO_ACK")
    error = next(_errors(info, target, size), None)
    if error is not None:
        raise refusal(error, target, f"the stream {stream.name} would refuse it")


def warnings(info: StreamInfo, target: Nats) -> Iterator[str]:
    """Yield what somebody should look at although the stream would take the message."""
    stream, state = info.config, info.state
    if stream.storage == "memory":
        yield "it is in memory, and lost when the server ends"
    if stream.num_replicas == 1:
        yield "one replica, and JetStream acknowledges before it syncs: a crash loses messages"
    if stream.retention == "interest" and not state.consumer_count:
        yield "it has no consumer, and keeps nothing without one (retention: interest)"
    expected = target.expected_last_sequence
    if expected is not None and expected > state.last_seq:
        yield f"its last sequence is {state.last_seq}, and the job expects {expected}"


def _errors(info: StreamInfo, target: Nats, size: int) -> Iterator[ApiError]:
    stream, expected = info.config, target.expected_last_sequence
    if stream.sealed:
        yield _SEALED
    # Some servers take 0 for "none expected".
    if expected and expected < info.state.last_seq:
        yield _OTHER_SEQUENCE
    if not stream.allow_rollup_hdrs and any(name.lower() == _ROLLUP for name in target.headers):
        yield _NO_ROLLUP
    if 0 < stream.max_msg_size < size:
        yield _TOO_LARGE
    if stream.discard == "new" and (what := _full(info, target.subject, size)):
        yield ApiError(_FULL, _FULL_CODE, f"maximum {what} exceeded")


def _full(info: StreamInfo, subject: str, size: int) -> str | None:
    """Return of what a stream that discards new messages has as many as it may."""
    stream, state = info.config, info.state
    if stream.max_msgs_per_subject > 0:
        if stream.subject_transform is not None:
            return None  # it stores the message under another subject
        if (state.subjects or {}).get(subject, 0) >= stream.max_msgs_per_subject:
            # The oldest of the subject makes room, unless it is to be kept.
            return "messages per subject" if stream.discard_new_per_subject else None
    if 0 < stream.max_msgs <= state.messages:
        return "messages"
    if 0 < stream.max_bytes < state.bytes + size:
        return "bytes"
    return None
