"""What a loop tells of itself, as JSON data and as plain lines."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from chronos_cli.cron.control import Ended, JobStatus, LoopStatus, Started
from chronos_cli.dispatch.outcome import Status
from chronos_cli.report.history import local_time, status
from chronos_cli.report.outcomes import STYLES
from chronos_cli.report.text import Paint, aligned, count, milliseconds, printable
from chronos_cli.state.entries import LastEnd, Pause
from chronos_cli.units import format_duration

SCHEMA_VERSION = 1
TITLES = ("Job", "Now", "Next", "Last")


def status_document(
    loop: LoopStatus, jobs: Sequence[JobStatus], last: Mapping[str, LastEnd]
) -> dict[str, Any]:
    """Return the status in its stable JSON shape; times are RFC 3339."""
    known = {"pid": loop.pid, "started_at": loop.started_at, "state": loop.state}
    data: dict[str, Any] = msgspec.to_builtins(
        {"schema_version": SCHEMA_VERSION, "loop": known, "jobs": [_job(j, last) for j in jobs]}
    )
    return data


def _job(job: JobStatus, last: Mapping[str, LastEnd]) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "next": job.next,
        "running": job.running,
        "waiting": job.waiting,
        "last": last.get(job.job_id),
        "paused": job.paused,
    }


def status_lines(loop: LoopStatus, jobs: Sequence[JobStatus], last: Mapping[str, LastEnd]) -> str:
    """Return a line of the loop, and an aligned one for each job, its pause behind it."""
    now = datetime.now(UTC)
    rows = [(*(title.upper() for title in TITLES), "")]
    rows += [(*cells(job, last.get(job.job_id)), pause_line(job.paused)) for job in jobs]
    return "\n".join([*head_lines(loop, jobs, now), *aligned(rows)]) + "\n"


def head_lines(loop: LoopStatus, jobs: Sequence[JobStatus], now: datetime) -> list[str]:
    """Return what is said of the loop as a whole."""
    running, waiting = (sum(map(len, ids)) for ids in _ids(jobs))
    paused = sum(job.paused is not None for job in jobs)
    up = format_duration(max(1.0, (now - loop.started_at).total_seconds() // 1))
    parts = [f"{printable(loop.state)} for {up} (pid {loop.pid})", count(len(jobs), "job")]
    parts += [f"{running} running", f"{waiting} waiting", f"{paused} paused"]
    lines = [", ".join(parts)]
    for job_id, pause in loop.strangers.items():
        lines.append(f"{printable(job_id)}, which is none of its jobs, is {pause_line(pause)}")
    return lines


def _ids(jobs: Sequence[JobStatus]) -> tuple[list[list[str]], list[list[str]]]:
    return [job.running for job in jobs], [job.waiting for job in jobs]


def cells(job: JobStatus, last: LastEnd | None) -> tuple[str, str, str, str]:
    """Return a job under the `TITLES`; times are those of this machine's zone."""
    return printable(job.job_id), _now(job), _next(job), last_cell(last)


def _now(job: JobStatus) -> str:
    parts = [f"{len(job.running)} running"] if job.running else []
    parts += [f"{len(job.waiting)} waiting"] if job.waiting else []
    parts += ["paused"] if job.paused else []
    return ", ".join(parts) or "-"


def _next(job: JobStatus) -> str:
    return local_time(job.next) if job.next else "-"


def last_cell(last: LastEnd | None) -> str:
    """Return how a job ended last, and when."""
    if last is None:
        return "-"
    at = f" {local_time(last.ended_at)}" if last.ended_at else ""
    return status(last.status, last.code) + at


def pause_line(pause: Pause | None) -> str:
    """Return what a job's pause is; nothing for one that has none."""
    return f"paused {pause_words(pause)}" if pause else ""


def pause_words(pause: Pause) -> str:
    """Return who paused, since when, until when and why."""
    until = f" until {local_time(pause.until)}" if pause.until else ""
    reason = f": {pause.reason}" if pause.reason else ""
    return printable(f"by {pause.by} since {local_time(pause.at)}{until}{reason}")


def trigger_document(job_id: str, last: Started | Ended, code: int) -> dict[str, Any]:
    """Return what came of a trigger as JSON data."""
    found: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "exit_code": code,
        "job_id": job_id,
        "execution_id": last.execution_id,
        "status": last.state if isinstance(last, Started) else last.status,
    }
    if isinstance(last, Started):
        return found | {"message": last.message}
    more = ("code", "message", "attempts", "duration_ms")
    return found | {name: getattr(last, name) for name in more}


def trigger_line(job_id: str, answer: Started | Ended, paint: Paint) -> str:
    """Return what came of a trigger in a line."""
    because = f": {printable(answer.message)}" if answer.message else ""
    name = f"{printable(job_id)} ({printable(answer.execution_id)})"
    if isinstance(answer, Started):
        return f"{name} {printable(answer.state)}{because}"
    took = f" in {milliseconds(answer.duration_ms)}, {count(answer.attempts, 'attempt')}"
    words = paint(status(answer.status, answer.code), STYLES[Status(answer.status)])
    return f"{name} {words}{took}{because}"
