"""One firing of a job, and the identity that it keeps through retries, hosts and replays."""

import os
import re
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from chronos_cli.dispatch.trace import Trace
from chronos_cli.jobs.model import Job
from chronos_cli.schedule.zones import load_zone

_NAMESPACE = bytes.fromhex("6f0f4c5e6b0a5b8e9d5c0c2f6d1e7a43")
_VALID_ID = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"


class Execution(Struct, frozen=True):
    """A job that is due. `scheduled_time` is aware, in the job's own zone."""

    id: str
    job: Job
    scheduled_time: datetime
    variables: dict[str, str] = {}
    trace: Trace = msgspec.field(default_factory=Trace.start)
    # Of a notice: the outcome that it tells of, as JSON-like data with secrets masked.
    outcome: dict[str, Any] | None = None
    # Who started it, where that is not what the journal is of: `trigger` within `cron`.
    origin: str | None = None


def is_execution_id(text: str) -> bool:
    """Whether a text can serve as an execution ID on every protocol."""
    return re.fullmatch(_VALID_ID, text) is not None


def new_id() -> str:
    """Return the ID of an execution that no schedule asked for."""
    return _uuid(os.urandom(16), version=4)


def scheduled_id(job_id: str, scheduled_time: datetime) -> str:
    """Return the ID of a job's execution at a time: the same on every host, at every restart."""
    import hashlib  # only for those who send

    name = f"{job_id}\n{scheduled_time.timestamp():.6f}"
    digest = hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest()
    return _uuid(digest[:16], version=5)


def _uuid(raw: bytes, version: int) -> str:
    """Return 16 bytes as a UUID (RFC 9562); Python's own takes three times as long."""
    number = int.from_bytes(raw, "big")
    number = number & ~(0xF000 << 64 | 0xC000 << 48) | version << 76 | 0x8000 << 48
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def in_zone(job: Job, moment: datetime) -> datetime:
    """Return a moment on the wall clock of the job's zone."""
    return moment.astimezone(load_zone(job.spec.timezone))
