"""When a job fires: its schedules together, between two times, without the exceptions.

What `chronos next` prints, `chronos cron` fires and `chronos backfill` sends comes from here.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from msgspec import Struct

from chronos_cli.schedule.exceptions import Exemption, QuietHours, Span, Window, windows
from chronos_cli.schedule.passage import first_instant, reading
from chronos_cli.schedule.timetable import next_fire
from chronos_cli.schedule.zones import load_zone

# So many exceptions are passed by in a row: that the schedule and they never part is found in half
# a second.
_MOST_PASSED = 1000
_INSTANT = timedelta(microseconds=1)


class Calendar(Struct, frozen=True, cache_hash=True):
    """What the ticks of a job depend on.

    `starts` is the first instant that counts and `ends` the last, in UTC.
    """

    schedules: tuple[str, ...]
    zone: str
    starts: datetime | None = None
    ends: datetime | None = None
    exceptions: tuple[Exemption, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing but one schedule."""
        bounds = self.starts, self.ends
        return len(self.schedules) == 1 and bounds == (None, None) and not self.exceptions


class ExceptedTick(Struct, frozen=True):
    """A tick that does not fire: its time, in the job's zone, and the exception in words."""

    time: datetime
    words: str


def next_tick(calendar: Calendar, after: datetime) -> datetime:
    """Return the first tick later than `after`, in the job's zone; see `next_fire`.

    Where several schedules meet there is one tick. Raises OverflowError when there is none.
    """
    if calendar.is_plain:
        return next_fire(calendar.schedules[0], calendar.zone, after)
    return _next_tick(calendar, after.astimezone(UTC)).astimezone(load_zone(calendar.zone))


def ticks(calendar: Calendar, after: datetime) -> Iterator[datetime]:
    """Yield every tick later than `after`, as `next_tick` finds them."""
    while True:
        try:
            after = next_tick(calendar, after)
        except OverflowError:
            return
        yield after


def excepted(
    calendar: Calendar, after: datetime, before: datetime | None
) -> Iterator[ExceptedTick]:
    """Yield what would be ticks between two times if there were no exceptions."""
    place = load_zone(calendar.zone)
    moment = after.astimezone(UTC)
    while calendar.exceptions:
        try:
            moment = _scheduled(calendar, moment)
        except OverflowError:
            return
        if before is not None and moment >= before:
            return
        if found := _exception_at(calendar, moment):
            yield ExceptedTick(moment.astimezone(place), found.words)


def allows(calendar: Calendar, moment: datetime) -> bool:
    """Whether a moment lies between the bounds of a calendar, and in no exception."""
    instant = moment.astimezone(UTC)
    if calendar.starts is not None and instant < calendar.starts:
        return False
    if calendar.ends is not None and instant > calendar.ends:
        return False
    return _exception_at(calendar, instant) is None


@lru_cache(maxsize=4096)
def _next_tick(calendar: Calendar, after: datetime) -> datetime:
    for _ in range(_MOST_PASSED):
        found = _scheduled(calendar, after)
        passed = _exception_at(calendar, found)
        if passed is None:
            return found
        after = max(found, passed.silent_until - _INSTANT)
    raise OverflowError("the exceptions leave no tick")


def _scheduled(calendar: Calendar, after: datetime) -> datetime:
    """Return the first time later than `after` that a schedule names, between the bounds."""
    if calendar.starts is not None:
        after = max(after, calendar.starts - _INSTANT)
    found = min(_times(calendar, after), default=None)
    if found is None or (calendar.ends is not None and found > calendar.ends):
        raise OverflowError("the schedules do not fire again")
    return found


def _times(calendar: Calendar, after: datetime) -> Iterable[datetime]:
    for schedule in calendar.schedules:
        try:
            yield next_fire(schedule, calendar.zone, after).astimezone(UTC)
        except OverflowError:
            continue


def _exception_at(calendar: Calendar, instant: datetime) -> Window | None:
    """Return the exception that an instant lies in."""
    if not calendar.exceptions:
        return None
    known = _windows(calendar, instant.year)
    at = bisect_right(known, instant, key=lambda window: window.begins) - 1
    if at >= 0 and instant < known[at].ends:
        return known[at]
    return _quiet_window(calendar, instant)


def _quiet_window(calendar: Calendar, instant: datetime) -> Window | None:
    place = load_zone(calendar.zone)
    now = reading(instant, place).replace(fold=0)
    for one in calendar.exceptions:
        if isinstance(one, QuietHours) and one.includes(now.time()):
            ends = first_instant(one.end_after(now), place)
            return Window(instant, ends, one.words, ends)
    return None


@lru_cache(maxsize=256)
def _windows(calendar: Calendar, year: int) -> list[Window]:
    spans = (one for one in calendar.exceptions if isinstance(one, Span))
    return windows(spans, calendar.zone, year)
