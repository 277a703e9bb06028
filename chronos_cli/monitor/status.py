"""The documents of the page: how all jobs stand, and the history of one."""

import heapq
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from msgspec import Struct

from chronos_cli.cron.overview import Running
from chronos_cli.dispatch.outcome import Status
from chronos_cli.jobs.calendars import calendar_of
from chronos_cli.jobs.model import Job
from chronos_cli.monitor.board import Standing
from chronos_cli.report.history import history_document
from chronos_cli.report.jobs import listed
from chronos_cli.schedule.calendar import Calendar
from chronos_cli.schedule.describe import describe_calendar
from chronos_cli.state.entries import HistoryEntry, Pause
from chronos_cli.state.recent import RecentEnding

SCHEMA_VERSION = 1
# Jobs of one answer, endings and executions of a job, executions of its history, attempts of one.
MOST_JOBS = 500
MOST_ENDINGS = 20
MOST_RUNNING = 20
MOST_ENTRIES = 50
MOST_ATTEMPTS = 20

# Sorts what never fires again behind everything else.
_NEVER = datetime.max.replace(tzinfo=UTC)

_Entry = tuple[Job, datetime | None]


class Foremost(Struct, frozen=True):
    """The jobs that are shown, each with its next time, of so many that match."""

    entries: list[_Entry]
    matching: int


def foremost(standing: Standing, words: str) -> Foremost:
    """Return the foremost jobs that match all of some words.

    Foremost is what runs, then what waits, then what is due next.
    """
    wanted = words.casefold().split()
    matching = [entry for entry in standing.jobs if _matches(entry[0], wanted)]
    shown = heapq.nsmallest(MOST_JOBS, matching, key=lambda entry: _place(entry, standing))
    return Foremost(shown, len(matching))


def status_document(
    standing: Standing, shown: Foremost, endings: Mapping[str, Sequence[RecentEnding]]
) -> dict[str, Any]:
    """Return the loop and some jobs as JSON-like data; nothing in it is masked yet."""
    return {
        "schema_version": SCHEMA_VERSION,
        "time": _time(standing.time),
        "loop": _loop(standing),
        "totals": {
            "jobs": len(standing.jobs),
            "matching": shown.matching,
            "running": sum(map(len, standing.running.values())),
            "waiting": sum(standing.waiting.values()),
        },
        "jobs": [_job(entry, standing, endings.get(entry[0].id, ())) for entry in shown.entries],
    }


def job_history_document(entries: Sequence[HistoryEntry]) -> dict[str, Any]:
    """Return a job's history, newest first, with the last attempts of each execution."""
    document = history_document(entries)
    for result in document["results"]:
        result["attempts_left_out"] = max(0, len(result["attempts"]) - MOST_ATTEMPTS)
        result["attempts"] = result["attempts"][-MOST_ATTEMPTS:]
    return document


def _matches(job: Job, wanted: Sequence[str]) -> bool:
    if not wanted:
        return True
    tags = (f"{key}={value}" for key, value in job.spec.tags.items())
    text = " ".join([job.id, job.spec.name, job.protocol, *tags]).casefold()
    return all(word in text for word in wanted)


def _place(entry: _Entry, standing: Standing) -> tuple[bool, bool, datetime, str]:
    job, next_time = entry
    is_idle, is_free = job.id not in standing.running, job.id not in standing.waiting
    return is_idle, is_free, next_time or _NEVER, job.id


def _loop(standing: Standing) -> dict[str, Any]:
    refusal, cluster = standing.refusal, standing.cluster
    return {
        "state": standing.state,
        "pid": standing.pid,
        "version": standing.version,
        "started_at": _time(standing.started_at),
        "overdue_s": round(standing.overdue, 3),
        "state_failure": standing.state_failure or (cluster and cluster.failure),
        "cluster": cluster
        and {"group": cluster.group, "host": cluster.host, "hosts": cluster.hosts},
        "reload_refused": refusal
        and {
            "time": _time(refusal.time),
            "message": refusal.message,
            "problems": refusal.problems,
        },
    }


def _job(entry: _Entry, standing: Standing, endings: Sequence[RecentEnding]) -> dict[str, Any]:
    job, next_time = entry
    running = standing.running.get(job.id, {})
    return {
        **listed([job])[0],
        "job_name": job.spec.name,
        "description": job.spec.description,
        "schedule_words": _described(calendar_of(job)),
        "next": next_time and next_time.isoformat(),
        "running": len(running),
        "executions": [_running(*one) for one in list(running.items())[:MOST_RUNNING]],
        "waiting": standing.waiting.get(job.id, 0),
        "paused": _paused(standing.paused.get(job.id)),
        "outcomes": [_ending(ending) for ending in endings],
    }


def _paused(pause: Pause | None) -> dict[str, Any] | None:
    if pause is None:
        return None
    until = pause.until and _time(pause.until)
    return {"by": pause.by, "at": _time(pause.at), "reason": pause.reason, "until": until}


def _running(execution_id: str, running: Running) -> dict[str, Any]:
    return {
        "execution_id": execution_id,
        "started_at": _time(running.since),
        "attempt": running.failed_attempts + 1,
    }


def _ending(ending: RecentEnding) -> dict[str, Any]:
    ended = ending.ended_at
    took = None
    if ended is not None and ending.status != Status.SKIPPED:
        took = round((ended - ending.started_at).total_seconds() * 1000, 1)
    time = _time(ended or ending.started_at)
    return {"time": time, "status": ending.status, "code": ending.code, "duration_ms": took}


@lru_cache(maxsize=4096)
def _described(calendar: Calendar) -> str:
    return describe_calendar(calendar)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
