"""When a schedule fires: what a cron expression means in a time zone. Nothing else decides it.

The rule is that of Debian's cron. A *fixed* schedule (minute and hour do not begin with `*`) fires
when the wall clock first reaches a time that it names: at the end of the gap if the clock is put
past that time, in the first pass only if the time is read twice. A *wildcard* schedule fires
whenever the clock reads a matching time: never in a gap, in both passes of a fold.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from chronos_cli.schedule.expression import Cron, Every, Once, Reboot, parse_schedule
from chronos_cli.schedule.passage import (
    first_instant,
    fold_at,
    gap_at,
    reading,
    second_instant,
)
from chronos_cli.schedule.wallclock import WallClock
from chronos_cli.schedule.zones import load_zone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def next_fire(schedule: str, zone: str, after: datetime) -> datetime:
    """Return the first fire time later than `after` (aware, in any zone), in the schedule's zone.

    The answer depends on nothing but the arguments, so a restart changes nothing. Compare answers
    in UTC: Python compares times of one zone by their wall clock, wrongly in a fold.

    Raises ValueError for a schedule or zone that validation refuses, OverflowError when there is
    none: `@at` is over, `@reboot` has no times, or the calendar ends first, with the year 9999.
    """
    return _next_fire(schedule, zone, after.astimezone(UTC)).astimezone(load_zone(zone))


def fires(schedule: str, zone: str, after: datetime) -> Iterator[datetime]:
    """Yield every fire time later than `after`, as `next_fire` finds them."""
    while True:
        try:
            after = next_fire(schedule, zone, after)
        except OverflowError:
            return
        yield after


# Jobs that share expression and zone share one computation.
@lru_cache(maxsize=4096)
def _next_fire(schedule: str, zone: str, after: datetime) -> datetime:
    parsed = parse_schedule(schedule)
    if isinstance(parsed, Every):
        passed = (after - _EPOCH) // parsed.interval
        return _EPOCH + (passed + 1) * parsed.interval
    if isinstance(parsed, Once):
        return _once(parsed.moment, load_zone(zone), after)
    if isinstance(parsed, Reboot):
        raise OverflowError("the schedule has no times of its own")
    search = _next_fixed if parsed.is_fixed else _next_wildcard
    found = search(wall_clock(parsed), load_zone(zone), after.replace(microsecond=0))
    if found is None:
        raise OverflowError("the schedule does not fire again before the year 10000")
    return found


def instant_of(moment: datetime, zone: tzinfo) -> datetime:
    """Return the instant of a moment, in UTC; a naive one is read on the zone's clock.

    It is that of a fixed schedule: the first of two, or right after the gap that swallows it.
    """
    return first_instant(moment, zone) if moment.tzinfo is None else moment.astimezone(UTC)


def _once(moment: datetime, zone: tzinfo, after: datetime) -> datetime:
    instant = instant_of(moment, zone)
    if instant <= after:
        raise OverflowError("the schedule was for one time, which is over")
    return instant


@lru_cache(maxsize=1024)
def wall_clock(cron: Cron) -> WallClock:
    """Return the readings at which an expression matches."""
    return WallClock(cron)


def _next_fixed(clock: WallClock, zone: tzinfo, after: datetime) -> datetime | None:
    now = reading(after, zone)
    if now.fold and (fold := fold_at(now, zone)):
        # All that the second pass reads was reached in the first.
        named = clock.since(fold.before)
    else:
        named = clock.after(now)
    while named is not None:
        instant = first_instant(named, zone)
        if instant > after:
            return instant
        named = clock.after(named)
    return None


def _next_wildcard(clock: WallClock, zone: tzinfo, after: datetime) -> datetime | None:
    now = reading(after, zone)
    named = clock.after(now)
    if fold := fold_at(now, zone):
        if not now.fold and not (named and named < fold.before):
            named = clock.since(fold.after)
            now = now.replace(fold=1)
        if now.fold and named and named < fold.before:
            return second_instant(named, zone)
    while named is not None:
        gap = gap_at(named, zone)
        if gap is None:
            return first_instant(named, zone)
        named = clock.since(gap.after)
    return None
