"""When which job is due: one computation for all jobs that share schedule and zone."""

import heapq
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from msgspec import structs

from chronos_cli.cron.tick import Tick, tick
from chronos_cli.jobs.calendars import calendar_of
from chronos_cli.jobs.model import Job
from chronos_cli.schedule.calendar import Calendar, next_tick

# A tick is late, and no more, for this long; after that it has been missed. Covers a restart,
# and a machine that was busy for a moment.
PUNCTUAL = timedelta(seconds=10)

# What jobs share whose ticks are the same. Schedule and zone where there is nothing else: there
# are many jobs, and few calendars.
_Key = Calendar | tuple[str, str]


@dataclass(slots=True)
class _Group:
    """The jobs of one calendar; `upcoming` is None when it has no tick any more."""

    calendar: Calendar
    upcoming: datetime | None
    jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def instant(self) -> datetime | None:
        return self.upcoming and self.upcoming.astimezone(UTC)

    def advance(self, after: datetime) -> None:
        try:
            self.upcoming = next_tick(self.calendar, after)
        except OverflowError:
            self.upcoming = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Nobody looked at a job in time.

    Its `delayed` ticks waited for their start then, in order. After them come the ticks of its
    schedule after `since`; where it is None there are none.
    """

    job: Job
    delayed: list[Tick]
    since: datetime | None


class Timer:
    """The coming ticks of a set of jobs."""

    def __init__(self) -> None:
        self._groups: dict[_Key, _Group] = {}
        self._order = count()
        self._heap: list[tuple[datetime, int, _Group]] = []
        # Ticks whose start jitter puts off.
        self._delayed: list[tuple[datetime, int, Tick]] = []

    def set_jobs(self, jobs: Iterable[Job], after: datetime) -> list[Tick]:
        """Plan these jobs from now on. Schedules that were planned before miss nothing.

        Returns the ticks that waited for their start and do so no longer, with the jobs as they
        were: of jobs that are gone, and of those whose schedule is another now.
        """
        wanted: dict[_Key, dict[str, Job]] = {}
        known: dict[str, Job] = {}
        for job in jobs:
            wanted.setdefault(_key(job), {})[job.id] = job
            known[job.id] = job
        self._groups = {
            key: self._groups.get(key) or _Group(_calendar(of_key), None)
            for key, of_key in wanted.items()
        }
        for key, group in self._groups.items():
            group.jobs = wanted[key]
            if group.upcoming is None:
                group.advance(after)
        self._sort()
        delayed, self._delayed = [entry[2] for entry in sorted(self._delayed)], []
        left: list[Tick] = []
        for one in delayed:
            now = known.get(one.job.id)
            if now is not None and _key(now) == _key(one.job):
                self.put(structs.replace(one, job=now))
            else:
                left.append(one)
        return left

    def restart(self, after: datetime) -> None:
        """Count from this instant on, whatever was upcoming."""
        # What is yet to come once more is planned once more.
        self._delayed = [one for one in self._delayed if one[2].scheduled_time <= after]
        heapq.heapify(self._delayed)
        for group in self._groups.values():
            group.advance(after)
        self._sort()

    def put(self, one: Tick) -> None:
        """Add a tick that waits for its start."""
        heapq.heappush(self._delayed, (one.starts_at, next(self._order), one))

    def take_delayed(self, job_ids: Container[str]) -> None:
        """Forget the ticks of some jobs that wait for their start; those of a loop's start stay."""
        self._delayed = [
            entry for entry in self._delayed if entry[2].at_start or entry[2].job.id not in job_ids
        ]
        heapq.heapify(self._delayed)

    def gaps(self, now: datetime) -> list[Gap]:
        """Return the jobs that missed ticks, and plan them from now on.

        A tick that waits for its start is missed like any other: the machine may have stood
        still in between. It is handed out with those after it, so that one rule sees them all.
        """
        found: dict[str, Gap] = {}
        while self._heap and self._heap[0][0] < now - PUNCTUAL:
            instant, _, group = heapq.heappop(self._heap)
            since = instant - timedelta(microseconds=1)
            found |= {job.id: Gap(job, [], since) for job in group.jobs.values()}
            group.advance(now)
            self._push(group)
        if self._delayed and self._delayed[0][0] < now - PUNCTUAL:
            for starts_at, _, one in self._delayed:
                if starts_at < now - PUNCTUAL:
                    found.setdefault(one.job.id, Gap(one.job, [], None))
        if found:
            self._hand_out(found)
        return list(found.values())

    def _hand_out(self, gaps: dict[str, Gap]) -> None:
        """Move the ticks that wait into the gaps of their jobs."""
        kept = []
        for entry in sorted(self._delayed):
            if gap := gaps.get(entry[2].job.id):
                gap.delayed.append(entry[2])
            else:
                kept.append(entry)
        self._delayed = kept  # sorted, and so a heap

    def due(self, now: datetime) -> list[Tick]:
        """Return the ticks that are to start, in the order of their time."""
        while self._heap and self._heap[0][0] <= now:
            _, _, group = heapq.heappop(self._heap)
            scheduled_time = group.upcoming
            assert scheduled_time is not None
            group.advance(scheduled_time)
            following = group.upcoming or scheduled_time
            for job in group.jobs.values():
                self.put(tick(job, scheduled_time, following))
            self._push(group)
        found: list[Tick] = []
        while self._delayed and self._delayed[0][0] <= now:
            found.append(heapq.heappop(self._delayed)[2])
        return found

    def next_instant(self) -> datetime | None:
        """Return when there is something to do next, in UTC."""
        heads = [heap[0][0] for heap in (self._heap, self._delayed) if heap]
        return min(heads, default=None)

    def next_of(self, job: Job) -> datetime | None:
        """Return the next time of a job's schedule."""
        group = self._groups.get(_key(job))
        return group.upcoming if group else None

    def _sort(self) -> None:
        self._heap = []
        for group in self._groups.values():
            self._push(group)

    def _push(self, group: _Group) -> None:
        if group.instant is not None:
            heapq.heappush(self._heap, (group.instant, next(self._order), group))


def _key(job: Job) -> _Key:
    if job.calendar is not None:
        return job.calendar
    assert isinstance(job.spec.schedule, str)
    return job.spec.schedule, job.spec.timezone


def _calendar(jobs: dict[str, Job]) -> Calendar:
    return calendar_of(next(iter(jobs.values())))
