"""A schedule in plain words: `at 09:00, Monday to Friday`."""

from collections.abc import Callable, Sequence

from chronos_cli.schedule.calendar import Calendar
from chronos_cli.schedule.expression import (
    LAST,
    Cron,
    Every,
    Field,
    Once,
    Part,
    Reboot,
    parse_schedule,
)
from chronos_cli.schedule.zones import load_zone
from chronos_cli.units import format_duration, parse_duration

_MONTHS = (
    "January February March April May June July August September October November December".split()
)
_WEEKDAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split()
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
# More times of the day than this are described by their rule.
_MOST_TIMES = 6


def describe_calendar(calendar: Calendar) -> str:
    """Say in English when a job fires: all its schedules, and between which times."""
    words = "; and ".join(map(describe, calendar.schedules))
    zone = load_zone(calendar.zone)
    if calendar.starts is not None:
        words += f"; from {calendar.starts.astimezone(zone):%Y-%m-%d %H:%M}"
    if calendar.ends is not None:
        words += f"; until {calendar.ends.astimezone(zone):%Y-%m-%d %H:%M}"
    return words


def describe(schedule: str) -> str:
    """Say in English when a schedule fires; ValueError for one that validation refuses."""
    parsed = parse_schedule(schedule)
    if isinstance(parsed, Every):
        seconds = parsed.interval.total_seconds()
        short = format_duration(seconds)
        exact = f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"
        return f"every {short if parse_duration(short) == seconds else exact}"
    if isinstance(parsed, Once):
        return f"once, at {parsed.moment.isoformat(' ')}"
    if isinstance(parsed, Reboot):
        return "when the loop starts"
    listed = _times(parsed)
    days = _days(parsed)
    if not listed:
        return ", ".join(filter(None, [_clock(parsed), days]))
    if parsed.day.starred and days.startswith("in "):
        return f"{listed} every day {days}"
    return f"{listed}, {days}" if days else f"{listed} every day"


def _times(cron: Cron) -> str:
    """Return the times of the day themselves, when they are few."""
    count = len(cron.second.values) * len(cron.minute.values) * len(cron.hour.values)
    if count > _MOST_TIMES:
        return ""
    with_seconds = cron.second.values != (0,)
    times = [
        f"{hour:02}:{minute:02}" + (f":{second:02}" if with_seconds else "")
        for hour in cron.hour.values
        for minute in cron.minute.values
        for second in cron.second.values
    ]
    return f"at {_joined(times)}"


def _clock(cron: Cron) -> str:
    units = [("second", cron.second, 60), ("minute", cron.minute, 60), ("hour", cron.hour, 24)]
    if cron.second.values == (0,):
        units = units[1:]
    name, field, size = units[0]
    is_list = False
    if len(field.values) == size:
        text = f"every {name}"
    elif step := _step(field):
        text = f"every {step} {name}s{_uneven(step, size, name)}"
    else:
        text, is_list = f"at {_named(name, field)}", True
    for name, field, size in units[1:]:
        if len(field.values) == size:
            text += f" of every {name}" if is_list else ""
            is_list = False
        elif step := _step(field):
            text += f" in every {_ordinal(step)} {name}{_uneven(step, size, name)}"
            is_list = False
        else:
            text, is_list = f"{text} in {_named(name, field)}", True
    return text


def _step(field: Field) -> int:
    """Return n of a field that is `*/n` and nothing else, or 0; also 0 when one value is left."""
    is_step = len(field.parts) == 1 and field.parts[0].star and len(field.values) > 1
    return field.parts[0].step if is_step else 0


def _uneven(step: int, size: int, name: str) -> str:
    """Say that a step which does not divide its range starts afresh."""
    return f" (from {name} 0 each time)" if size % step else ""


def _named(name: str, field: Field) -> str:
    return f"{name}{'s' if len(field.values) > 1 else ''} {_listed(field, str)}"


def _days(cron: Cron) -> str:
    by_day = _days_of_month(cron)
    by_weekday = _days_of_week(cron)
    if by_day and by_weekday:
        between = " or on " if cron.either_day else ", if that is "
        days = f"on {by_day}{between}{by_weekday}"
    elif by_day:
        days = f"on {by_day}"
    else:
        days = by_weekday
    if len(cron.month.values) == 12:
        return days
    months = f"in {_listed(cron.month, lambda number: _MONTHS[number - 1])}"
    if by_day and by_weekday:
        return f"{days}, {months}"
    return f"{days} {months}" if days else months


def _days_of_month(cron: Cron) -> str:
    if len(cron.day.values) == 31:
        return ""
    if step := _step(cron.day):
        return f"every {_ordinal(step)} day of the month, from the 1st"
    words = []
    if cron.day.values:
        words.append(_named("day", cron.day))
    if cron.last_day:
        words.append("the last day")
    return f"{_joined(words)} of the month"


def _days_of_week(cron: Cron) -> str:
    if len(cron.weekday.values) == 7:
        return ""
    words = [_listed(cron.weekday, lambda n: _WEEKDAYS[n % 7])] if cron.weekday.values else []
    for weekday, number in cron.nth_weekdays:
        which = "last" if number == LAST else _ordinal(number)
        words.append(f"the {which} {_WEEKDAYS[weekday]} of the month")
    return _joined(words)


def _listed(field: Field, name: Callable[[int], str]) -> str:
    return _joined([word for part in field.parts for word in _part(part, name)])


def _part(part: Part, name: Callable[[int], str]) -> list[str]:
    values = part.values
    if part.step == 1 and len(values) > 2:
        return [f"{name(values[0])} to {name(values[-1])}"]
    return [name(value) for value in values]


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else _ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"


def _joined(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
