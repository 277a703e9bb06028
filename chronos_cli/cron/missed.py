"""Ticks whose time passed while nobody looked: which were missed, and which are made up for."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from chronos_cli.cron.tick import Tick, ticks
from chronos_cli.cron.timer import PUNCTUAL, Gap
from chronos_cli.jobs.calendars import calendar_of
from chronos_cli.jobs.model import Job
from chronos_cli.schedule.calendar import ticks as ticks_of

# At most so many missed runs of a job are made up for, the latest ones: a schedule of every
# second must not bury its target after a weekend.
MOST = 1000
# Where only the latest counts, so many are looked for, to tell how much was missed.
_COUNTED = 100


@dataclass(frozen=True, slots=True)
class CatchUp:
    """What to do about a job's gap.

    `punctual` ticks start at their own time, as if nothing had been; `late` ones are to be made
    up for, in order. Of `missed` ticks `last` was the latest; `more` tells that there were even
    more than could be counted. `too_late` are those that the policy would make up for, and
    `starting_deadline` does not let.
    """

    punctual: list[Tick]
    late: list[Tick]
    missed: int = 0
    more: bool = False
    last: datetime | None = None
    too_late: int = 0


def catch_up(gap: Gap, now: datetime, punctual_for: timedelta = PUNCTUAL) -> CatchUp:
    """Return what the job's policy says of the ticks of a gap that ends now.

    One that is late by `punctual_for`, or less, was not missed.
    """
    job = gap.job
    found, more = gap.delayed, False
    if gap.since is not None:
        most = MOST if job.spec.missed_runs == "execute_all" else _COUNTED
        latest, more = _latest(job, gap.since, now, most)
        found = found + latest
    late = [one for one in found if one.starts_at < now - punctual_for]
    punctual = found[len(late) :]
    if not late:
        return CatchUp(punctual, [])
    last = late[-1].scheduled_time
    wanted = _wanted(job, late, punctual)
    limit = job.spec.starting_deadline
    chosen = [
        one for one in wanted if limit is None or now - one.starts_at <= timedelta(seconds=limit)
    ]
    return CatchUp(punctual, chosen, len(late), more, last, len(wanted) - len(chosen))


def _wanted(job: Job, late: list[Tick], punctual: list[Tick]) -> list[Tick]:
    policy = job.spec.missed_runs
    if policy == "ignore" or (policy == "execute_one" and punctual):
        return []
    return late if policy == "execute_all" else late[-1:]


def _latest(job: Job, since: datetime, now: datetime, most: int) -> tuple[list[Tick], bool]:
    """Return the latest ticks in a time, at most so many, and whether there were more.

    The schedule can only be read forwards, so that the time looked at is made longer, step by
    step, instead of reading all the seconds of a year.
    """
    calendar = calendar_of(job)
    span = timedelta(minutes=1)
    while True:
        start = max(since, now - span)
        times: deque[datetime] = deque(maxlen=most + 2)
        following = None
        for time in ticks_of(calendar, start):
            if time > now:
                following = time
                break
            times.append(time)
        if start == since or len(times) > most:
            break
        span *= 16
    more = len(times) > most
    wanted = list(islice(times, max(0, len(times) - most), None))
    if wanted:
        wanted.append(following or wanted[-1])
    return list(ticks(job, wanted)), more
