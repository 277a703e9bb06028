"""What each job does now, did last and does next: gathered from what the loop tells."""

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from chronos_cli.cron.events import EventKind, LoopEvent
from chronos_cli.jobs.model import Job
from chronos_cli.state.entries import HistoryEntry, Pause

# Sorts what never fires again behind everything else.
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Running:
    """An execution under way: when it started, how many of its attempts have failed."""

    since: datetime
    failed_attempts: int = 0


@dataclass(frozen=True, slots=True)
class Ending:
    """How an execution ended, and when."""

    time: datetime
    status: str
    code: str | None
    duration_ms: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One job: the starts of its executions that are under way, its next time, its last ending.

    `next_time` is in the job's zone; None for one that is disabled, paused for an unknown time, or
    never fires again.
    """

    job: Job
    running_since: tuple[datetime, ...]
    next_time: datetime | None
    last: Ending | None
    paused: Pause | None = None


class Overview:
    """Keeps the rows of all jobs.

    `last_entry` tells how a job ended before this process, `paused` what keeps its ticks back.
    """

    def __init__(
        self,
        last_entry: Callable[[str], HistoryEntry | None],
        paused: Callable[[str], Pause | None] = lambda _: None,
    ) -> None:
        self._paused = paused
        self._last_entry = last_entry
        self._running: dict[str, dict[str, Running]] = {}
        self._endings: dict[str, Ending | None] = {}

    def note(self, event: LoopEvent) -> None:
        """Take in one event of the loop."""
        fields = event.fields
        if event.kind is EventKind.FIRED:
            running = self._running.setdefault(fields["job_id"], {})
            running[fields["execution_id"]] = Running(event.time)
        elif event.kind is EventKind.ATTEMPT_FAILED:
            running = self._running.get(fields["job_id"], {})
            if known := running.get(fields["execution_id"]):
                running[fields["execution_id"]] = replace(known, failed_attempts=fields["attempt"])
        elif event.kind is EventKind.ENDED:
            running = self._running.get(fields["job_id"], {})
            running.pop(fields["execution_id"], None)
            if not running:
                self._running.pop(fields["job_id"], None)
            self._endings[fields["job_id"]] = Ending(
                event.time, fields["status"], fields.get("code"), fields["duration_ms"]
            )

    def rows(self, upcoming: Iterable[tuple[Job, datetime | None]], most: int) -> list[Row]:
        """Return the `most` foremost rows: what runs, then what is due next."""
        chosen = heapq.nsmallest(most, upcoming, key=self._place)
        return [self._row(job, next_time) for job, next_time in chosen]

    def running(self) -> int:
        """Return how many executions are under way."""
        return sum(map(len, self._running.values()))

    def executions(self) -> dict[str, Mapping[str, Running]]:
        """Return what is under way now, by job and execution ID."""
        return {job_id: dict(running) for job_id, running in self._running.items()}

    def _place(self, entry: tuple[Job, datetime | None]) -> tuple[bool, datetime, str]:
        job, next_time = entry
        return job.id not in self._running, next_time or _NEVER, job.id

    def _row(self, job: Job, next_time: datetime | None) -> Row:
        if job.id not in self._endings:
            entry = self._last_entry(job.id)
            self._endings[job.id] = _ending(entry) if entry else None
        since = tuple(one.since for one in self._running.get(job.id, {}).values())
        return Row(job, since, next_time, self._endings[job.id], self._paused(job.id))


def _ending(entry: HistoryEntry) -> Ending:
    time = entry.ended_at or entry.started_at
    return Ending(time, entry.status.value, entry.code, entry.duration_ms)
