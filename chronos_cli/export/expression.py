"""A schedule as cron expressions of five fields, which say it by numbers alone."""

from enum import Enum

from msgspec import Struct

from chronos_cli.export.interval import runs, times_of_day
from chronos_cli.export.model import CannotSayError
from chronos_cli.schedule.expression import Cron, Every, Field, Once, Part, Reboot, parse_schedule

_HOURS_IN_DAY = 24
_MINUTES_IN_HOUR = 60
# The days of an interval count from 1970-01-01, a Thursday.
_WEEK, _THURSDAY = 7, 4
_SECONDS_IN_DAY = 86_400


class DayRule(Enum):
    """Who reads an expression, and how days of month and of week when one of them is `*/n`.

    DEBIAN, a crontab: what begins with `*` is no restriction, so both must match. VALUES,
    Kubernetes: it is one, so either is enough.
    """

    DEBIAN = 1
    VALUES = 2


class Expression(Struct, frozen=True):
    """A cron expression, with the zone in which it says what the job's schedule says."""

    text: str
    zone: str


def expressions(schedule: str, zone: str, rule: DayRule) -> list[Expression]:
    """Return the expressions that together say a schedule; CannotSayError when there are none."""
    parsed = parse_schedule(schedule)
    if isinstance(parsed, Cron):
        return [Expression(_cron(parsed, rule), zone)]
    if isinstance(parsed, Every):
        seconds = parsed.interval.total_seconds()
        return [Expression(text, "UTC") for text in _interval(seconds)]
    if isinstance(parsed, Reboot) and rule is DayRule.DEBIAN:
        return [Expression("@reboot", zone)]
    if isinstance(parsed, Once):
        raise CannotSayError("it is for one time, and a cron expression has no year")
    raise CannotSayError(f"'{schedule}' has no form there")


def _interval(seconds: float) -> list[str]:
    if seconds == _WEEK * _SECONDS_IN_DAY:
        return [f"0 0 * * {_THURSDAY}"]
    products = times_of_day(seconds)
    if any(one.seconds != (0,) for one in products):
        raise CannotSayError("its times are not whole minutes")
    return [
        f"{_all(one.minutes, _MINUTES_IN_HOUR)} {_all(one.hours, _HOURS_IN_DAY)} * * *"
        for one in products
    ]


def _all(values: tuple[int, ...], size: int) -> str:
    if len(values) == 1:
        return str(values[0])
    step = values[1] - values[0]
    if values == tuple(range(0, size, step)):
        return "*" if step == 1 else f"*/{step}"
    return ",".join(map(str, values))


def _cron(cron: Cron, rule: DayRule) -> str:
    if cron.second.values != (0,):
        raise CannotSayError("it has seconds, and the finest unit there is the minute")
    if cron.last_day or cron.nth_weekdays:
        raise CannotSayError("'L' and '#' among the days have no form there")
    clock = f"{_field(cron.minute)} {_field(cron.hour)}"
    day, weekday = _days(cron, rule)
    return f"{clock} {day} {_field(cron.month)} {weekday}"


def _days(cron: Cron, rule: DayRule) -> tuple[str, str]:
    """Return days of month and of week in texts that every reader takes in the same way."""
    any_day, any_weekday = len(cron.day.values) == 31, len(cron.weekday.values) == 7
    if cron.either_day:
        if any_day or any_weekday:
            return "*", "*"
        return _field(cron.day), _field(cron.weekday, is_weekday=True)
    if any_day:
        return "*", "*" if any_weekday else _plain(cron.weekday)
    if any_weekday:
        return _plain(cron.day), "*"
    if rule is DayRule.VALUES:
        raise CannotSayError(
            "its day of the month and its day of the week must both match, "
            "and there either would be enough"
        )
    return _field(cron.day), _field(cron.weekday, is_weekday=True)


def _plain(field: Field) -> str:
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs(field.values))


def _field(field: Field, *, is_weekday: bool = False) -> str:
    if is_weekday and not field.starred:
        return _plain(field)  # 7 is Sunday for some only
    return ",".join(_part(part) for part in field.parts)


def _part(part: Part) -> str:
    step = f"/{part.step}" if part.step > 1 else ""
    if part.star:
        return f"*{step}"
    if part.first == part.last or len(part.values) == 1:
        return str(part.first)
    return f"{part.first}-{part.last}{step}"
