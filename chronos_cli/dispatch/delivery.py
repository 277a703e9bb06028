"""One attempt's message, complete: what a protocol is handed to send."""

import json
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec import Struct

from chronos_cli.dispatch.cloudevents import STRUCTURED_TYPE, Event, event_of
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.templates import Context, render
from chronos_cli.dispatch.trace import TRACE_HEADERS, Trace
from chronos_cli.errors import RejectedError
from chronos_cli.jobs.model import Target

if TYPE_CHECKING:
    from cloudevents.core.v1.event import CloudEvent

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"
BYTES_TYPE = "application/octet-stream"

# `json.dumps` would make one for each message.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

T_co = TypeVar("T_co", bound=Target, covariant=True)


class Delivery(Struct, Generic[T_co], frozen=True, kw_only=True):
    """What is sent in one attempt.

    `target` is rendered. `payload` is the message as data (bytes for a file), `body` the same
    encoded. `metadata` goes along as headers, under the names that it has here.
    `default_payload` tells that the user gave none, so that the body is the job's metadata and
    no more. With an `event` the message is a CloudEvent: if that is structured, `body` and
    `content_type` are the envelope's, else the attributes go along as headers.
    `timeout` is the attempt's limit in seconds, for protocols that tell the far side of it; the
    limit itself is kept by the caller.
    """

    execution: Execution
    attempt: int
    target: T_co
    payload: Any
    body: bytes
    content_type: str
    metadata: dict[str, str]
    default_payload: bool
    timeout: float
    event: Event | None = None

    def header_event(self) -> "CloudEvent | None":
        """Return the CloudEvent whose attributes go along as headers; None of any other message."""
        if self.event is None or self.event.is_structured:
            return None
        return self.event.as_text()


def prepare(
    execution: Execution,
    attempt: int,
    timeout: float | None = None,
    trace: Trace | None = None,
) -> Delivery[Target]:
    """Render and encode one attempt's message; raises RejectedError when a template fails.

    `timeout` is the attempt's limit when less is left than the job allows; `trace` is its context
    where somebody is to know it.
    """
    job = execution.job
    context = Context(execution, attempt)
    payload = job.payload
    if payload.is_metadata:
        value: Any = own_metadata(execution, attempt)
    else:
        value = payload.value if payload.raw is None else payload.raw
        if job.has_templates:
            value = render(value, context)
    body, content_type = encode(value)
    content_type = payload.content_type or content_type
    metadata = metadata_headers(execution, attempt, trace or execution.trace.attempt())
    target = render(job.target, context) if job.has_templates else job.target
    headers = {name: metadata[name] for name in TRACE_HEADERS if name in metadata}
    event = event_of(context, target, headers, body, content_type)
    is_enveloped = event is not None and event.is_structured
    if event is not None and is_enveloped:
        body, content_type = event.body(), STRUCTURED_TYPE
    return Delivery(
        execution=execution,
        attempt=attempt,
        target=target,
        payload=value,
        body=body,
        content_type=content_type,
        metadata=metadata,
        default_payload=payload.is_metadata and not is_enveloped,
        timeout=job.spec.timeout if timeout is None else timeout,
        event=event,
    )


def check_rendered(delivery: Delivery[Target]) -> None:
    """Raise RejectedError for a target that templates have made unusable."""
    if delivery.target is delivery.execution.job.target:  # which was checked at load
        return
    for flaw in delivery.target.flaws():
        raise RejectedError(f"after rendering: {flaw.message}", code="TEMPLATE")


def own_metadata(execution: Execution, attempt: int) -> dict[str, Any]:
    """Return the message of a job without payload; that of a notice is the outcome."""
    if execution.outcome is not None:
        return execution.outcome
    return {
        "job_id": execution.job.id,
        "job_name": execution.job.spec.name,
        "execution_id": execution.id,
        "scheduled_time": execution.scheduled_time.isoformat(),
        "attempt": attempt,
    }


def metadata_headers(execution: Execution, attempt: int, trace: Trace) -> dict[str, str]:
    """Return the headers that go with every dispatch; all values are printable ASCII."""
    return {
        "X-Chronos-Job-ID": execution.job.id,
        "X-Chronos-Execution-ID": execution.id,
        "X-Chronos-Scheduled-Time": execution.scheduled_time.isoformat(),
        "X-Chronos-Attempt": str(attempt),
        **trace.headers(),
    }


def encode(value: Any) -> tuple[bytes, str]:
    """Return a payload's bytes and content type: bytes and text as they are, the rest as JSON."""
    if isinstance(value, bytes):
        return value, BYTES_TYPE
    if isinstance(value, str):
        return value.encode(), TEXT_TYPE
    return _ENCODER.encode(value).encode(), JSON_TYPE
