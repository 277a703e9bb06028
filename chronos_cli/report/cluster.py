"""The state of a group of hosts, as lines and as JSON data."""

from typing import Any

import msgspec

from chronos_cli.cluster.status import ClusterStatus, HostStatus
from chronos_cli.report.text import count, printable


def cluster_document(status: ClusterStatus) -> dict[str, Any]:
    """Return the state of a group as JSON data."""
    data: dict[str, Any] = msgspec.to_builtins(status)
    return {"schema_version": 1, **data}


def cluster_lines(status: ClusterStatus) -> str:
    """Return the state of a group, a line for each host and each lock."""
    leader = f", led by {status.leader}" if status.leader else ""
    lines = [
        f"group {status.group}{leader}: {count(status.waiting, 'tick')} waiting, "
        f"{status.handed} handed out"
    ]
    lines += [_host(one) for one in status.hosts] or ["no host"]
    lines += [
        f"lock {job}: execution {holder.execution_id} on {holder.host}"
        for job, holder in sorted(status.locks.items())
    ]
    return "\n".join(printable(line) for line in lines)


def _host(host: HostStatus) -> str:
    skew = "" if host.skew is None else f", clock {host.skew:+.1f} s"
    state = "live" if host.is_live else "gone"
    return f"host {host.id} ({state}, pid {host.pid}): {host.running} running, seen " + (
        f"{host.seen_s:.0f} s ago{skew}"
    )
