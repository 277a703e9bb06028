"""When which job is due: one computation for all jobs that share expression and zone."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from chronos_cli.cron.tick import Tick, tick
from chronos_cli.jobs.model import Job
from chronos_cli.schedule.timetable import next_fire

# A tick is late, and no more, for this long; after that it has been missed. Covers a restart,
# and a machine that was busy for a moment.
PUNCTUAL = timedelta(seconds=10)

_Key = tuple[str, str]


@dataclass(slots=True)
class _Group:
    """The jobs of one schedule in one zone; `upcoming` is None when it never fires again."""

    key: _Key
    upcoming: datetime | None
    jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def instant(self) -> datetime | None:
        return self.upcoming and self.upcoming.astimezone(UTC)

    def advance(self, after: datetime) -> None:
        try:
            self.upcoming = next_fire(*self.key, after)
        except OverflowError:
            self.upcoming = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Nobody looked from `since` on, which is before the first tick that was missed."""

    job: Job
    since: datetime


class Timer:
    """The coming ticks of a set of jobs."""

    def __init__(self) -> None:
        self._groups: dict[_Key, _Group] = {}
        self._order = count()
        self._heap: list[tuple[datetime, int, _Group]] = []
        # Ticks whose start jitter puts off.
        self._delayed: list[tuple[datetime, int, Tick]] = []

    def set_jobs(self, jobs: Iterable[Job], after: datetime) -> None:
        """Plan these jobs from now on. Schedules that were planned before miss nothing."""
        wanted: dict[_Key, dict[str, Job]] = {}
        known: dict[str, Job] = {}
        for job in jobs:
            assert job.spec.schedule is not None
            key = (job.spec.schedule, job.spec.timezone)
            wanted.setdefault(key, {})[job.id] = job
            known[job.id] = job
        self._groups = {key: self._groups.get(key) or _Group(key, None) for key in wanted}
        for key, group in self._groups.items():
            group.jobs = wanted[key]
            if group.upcoming is None:
                group.advance(after)
        self._sort()
        delayed = [entry for entry in self._delayed if entry[2].job.id in known]
        self._delayed = []
        for _, _, late in delayed:
            self.put(Tick(known[late.job.id], late.scheduled_time, late.starts_at))

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

    def gaps(self, now: datetime) -> list[Gap]:
        """Return the jobs that missed ticks, and plan them from now on."""
        found: list[Gap] = []
        while self._heap and self._heap[0][0] < now - PUNCTUAL:
            instant, _, group = heapq.heappop(self._heap)
            since = instant - timedelta(microseconds=1)
            found += [Gap(job, since) for job in group.jobs.values()]
            group.advance(now)
            self._push(group)
        return found

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
        group = self._groups.get((job.spec.schedule or "", job.spec.timezone))
        return group.upcoming if group else None

    def _sort(self) -> None:
        self._heap = []
        for group in self._groups.values():
            self._push(group)

    def _push(self, group: _Group) -> None:
        if group.instant is not None:
            heapq.heappush(self._heap, (group.instant, next(self._order), group))
