"""The state of a group of hosts, as lines and as JSON data."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chronos_cli.cluster.status import ClusterStatus, GroupJob, HostStatus
from chronos_cli.report.control import last_cell, pause_line
from chronos_cli.report.text import aligned, count, printable
from chronos_cli.state.entries import ALL_JOBS

TITLES = ("Job", "Now", "Last")

# Ticks that wait are handed out at once; where that took longer, in seconds, it is said.
_LONG = 60.0

# The host of each execution that runs, by job and execution ID.
Running = Mapping[str, Mapping[str, str]]


def cluster_document(status: ClusterStatus, running: Running) -> dict[str, Any]:
    """Return the state of a group as JSON data."""
    data: dict[str, Any] = msgspec.to_builtins(status)
    return {"schema_version": 1, **data, "running": running, "pauses": _pauses(status)}


def cluster_lines(status: ClusterStatus, running: Running) -> str:
    """Return the state of a group, a line for each host, execution and lock."""
    leader = f", led by {status.leader}" if status.leader else ""
    lines = [
        f"group {status.group}{leader}: {count(status.waiting, 'tick')} waiting, "
        f"{status.handed} handed out"
    ]
    if status.idle_s is not None and status.idle_s > _LONG:
        lines.append(f"none was handed out for {status.idle_s:.0f} s: see the consumer's leader")
    lines += [_host(one) for one in status.hosts] or ["no host"]
    lines += [
        f"running {job}: execution {execution} on {host}"
        for job, executions in sorted(running.items())
        for execution, host in executions.items()
    ]
    lines += [
        f"lock {job}: execution {holder.execution_id} on {holder.host}"
        for job, holder in sorted(status.locks.items())
    ]
    lines += _pause_lines(status)
    return "\n".join(printable(line) for line in lines) + "\n"


def jobs_document(status: ClusterStatus, jobs: Sequence[GroupJob]) -> dict[str, Any]:
    """Return what the jobs of a group do as JSON data: the shape of a loop's status."""
    group: dict[str, Any] = {
        "group": status.group,
        "state": _state(status),
        "waiting": status.waiting,
        "handed": status.handed,
        "hosts": status.hosts,
    }
    data: dict[str, Any] = msgspec.to_builtins(
        {"schema_version": 1, "cluster": group, "jobs": [_job(one) for one in jobs]}
    )
    return data


def _job(job: GroupJob) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        # The servers have no job files, and no list of what waits.
        "next": None,
        "running": list(job.running),
        "hosts": job.running,
        "waiting": None,
        "last": job.last,
        "paused": job.paused,
    }


def jobs_lines(status: ClusterStatus, jobs: Sequence[GroupJob]) -> str:
    """Return a line of the group, and an aligned one for each job, its pause behind it."""
    rows = [(*(title.upper() for title in TITLES), "")]
    rows += [(*cells(job), pause_line(job.paused)) for job in jobs]
    return "\n".join([*head_lines(status, jobs), *aligned(rows)]) + "\n"


def head_lines(status: ClusterStatus, jobs: Sequence[GroupJob]) -> list[str]:
    """Return what is said of the group as a whole, and of a pause of all."""
    hosts = sum(one.is_live for one in status.hosts)
    running = sum(len(job.running) for job in jobs)
    paused = sum(job.paused is not None for job in jobs)
    parts = [f"group {printable(status.group)}: {_state(status)}", count(hosts, "live host")]
    parts += [count(len(jobs), "job"), f"{running} running", f"{status.waiting} waiting"]
    lines = [", ".join([*parts, f"{paused} paused"])]
    if of_all := status.pauses.get(ALL_JOBS):
        lines.append(f"all jobs are {pause_line(of_all)}")
    return lines


def cells(job: GroupJob) -> tuple[str, str, str]:
    """Return a job under the `TITLES`; times are those of this machine's zone."""
    parts = [f"{len(job.running)} running on {', '.join(sorted({*job.running.values()}))}"]
    now = [*(parts if job.running else []), *(["paused"] if job.paused else [])]
    return printable(job.job_id), printable(", ".join(now)) or "-", last_cell(job.last)


def _state(status: ClusterStatus) -> str:
    if not any(one.is_live for one in status.hosts):
        return "no host"
    return "paused" if ALL_JOBS in status.pauses else "running"


def _pauses(status: ClusterStatus) -> list[dict[str, Any]]:
    """Return the pauses as a list; that of all jobs has no ID."""
    return [
        {"job_id": job_id or None, **msgspec.to_builtins(pause)}
        for job_id, pause in sorted(status.pauses.items())
    ]


def _pause_lines(status: ClusterStatus) -> list[str]:
    return [
        f"{job_id or 'all jobs'}: {pause_line(pause)}"
        for job_id, pause in sorted(status.pauses.items())
    ]


def _host(host: HostStatus) -> str:
    skew = "" if host.skew is None else f", clock {host.skew:+.1f} s"
    state = "live" if host.is_live else "gone"
    return f"host {host.id} ({state}, pid {host.pid}): {host.running} running, seen " + (
        f"{host.seen_s:.0f} s ago{skew}"
    )
