"""Jobs as JSON data and as plain lines."""

from collections.abc import Sequence
from typing import Any

from chronos_cli.jobs.model import Job
from chronos_cli.report.text import printable

SCHEMA_VERSION = 1
TITLES = ("Job", "Schedule", "Protocol", "Target", "Tags", "File")

# One job, as JSON data.
Listed = dict[str, Any]


def listed(jobs: Sequence[Job]) -> list[Listed]:
    """Return what a list says of jobs; nothing in it is masked yet."""
    return [_listed(job) for job in jobs]


def _listed(job: Job) -> Listed:
    return {
        "job_id": job.id,
        "schedule": job.spec.schedule,
        "timezone": job.spec.timezone,
        "protocol": job.protocol,
        "target": _target(job),
        "tags": dict(job.spec.tags),
        "enabled": job.spec.enabled,
        "file": job.position.file,
        "line": job.position.line,
    }


def _target(job: Job) -> str:
    """Return the target; where a variable is missing, a plug-in may not be able to say it."""
    try:
        return job.target.describe()
    except Exception:  # noqa: BLE001 - what stands for the variable is of no type that it knows
        return f"a target with variables that are not set: {job.key}"


def jobs_document(jobs: Sequence[Listed]) -> dict[str, Any]:
    """Return the jobs in their stable JSON shape."""
    return {"schema_version": SCHEMA_VERSION, "results": list(jobs)}


def cells(job: Listed) -> tuple[str, ...]:
    """Return a job under the `TITLES`."""
    schedules = job["schedule"]
    schedule = schedules if isinstance(schedules, str | None) else " | ".join(schedules)
    zone = "" if schedule is None or job["timezone"] == "UTC" else f" {job['timezone']}"
    mark = "" if job["enabled"] else " (disabled)"
    return (
        printable(f"{job['job_id']}{mark}"),
        printable(f"{schedule or '-'}{zone}"),
        printable(job["protocol"]),
        printable(job["target"]),
        printable(" ".join(f"{key}={value}" for key, value in job["tags"].items())),
        printable(f"{job['file']}:{job['line']}"),
    )


def jobs_lines(jobs: Sequence[Listed]) -> str:
    """Return one aligned line for each job, below a line of titles."""
    rows = [tuple(title.upper() for title in TITLES), *map(cells, jobs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines) + "\n"
