"""Ticks that come again because the clock was set back: none is fired a second time."""

from datetime import datetime, timedelta
from itertools import islice

from chronos_cli.cron.admission import TickJournal
from chronos_cli.dispatch.execution import scheduled_id
from chronos_cli.jobs.calendars import calendar_of
from chronos_cli.jobs.model import Job
from chronos_cli.schedule.calendar import ticks

# So many fired ticks of a job are passed by one by one to find its next time; each one is looked
# up in the state.
_MOST_PASSED = 1000


class FiredTicks:
    """Knows which of the coming ticks were fired before the clock was set back."""

    def __init__(self, journal: TickJournal) -> None:
        self._journal = journal
        # Ticks up to here may have been fired: the state tells which.
        self._until: datetime | None = None
        # By job: every tick up to here was seen to.
        self._seen: dict[str, datetime] = {}
        # What `next_of` has found.
        self._next: dict[str, datetime | None] = {}

    def look_back_to(self, moment: datetime) -> None:
        """Take in that ticks up to this moment may have been fired."""
        self._until = max(self._until or moment, moment)
        self._next.clear()

    def see(self, job: Job, until: datetime) -> None:
        """Take in that every tick of a job up to this moment was seen to."""
        self._seen[job.id] = until
        self.look_back_to(until)

    def forget(self, job: Job) -> None:
        """Take in that a job's ticks count from now on."""
        self._seen.pop(job.id, None)
        self._next.clear()

    def silent(self, now: datetime) -> list[datetime]:
        """Return up to when jobs keep silent, for each job that does so."""
        return [until for until in self._seen.values() if until > now]

    def includes(self, job: Job, scheduled_time: datetime) -> bool:
        """Whether a tick of a job was fired, or seen to, before."""
        seen = self._seen.get(job.id)
        if seen is not None and scheduled_time <= seen:
            return True
        if self._until is None or scheduled_time > self._until:
            return False
        return self._journal.has(scheduled_id(job.id, scheduled_time))

    def next_of(self, job: Job, planned: datetime) -> datetime | None:
        """Return the first tick from the planned one on that was not fired before."""
        last = max((one for one in (self._until, self._seen.get(job.id)) if one), default=None)
        if last is None or planned > last:
            return planned
        known = self._next.get(job.id, planned)
        if known is None or known > planned:
            return known
        found = self._next[job.id] = self._first_unfired(job, planned, last)
        return found

    def _first_unfired(self, job: Job, planned: datetime, last: datetime) -> datetime | None:
        seen = self._seen.get(job.id)
        start = seen if seen and seen >= planned else planned - timedelta(microseconds=1)
        for time in islice(ticks(calendar_of(job), start), _MOST_PASSED):
            if not self.includes(job, time):
                return time
        return next(ticks(calendar_of(job), last), None)
