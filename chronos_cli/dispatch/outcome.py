"""What came of an execution, in the shape that the JSON report has."""

from enum import StrEnum
from typing import Any

from msgspec import Struct

from chronos_cli.errors import DispatchError, RejectedError, TimedOutError, UnreachableError


class Status(StrEnum):
    """How an attempt or an execution ended."""

    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"

    @property
    def is_failure(self) -> bool:
        """Whether the job was due and did not get through."""
        return self is not Status.SUCCEEDED and self is not Status.SKIPPED


_STATUSES: tuple[tuple[type[DispatchError], Status], ...] = (
    (RejectedError, Status.REJECTED),
    (UnreachableError, Status.UNREACHABLE),
    (TimedOutError, Status.TIMED_OUT),
)


def status_of(error: DispatchError) -> Status:
    """Return the status that a failure stands for."""
    return next(status for kind, status in _STATUSES if isinstance(error, kind))


class Attempt(Struct, frozen=True, kw_only=True):
    """One try: `started_at` is RFC 3339 in UTC, `duration_ms` milliseconds."""

    number: int
    started_at: str
    duration_ms: float
    status: Status
    code: str | None = None
    message: str = ""


class Notice(Struct, frozen=True, kw_only=True):
    """What became of a notice that an outcome asked for; `hook` is its key in the job.

    One that was held back is `skipped`, and its message says why.
    """

    hook: str
    protocol: str
    target: str
    status: Status
    code: str | None = None
    message: str = ""


class Outcome(Struct, frozen=True, kw_only=True):
    """An execution that has ended. `receipt` is what the far side gave back.

    `trace_id` is that of the `traceparent` which went along with all its attempts.
    """

    job_id: str
    job_name: str
    execution_id: str
    protocol: str
    target: str
    scheduled_time: str
    status: Status
    code: str | None = None
    message: str = ""
    duration_ms: float = 0.0
    receipt: dict[str, Any] = {}
    attempts: list[Attempt] = []
    notices: list[Notice] = []
    trace_id: str | None = None
