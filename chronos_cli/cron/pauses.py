"""Jobs whose ticks are passed over because somebody paused them."""

from collections import Counter
from collections.abc import Container, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from chronos_cli.cron.admission import TickJournal
from chronos_cli.cron.events import EventKind, Events
from chronos_cli.cron.timer import Gap
from chronos_cli.dispatch.execution import scheduled_id
from chronos_cli.jobs.calendars import calendar_of
from chronos_cli.jobs.model import Job
from chronos_cli.schedule.calendar import Calendar, next_tick
from chronos_cli.state.entries import ALL_JOBS, Pause

_INSTANT = timedelta(microseconds=1)


class Pauses:
    """The pauses that are in force, as the state has them.

    A pause leaves the recorded ticks of its jobs where they are: what becomes of those since is
    decided at its end, also when that comes while no loop runs.
    """

    def __init__(self, journal: TickJournal, events: Events) -> None:
        self._journal = journal
        self._events = events
        self._known: dict[str, Pause] = {}
        self._first_end: datetime | None = None
        # How many ticks were passed over since this process knows of a pause, by job.
        self._passed: Counter[str] = Counter()

    def load(self) -> None:
        """Take over what the state has, and tell of it."""
        self._known = self._journal.pauses()
        self._find_first_end()
        for job_id, pause in self._known.items():
            self._tell(job_id, pause)

    def of(self, job_id: str) -> Pause | None:
        """Return what keeps the ticks of a job from starting; see `longest`."""
        if not self._known:  # the usual case, asked for each of very many ticks
            return None
        return longest(self._known, job_id)

    def known(self) -> dict[str, Pause]:
        """Return all pauses by job; that of all under `ALL_JOBS`."""
        return dict(self._known)

    def strangers(self, job_ids: Container[str]) -> dict[str, Pause]:
        """Return the pauses of jobs that are not among these."""
        known = self._known.items()
        return {key: pause for key, pause in known if key != ALL_JOBS and key not in job_ids}

    def put(self, job_id: str, pause: Pause) -> bool:
        """Begin a pause, or change one; whether it is recorded, so that it outlives this loop."""
        self._known[job_id] = pause
        self._find_first_end()
        self._tell(job_id, pause)
        return self._journal.pause(job_id, pause)

    def lift(self, job_id: str, moment: datetime | None, by: str | None = None) -> bool:
        """End a pause; see `Store.resume`. Whether that is recorded."""
        del self._known[job_id]
        self._find_first_end()
        passed = self._passed.total() if job_id == ALL_JOBS else self._passed[job_id]
        for one in list(self._passed):
            if self.of(one) is None:
                del self._passed[one]
        self._events.tell(
            EventKind.RESUMED,
            job_id=job_id or None,
            scope="all" if job_id == ALL_JOBS else None,
            by=by,
            passed_over=passed,
            message=None if by else "its time was over",
        )
        return self._journal.resume(job_id, moment)

    def expire(self, now: datetime) -> None:
        """End the pauses whose time is over."""
        if self._first_end is None or self._first_end > now:
            return
        for job_id, pause in list(self._known.items()):
            if not pause.holds(now):
                self.lift(job_id, pause.until)

    def pass_over(self, job: Job, scheduled_time: datetime, pause: Pause) -> None:
        """Tell that a tick does not start."""
        self._passed[job.id] += 1
        self._events.tell(
            EventKind.SKIPPED,
            job_id=job.id,
            execution_id=scheduled_id(job.id, scheduled_time),
            scheduled_time=scheduled_time.isoformat(),
            message=pause_words(pause),
        )

    def cut(self, gap: Gap) -> Gap:
        """Return what of a gap lies behind a pause; ticks that waited for their start are told."""
        pause = self.of(gap.job.id)
        if pause is None:
            return gap
        held = [one for one in gap.delayed if pause.holds(one.starts_at)]
        for one in held:
            self.pass_over(gap.job, one.scheduled_time, pause)
        rest = [one for one in gap.delayed if not pause.holds(one.starts_at)]
        since = gap.since and pause.until and max(gap.since, pause.until)
        return Gap(gap.job, rest, since)

    def next_of(self, job: Job, planned: datetime | None) -> datetime | None:
        """Return the first tick that a pause lets start; `planned` is the next of the schedule."""
        pause = self.of(job.id)
        if planned is None or pause is None or not pause.holds(planned):
            return planned
        return pause.until and _first_from(calendar_of(job), pause.until)

    def _find_first_end(self) -> None:
        ends = [pause.until for pause in self._known.values() if pause.until is not None]
        self._first_end = min(ends, default=None)

    def _tell(self, job_id: str, pause: Pause) -> None:
        self._events.tell(
            EventKind.PAUSED,
            job_id=job_id or None,
            scope="all" if job_id == ALL_JOBS else None,
            by=pause.by,
            at=pause.at.astimezone(UTC).isoformat(),
            reason=pause.reason,
            until=pause.until and pause.until.astimezone(UTC).isoformat(),
        )


def longest(known: Mapping[str, Pause], job_id: str) -> Pause | None:
    """Return what keeps the ticks of a job from starting: its own pause, or that of all.

    Of both, the one that lasts longer.
    """
    own, of_all = known.get(job_id), known.get(ALL_JOBS)
    if own is None or of_all is None:
        return own or of_all
    is_longer = of_all.until is None or (own.until is not None and own.until < of_all.until)
    return of_all if is_longer and own.until is not None else own


def pause_words(pause: Pause) -> str:
    """Return why a tick does not start: `paused by alice: migration`."""
    return f"paused by {pause.by}" + (f": {pause.reason}" if pause.reason else "")


@lru_cache(maxsize=4096)
def _first_from(calendar: Calendar, moment: datetime) -> datetime | None:
    try:
        return next_tick(calendar, moment - _INSTANT)
    except OverflowError:
        return None
