"""Where another scheduler fires otherwise because the clock is put."""

from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from functools import lru_cache

from msgspec import Struct

from chronos_cli.schedule.expression import Cron, parse_schedule
from chronos_cli.schedule.passage import Change, changes, second_instant
from chronos_cli.schedule.timetable import wall_clock
from chronos_cli.schedule.wallclock import WallClock
from chronos_cli.schedule.zones import load_zone

# In which every zone that changes its clock has done so twice.
_HORIZON = timedelta(days=400)


class ClockRule(Enum):
    """How a scheduler takes a time that the clock skips or reads twice.

    Both never fire in a gap. TWICE fires in both passes of a fold, as Kubernetes does. ONCE fires
    in the first pass and is silent in the second, as systemd's timers are.
    """

    TWICE = 2
    ONCE = 1


class Difference(Struct, frozen=True):
    """The first time that only one of both fires; `is_ours` when that is Chronos."""

    time: datetime
    is_ours: bool

    @property
    def words(self) -> str:
        """What differs, as a sentence's end."""
        when = self.time.isoformat()
        if self.is_ours:
            return f"first at {when}, when it does not run and chronos cron would"
        return f"first at {when}, when it runs and chronos cron would not"


@lru_cache(maxsize=1024)
def first_difference(
    schedule: str, zone: str, rule: ClockRule, after: datetime
) -> Difference | None:
    """Return where a scheduler first differs from Chronos, within 400 days; in the job's zone."""
    cron = parse_schedule(schedule)
    if not isinstance(cron, Cron):
        return None  # intervals do not look at the clock
    place, clock = load_zone(zone), wall_clock(cron)
    for change in changes(place, after.astimezone(UTC), after.astimezone(UTC) + _HORIZON):
        if change.before < change.after:
            found = _in_gap(cron, clock, change)
        else:
            found = _in_fold(cron, clock, change, place, rule)
        if found is not None:
            return Difference(found.time.astimezone(place), found.is_ours)
    return None


def _in_gap(cron: Cron, clock: WallClock, change: Change) -> Difference | None:
    """Chronos makes up for a fixed schedule's times at the end of the gap."""
    named = clock.since(change.before)
    if not cron.is_fixed or named is None or named >= change.after:
        return None
    if clock.since(change.after) == change.after:
        return None  # there is a time of its own
    return Difference(change.instant, is_ours=True)


def _in_fold(
    cron: Cron, clock: WallClock, change: Change, place: tzinfo, rule: ClockRule
) -> Difference | None:
    """Chronos fires a fixed schedule in the first pass, a wildcard in both."""
    named = clock.since(change.after)
    if named is None or named >= change.before:
        return None
    ours, theirs = not cron.is_fixed, rule is ClockRule.TWICE
    return None if ours == theirs else Difference(second_instant(named, place), is_ours=ours)
