"""One attempt's message, complete: what a protocol is handed to send."""

import json
from dataclasses import dataclass
from typing import Any

from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.templates import Context, render
from chronos_cli.jobs.model import Target

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"
BYTES_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is sent in one attempt.

    `target` is rendered. `payload` is the message as data (bytes for a file), `body` the same
    encoded. `metadata` goes along as headers, under the names that it has here.
    `default_payload` tells that the user gave none, so that `payload` is the job's metadata.
    `timeout` is the attempt's limit in seconds, for protocols that tell the far side of it; the
    limit itself is kept by the caller.
    """

    execution: Execution
    attempt: int
    target: Target
    payload: Any
    body: bytes
    content_type: str
    metadata: dict[str, str]
    default_payload: bool
    timeout: float


def prepare(execution: Execution, attempt: int, timeout: float | None = None) -> Delivery:
    """Render and encode one attempt's message; raises RejectedError when a template fails.

    `timeout` is the attempt's limit when less is left than the job allows.
    """
    job = execution.job
    context = Context(execution, attempt)
    payload = job.payload
    if payload.is_metadata:
        value: Any = own_metadata(execution, attempt)
    else:
        value = payload.raw if payload.raw is not None else render(payload.value, context)
    body, content_type = encode(value)
    return Delivery(
        execution=execution,
        attempt=attempt,
        target=render(job.target, context),
        payload=value,
        body=body,
        content_type=payload.content_type or content_type,
        metadata=metadata_headers(execution, attempt),
        default_payload=payload.is_metadata,
        timeout=job.spec.timeout if timeout is None else timeout,
    )


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


def metadata_headers(execution: Execution, attempt: int) -> dict[str, str]:
    """Return the headers that go with every dispatch; all values are printable ASCII."""
    return {
        "X-Chronos-Job-ID": execution.job.id,
        "X-Chronos-Execution-ID": execution.id,
        "X-Chronos-Scheduled-Time": execution.scheduled_time.isoformat(),
        "X-Chronos-Attempt": str(attempt),
        **execution.trace.headers(),
    }


def encode(value: Any) -> tuple[bytes, str]:
    """Return a payload's bytes and content type: bytes and text as they are, the rest as JSON."""
    if isinstance(value, bytes):
        return value, BYTES_TYPE
    if isinstance(value, str):
        return value.encode(), TEXT_TYPE
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), JSON_TYPE
