"""What a change of the clock does to fire times, in words."""

from datetime import UTC, datetime, timedelta, tzinfo

from chronos_cli.schedule.calendar import Calendar
from chronos_cli.schedule.expression import Cron, Once, parse_schedule
from chronos_cli.schedule.passage import Change, fold_at, gap_at, gap_ending, reading
from chronos_cli.schedule.timetable import next_fire, wall_clock
from chronos_cli.schedule.wallclock import WallClock
from chronos_cli.schedule.zones import load_zone

_MOST_NAMED = 3
_FIRST_ONLY = "fires the first time only"


def calendar_note(calendar: Calendar, previous: datetime, fire: datetime) -> str | None:
    """Say what `shift_note` does, of the schedules whose tick this is."""
    for schedule in calendar.schedules:
        try:
            is_one_of_it = next_fire(schedule, calendar.zone, previous) == fire
        except OverflowError:
            continue
        if is_one_of_it and (note := shift_note(schedule, calendar.zone, previous, fire)):
            return note
    return None


def shift_note(schedule: str, zone: str, previous: datetime, fire: datetime) -> str | None:
    """Say what the clock's being put did to a fire time, or to those due since `previous`.

    Returns None when it did nothing. `fire` must be the first fire time after `previous`.
    """
    cron = parse_schedule(schedule)
    place = load_zone(zone)
    if isinstance(cron, Once):
        return _note_of_once(cron.moment, place)
    if not isinstance(cron, Cron):
        return None  # intervals do not look at the clock
    clock = wall_clock(cron)
    instant = fire.astimezone(UTC)
    now = reading(instant, place)
    if cron.is_fixed:
        gap = gap_ending(instant, place)
        if gap and (moved := _within(gap, clock.since(gap.before), clock)):
            return f"{_missing(moved, gap)}; fires at {_written(gap.after, gap)}"
    else:
        since = reading(previous.astimezone(UTC).replace(microsecond=0), place)
        missed = clock.after(since)
        if missed and missed < now and (gap := gap_at(missed, place)):
            return f"{_missing(_within(gap, missed, clock), gap)}; does not fire then"
    if fold := fold_at(now, place):
        which = "second" if now.fold else "first"
        return _twice(now, fold, _FIRST_ONLY if cron.is_fixed else f"this is the {which} time")
    return None


def _note_of_once(moment: datetime, zone: tzinfo) -> str | None:
    if moment.tzinfo is not None:
        return None
    if gap := gap_at(moment, zone):
        return f"{_missing([moment], gap)}; fires at {_written(gap.after, gap)}"
    fold = fold_at(moment, zone)
    return _twice(moment, fold, _FIRST_ONLY) if fold else None


def _twice(now: datetime, fold: Change, effect: str) -> str:
    return f"{_written(now, fold)} comes twice ({_put(fold)}); {effect}"


def _within(gap: Change, first: datetime | None, clock: WallClock) -> list[datetime]:
    """Return the matches in a gap, from `first` on: one more than are named, at most."""
    found: list[datetime] = []
    while first and first < gap.after and len(found) <= _MOST_NAMED:
        found.append(first)
        first = clock.after(first)
    return found


def _missing(times: list[datetime], gap: Change) -> str:
    words = [_written(time, gap) for time in times[:_MOST_NAMED]]
    if len(times) > _MOST_NAMED:
        words.append("more")
    listed = " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
    return f"{listed} {'do' if len(times) > 1 else 'does'} not exist ({_put(gap)})"


def _put(change: Change) -> str:
    back = " back" if change.after < change.before else ""
    return (
        f"the clock goes{back} from {_written(change.before, change)} "
        f"to {_written(change.after, change)}"
    )


def _written(time: datetime, change: Change) -> str:
    """Write a reading; its date is needed where the change leads from one day into another."""
    clock = f"{time:%H:%M:%S}" if time.second else f"{time:%H:%M}"
    last = change.before - timedelta(seconds=1)
    return clock if last.date() == change.after.date() else f"{time:%Y-%m-%d} {clock}"
