"""What a loop runs: the jobs that have a schedule, and what is needed to run them."""

from collections.abc import Mapping

from msgspec import Struct

from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.jobs.heartbeat import Heartbeat
from chronos_cli.jobs.model import Job


class JobSet(Struct, frozen=True, kw_only=True):
    """The scheduled jobs by ID, in the order of their files; no dispatcher is opened yet.

    `unscheduled` counts the jobs beside them that only `run` can start.
    """

    jobs: dict[str, Job]
    dispatchers: Dispatchers
    max_concurrent: int
    unscheduled: int = 0
    heartbeat: Heartbeat | None = None


def changes(before: Mapping[str, Job], after: Mapping[str, Job]) -> dict[str, int]:
    """Count what a reload changed; what is zero is left out."""
    counts = {
        "added": len(after.keys() - before.keys()),
        "removed": len(before.keys() - after.keys()),
        "changed": sum(
            not _is_same(before[key], after[key]) for key in before.keys() & after.keys()
        ),
    }
    return {name: number for name, number in counts.items() if number}


def _is_same(one: Job, other: Job) -> bool:
    """Whether two jobs do the same, wherever in their files they stand."""
    pairs = [(one, other)]
    if one.notices.keys() != other.notices.keys():
        return False
    pairs += [(one.notices[name], other.notices[name]) for name in one.notices]
    return all(
        (a.spec, a.calendar, a.key, a.target, a.payload)
        == (b.spec, b.calendar, b.key, b.target, b.payload)
        for a, b in pairs
    )
