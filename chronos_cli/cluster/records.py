"""What is written of an execution: that it was started, and what came of it."""

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from chronos_cli.cluster.api import StoredMessage
from chronos_cli.dispatch.streak import Streak
from chronos_cli.state.entries import Snapshot
from chronos_cli.state.values import encoded

# What records of one start have in common.
_OF_A_START = ("execution_id", "machine", "pid", "number", "started_at")


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last that is known of a tick.

    `handed` was started and handed back unfinished. `number` counts the starts, `hash` tells the
    version of the job that was run, `outcome` is as in reports, secrets masked. `last_status` is
    how the job's execution before this one ended, `streak` counts its failures up to now.
    """

    kind: Literal["started", "handed", "ended"]
    execution_id: str
    job_id: str
    scheduled_time: str
    host: str
    machine: str
    pid: int
    number: int
    started_at: datetime
    ended_at: datetime | None = None
    origin: str = "cron"
    hash: str = ""
    snapshot: Snapshot = Snapshot()
    last_status: str | None = None
    streak: Streak = Streak()
    outcome: dict[str, Any] = {}

    def encode(self) -> bytes:
        """Return the record as it is stored; long texts are cut."""
        return encoded(msgspec.to_builtins(self)).encode()


def is_same_start(one: Record, other: Record) -> bool:
    """Whether two records are of one start, by one process, that has not been handed back."""
    if "handed" in {one.kind, other.kind}:
        return False
    return all(getattr(one, name) == getattr(other, name) for name in _OF_A_START)


def record_of(message: StoredMessage) -> Record:
    """Read a record; one that cannot be read stands for a start of nobody."""
    try:
        return msgspec.json.decode(message.data, type=Record)
    except msgspec.DecodeError:
        return Record(
            kind="handed",
            execution_id="",
            job_id="",
            scheduled_time="",
            host="",
            machine="",
            pid=0,
            number=0,
            started_at=datetime.fromtimestamp(0, UTC),
        )
