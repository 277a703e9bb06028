"""What a state file tells: what was started, and what came of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from chronos_cli.dispatch.outcome import Attempt, Notice
from chronos_cli.state.process import Process

# What a loop starts: by its schedule, and because somebody asked for it.
CRON, TRIGGER = "cron", "trigger"
LOOP_ORIGINS = frozenset({CRON, TRIGGER})
# Stands for all jobs where a pause is of one: no job has an empty ID.
ALL_JOBS = ""


class HistoryStatus(StrEnum):
    """How far an execution has come; beside the two that have no outcome, as `Status` says."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"

    @property
    def is_failure(self) -> bool:
        """Whether it ended, and did not get through."""
        return self not in {HistoryStatus.RUNNING, HistoryStatus.SUCCEEDED, HistoryStatus.SKIPPED}


class Snapshot(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was known of an execution when it started, as far as it holds no secret.

    `file` is the job's file and `config` the chronos.yaml, both absolute. `withheld` names the
    variables that were not stored because they are, or hold, secrets.
    """

    job_name: str = ""
    protocol: str = ""
    target: str = ""
    file: str | None = None
    config: str | None = None
    variables: dict[str, str] = {}
    withheld: list[str] = []


class StartedExecution(Struct, frozen=True):
    """An execution that was started and, as far as is known, has not ended."""

    execution_id: str
    job_id: str
    scheduled_time: datetime
    origin: str
    started_at: datetime
    process: Process
    snapshot: Snapshot


class UnfinishedNotice(Struct, frozen=True):
    """A notice that was under way: `name` is its key in the job, `outcome` what it tells."""

    execution_id: str
    job_id: str
    name: str
    scheduled_time: datetime
    outcome: dict[str, Any]


class LastTick(Struct, frozen=True):
    """The last tick of a job, aware; `schedule` tells what it was one of, where that is known."""

    scheduled_time: datetime
    schedule: str | None


class Pause(Struct, frozen=True):
    """A pause of a job, or of all: ticks that would start while it lasts are passed over.

    `by` is the name of the user who asked for it. Times are aware; without `until` it lasts until
    somebody ends it.
    """

    by: str
    at: datetime
    reason: str | None = None
    until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether it keeps a start at this moment from taking place."""
        return self.until is None or moment < self.until


class LastEnd(Struct, frozen=True):
    """How the last execution of a job ended; `ended_at` is aware, None where nobody saw it."""

    execution_id: str
    status: HistoryStatus
    code: str | None
    ended_at: datetime | None


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """One run of an execution: a replay of it is another entry with the same execution ID.

    What an outcome has too is as it was reported, secrets masked. `started_at` and `ended_at`
    are aware; an execution whose process died has no end.
    """

    execution_id: str
    job_id: str
    job_name: str
    origin: str
    protocol: str
    target: str
    scheduled_time: str
    started_at: datetime
    ended_at: datetime | None
    status: HistoryStatus
    code: str | None = None
    message: str = ""
    duration_ms: float | None = None
    receipt: dict[str, Any] = {}
    attempts: list[Attempt] = []
    notices: list[Notice] = []
    pid: int
    host: str
    snapshot: Snapshot


class JobStats(Struct, frozen=True, kw_only=True):
    """Figures of a job's executions that have ended; what was skipped does not count.

    `success_rate` is a share, 0 to 1; `p50_ms` and `p95_ms` are the median and the 95th percentile
    of what they took, in milliseconds. All three are None where there is nothing to tell them from.
    `last_success` is when the last one that got through ended. `streak` is how many of the last
    ones, in the order of their starts, ended alike: above 0 in success, below it in failure.
    """

    job_id: str
    executions: int
    succeeded: int
    failed: int
    success_rate: float | None
    p50_ms: float | None
    p95_ms: float | None
    last_success: datetime | None
    streak: int


class HistoryFilter(Struct, frozen=True):
    """Which entries are wanted; an empty filter wants all. Times are those of the start."""

    execution_id: str | None = None
    jobs: frozenset[str] = frozenset()
    statuses: frozenset[HistoryStatus] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None


class RecordedExecutions(Protocol):
    """What was recorded, in a state file or by a cluster."""

    def has(self, execution_id: str) -> bool:
        """Whether an execution is recorded."""
        ...

    def ids_beginning(self, text: str, most: int) -> list[tuple[str, str]]:
        """Return up to `most` execution IDs that begin with a text, and their jobs."""
        ...

    def history(self, wanted: HistoryFilter) -> list[HistoryEntry]:
        """Return the entries that a filter wants, newest first."""
        ...

    def find(self, execution_id: str) -> list[HistoryEntry]:
        """Return all runs of an execution, newest first."""
        ...
