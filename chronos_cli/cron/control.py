"""What is said on the control socket: one request, then answers, each a line of JSON.

A request is an `Envelope`; the version changes when an older side would misread what is said.
The answers to a request end with the connection: the last one is no `Jobs`.
"""

from datetime import datetime

import msgspec
from msgspec import Struct

from chronos_cli.state.entries import Pause

VERSION = 1
# No request is longer than this, in bytes, and no line of an answer longer than the other.
LONGEST_REQUEST = 64 * 1024
LONGEST_ANSWER = 4 * 1024 * 1024
# Jobs in a line of the answer.
MOST_JOBS = 200
# The longest reason of a pause, in characters.
LONGEST_REASON = 1000


class Status(Struct, frozen=True, tag="status"):
    """Ask what runs and what comes."""


class Trigger(Struct, frozen=True, tag="trigger"):
    """Start a job now; with `wait` the answer `Ended` comes when it has ended."""

    job_id: str
    wait: bool = False


class PauseJob(Struct, frozen=True, tag="pause"):
    """Pause a job, or `ALL_JOBS`. `until` is aware."""

    job_id: str
    reason: str | None = None
    until: datetime | None = None


class ResumeJob(Struct, frozen=True, tag="resume"):
    """End the pause of a job, or of `ALL_JOBS`."""

    job_id: str
    catch_up: bool = False


Request = Status | Trigger | PauseJob | ResumeJob


class Envelope(Struct, frozen=True):
    """A request, and the version of what is said."""

    version: int
    request: Request


class JobStatus(Struct, frozen=True):
    """A job: its next time, the IDs of its executions that run or wait, what holds it back."""

    job_id: str
    next: datetime | None
    running: list[str]
    waiting: list[str]
    paused: Pause | None


class LoopStatus(Struct, frozen=True, tag="loop"):
    """The loop itself, after its `Jobs`; `state` is that of `Loop`.

    `strangers` are paused, and not among its jobs.
    """

    pid: int
    started_at: datetime
    state: str
    strangers: dict[str, Pause]


class Jobs(Struct, frozen=True, tag="jobs"):
    """Some of the loop's jobs; more may follow."""

    jobs: list[JobStatus]


class Started(Struct, frozen=True, tag="started"):
    """What became of a trigger at once: `running`, `waiting` or `skipped`, and then why."""

    execution_id: str
    state: str
    message: str = ""


class Ended(Struct, frozen=True, tag="ended"):
    """How a triggered execution ended, secrets masked."""

    execution_id: str
    status: str
    code: str | None = None
    message: str = ""
    attempts: int = 0
    duration_ms: float = 0.0


class Done(Struct, frozen=True, tag="done"):
    """It was done, or was so already; the message says which."""

    message: str


class Refused(Struct, frozen=True, tag="refused"):
    """It cannot be done, and why; `unusable` when no request of this asker would be, now."""

    message: str
    unusable: bool = False


Answer = LoopStatus | Jobs | Started | Ended | Done | Refused

_decode_envelope = msgspec.json.Decoder(Envelope).decode
_decode_answer = msgspec.json.Decoder(Answer).decode


def decode_request(line: bytes) -> Envelope:
    """Read a line of the asker; raises msgspec.DecodeError for any that is none."""
    try:
        return _decode_envelope(line)
    except RecursionError as error:
        raise _too_deep() from error


def decode_answer(line: bytes) -> Answer:
    """Read a line of the loop; raises msgspec.DecodeError for any that is none."""
    try:
        answer: Answer = _decode_answer(line)
    except RecursionError as error:
        raise _too_deep() from error
    return answer


def _too_deep() -> msgspec.DecodeError:
    return msgspec.DecodeError("it is nested too deeply")


def line_of(message: Struct) -> bytes:
    """Return a message as it goes over the socket."""
    return msgspec.json.encode(message) + b"\n"
