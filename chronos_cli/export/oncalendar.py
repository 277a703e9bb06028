"""A schedule as `OnCalendar=` of a systemd timer (systemd.time(7))."""

from collections.abc import Iterator, Sequence

from chronos_cli.export.interval import runs, times_of_day
from chronos_cli.export.model import CannotSayError
from chronos_cli.schedule.expression import LAST, Cron, Every, Field, Once, Part, parse_schedule
from chronos_cli.schedule.timetable import instant_of
from chronos_cli.schedule.zones import load_zone

# Its week ends with Sunday, so that a range may end there.
_WEEKDAYS = "Sun Mon Tue Wed Thu Fri Sat Sun".split()
_DAYS_IN_WEEK = 7
_SECONDS_IN_WEEK = 604_800


def calendars(schedule: str, zone: str) -> list[str]:
    """Return the values of OnCalendar that together say a schedule.

    Raises CannotSayError for an interval whose times differ from day to day, and for `@reboot`.
    """
    parsed = parse_schedule(schedule)
    if isinstance(parsed, Cron):
        return [f"{one} {zone}" for one in _of_cron(parsed)]
    if isinstance(parsed, Every):
        return [f"{one} UTC" for one in _of_interval(parsed.interval.total_seconds())]
    if isinstance(parsed, Once):
        return [f"{instant_of(parsed.moment, load_zone(zone)):%Y-%m-%d %H:%M:%S} UTC"]
    raise CannotSayError(f"'{schedule}' has no form there")


def _of_interval(seconds: float) -> list[str]:
    if seconds == _SECONDS_IN_WEEK:
        return ["Thu *-*-* 00:00:00"]  # 1970-01-01, from which it counts, was one
    return [
        f"*-*-* {_numbers(one.hours, 24)}:{_numbers(one.minutes, 60)}:{_numbers(one.seconds, 60)}"
        for one in times_of_day(seconds)
    ]


def _numbers(values: Sequence[int], size: int) -> str:
    if len(values) == size:
        return "*"
    if len(values) > 2:
        step = values[1] - values[0]
        if tuple(values) == tuple(range(values[0], size, step)):
            return f"{values[0]:02}/{step}"
    return ",".join(f"{value:02}" for value in values)


def _of_cron(cron: Cron) -> list[str]:
    month = _field(cron.month, 12)
    clock = f"{_field(cron.hour, 24)}:{_field(cron.minute, 60)}:{_field(cron.second, 60)}"
    return [f"{day.replace('MONTH', month)} {clock}" for day in _days(cron)]


def _days(cron: Cron) -> Iterator[str]:
    """Yield one text for each way in which a day can match, with MONTH for the months."""
    days = [] if not cron.day.values else [f"*-MONTH-{_field(cron.day, 31)}"]
    if cron.last_day:
        days.append("*-MONTH~01")
    any_weekday = len(cron.weekday.values) == _DAYS_IN_WEEK
    names = _names(cron.weekday) if cron.weekday.values and not any_weekday else ""
    if cron.either_day:
        yield from days
        if any_weekday:
            yield "*-MONTH-*"
        elif names:
            yield f"{names} *-MONTH-*"
    elif any_weekday:
        yield from days
    elif names:
        yield from (f"{names} {day}" for day in days)
    if cron.nth_weekdays:
        yield from _nth_weekdays(cron)


def _nth_weekdays(cron: Cron) -> Iterator[str]:
    """Yield the n-th weekdays of the month; beside a restricted day of the month they are more."""
    if not cron.either_day and len(cron.day.values) < 31:
        raise CannotSayError("'#' or 'L' of a weekday together with '*/n' days has no form there")
    for weekday, number in cron.nth_weekdays:
        days = "~07/1" if number == LAST else f"-{number * 7 - 6:02}..{min(number * 7, 31):02}"
        yield f"{_WEEKDAYS[weekday]} *-MONTH{days}"


def _names(field: Field) -> str:
    days = sorted(value or 7 for value in field.values)
    names = ((_WEEKDAYS[first], _WEEKDAYS[last]) for first, last in runs(days))
    return ",".join(first if first == last else f"{first}..{last}" for first, last in names)


def _field(field: Field, size: int) -> str:
    if len(field.values) == size:
        return "*"
    return ",".join(_part(part) for part in field.parts)


def _part(part: Part) -> str:
    values = part.values
    if part.step == 1 and len(values) > 1:
        return f"{values[0]:02}..{values[-1]:02}"
    return ",".join(f"{value:02}" for value in values)
