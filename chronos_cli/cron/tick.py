"""One tick of a job's schedule, and how its start is spread."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import pairwise

from msgspec import Struct

from chronos_cli.dispatch.execution import in_zone
from chronos_cli.jobs.model import Job


class Tick(Struct, frozen=True):
    """A job is due: `scheduled_time` in its zone, `starts_at` the same plus jitter, in UTC.

    `at_start` is that of `@reboot`, which the loop's start makes and not the calendar.
    """

    job: Job
    scheduled_time: datetime
    starts_at: datetime
    at_start: bool = False


def tick(job: Job, scheduled_time: datetime, following: datetime) -> Tick:
    """Return the tick of a job; `following` is the next one of its schedule.

    No start is put off beyond the next tick, so that the ticks of a job start in their order.
    """
    due = scheduled_time.astimezone(UTC)
    if not job.spec.jitter:
        return Tick(job, scheduled_time, due)
    bound = min(job.spec.jitter, (following.astimezone(UTC) - due).total_seconds())
    return Tick(job, scheduled_time, due + timedelta(seconds=bound * _share(job.id, due)))


def tick_at_start(job: Job, now: datetime) -> Tick:
    """Return the tick that the start of a loop makes, for `@reboot`."""
    delay = timedelta(seconds=job.spec.jitter * _share(job.id, now))
    return Tick(job, in_zone(job, now), now.astimezone(UTC) + delay, at_start=True)


def ticks(job: Job, times: list[datetime]) -> Iterator[Tick]:
    """Yield the ticks of all times but the last, which only bounds the jitter."""
    for scheduled_time, following in pairwise(times):
        yield tick(job, scheduled_time, following)


def _share(job_id: str, due: datetime) -> float:
    """Return a number from 0 to below 1: the same for a job's tick on every host."""
    digest = blake2b(f"{job_id}\n{due.timestamp():.6f}".encode(), digest_size=7)
    return int.from_bytes(digest.digest(), "big") / 2**56
