"""The text of a schedule: what it says, what is malformed, and what could never fire."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NoReturn

from msgspec import Struct, structs

from chronos_cli.units import parse_duration

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# What others take, and what says the same here.
_INSTEAD = {
    "@minutely": "'* * * * *'",
    "@every_minute": "'* * * * *'",
    "@secondly": "'* * * * * *'",
    "@every_second": "'* * * * * *'",
    "@quarterly": "'0 0 1 */3 *'",
    "@weekdays": "'0 0 * * 1-5'",
    "@weekends": "'0 0 * * 0,6'",
}
# As the number of a weekday in its month: the last one.
LAST = -1
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAYS = "sun mon tue wed thu fri sat".split()
_LONGEST = 256
_DAYS_IN_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Part(Struct, frozen=True):
    """`first-last/step` in a field, both ends included; `*` is the field's whole range."""

    first: int
    last: int
    step: int = 1
    star: bool = False

    @property
    def values(self) -> range:
        """Every value it stands for."""
        return range(self.first, self.last + 1, self.step)


class Field(Struct, frozen=True):
    """A field's plain parts, as written and as sorted values. Sunday is 0 among the values.

    `starred`: its text begins with `*` (or is `?`), which for cron is no restriction.
    """

    parts: tuple[Part, ...]
    values: tuple[int, ...]
    starred: bool


class Cron(Struct, frozen=True):
    """A cron expression, read. Without a field for seconds, `has_seconds` is false.

    `last_day` is `L` among the days. `nth_weekdays` are `5#2` and `L5`, as (weekday, number),
    with LAST as number; these come beside the weekday field's plain values.
    """

    second: Field
    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field
    has_seconds: bool
    last_day: bool
    nth_weekdays: tuple[tuple[int, int], ...]

    @property
    def is_fixed(self) -> bool:
        """Whether it names times of the day, instead of following the wall clock."""
        return not (self.minute.starred or self.hour.starred)

    @property
    def either_day(self) -> bool:
        """Whether a day of the month or of the week is enough: both are restricted."""
        return not (self.day.starred or self.weekday.starred)

    def can_fire(self) -> bool:
        """Whether any month of any year has such a day."""
        return any(
            self._has_day(day, weekday, length)
            for month in self.month.values
            for length in ((28, 29) if month == 2 else (_DAYS_IN_MONTH[month - 1],))
            for day in range(1, length + 1)
            for weekday in range(7)
        )

    def _has_day(self, day: int, weekday: int, length: int) -> bool:
        by_day = day in self.day.values or (self.last_day and day == length)
        by_weekday = (
            weekday in self.weekday.values
            or (weekday, (day + 6) // 7) in self.nth_weekdays
            or ((weekday, LAST) in self.nth_weekdays and day + 7 > length)
        )
        return (by_day or by_weekday) if self.either_day else (by_day and by_weekday)


class Every(Struct, frozen=True):
    """`@every`: a fixed interval, of at least a second."""

    interval: timedelta


class Once(Struct, frozen=True):
    """`@at`: one moment; a naive one is read on the job's own clock."""

    moment: datetime


class Reboot(Struct, frozen=True):
    """`@reboot`: no time of the calendar, but each start of the loop."""


Schedule = Cron | Every | Once | Reboot


class _Kind(Struct, frozen=True):
    """What may stand in a field. `last` ends `*` and `n/step`, `high` is the highest number."""

    name: str
    low: int
    high: int
    last: int
    names: dict[str, int]


_SECOND = _Kind("second", 0, 59, 59, {})
_MINUTE = _Kind("minute", 0, 59, 59, {})
_HOUR = _Kind("hour", 0, 23, 23, {})
_DAY = _Kind("day of month", 1, 31, 31, {})
_MONTH = _Kind("month", 1, 12, 12, {name: n for n, name in enumerate(_MONTHS, 1)})
_WEEKDAY = _Kind("day of week", 0, 7, 6, {name: n for n, name in enumerate(_DAYS)})
_KINDS = (_SECOND, _MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY)

_ITEM = r"(?P<first>\*|\?|[0-9a-z]+)(?:-(?P<last>[0-9a-z]+))?(?:/(?P<step>[0-9]{1,4}))?"
_NTH_WEEKDAY = r"([0-9a-z]+)#([1-5])"
# Steps that no week has: the seconds, where people put them at the end.
_SECONDS_LAST = r"[*0]/([89]|[1-9][0-9])"
_LAST_WEEKDAY = r"l([0-7])"


def check_schedule(text: str) -> str | None:
    """Return what is wrong with a schedule's text, or None."""
    try:
        parse_schedule(text)
    except ValueError as error:
        return str(error)
    return None


@lru_cache(maxsize=1024)
def parse_schedule(text: str) -> Schedule:
    """Return what a schedule says; ValueError, with a message for the user, when it says nothing.

    A schedule that could never fire is refused too.
    """
    expression = text.strip()
    if len(expression) > _LONGEST:
        raise ValueError(f"the schedule is longer than {_LONGEST} characters")
    if expression.startswith("@"):
        if expression not in NICKNAMES:
            return _special(expression)
        expression = NICKNAMES[expression]
    if zone := re.match(r"(?:CRON_)?TZ=(\S*)\s*(.*)", expression):
        instead = f"'schedule: {zone[2][:60]}' and 'timezone: {zone[1][:60]}'"
        raise ValueError(f"a schedule names no time zone; write {instead}")
    cron = _cron(expression.lower().split())
    if not cron.can_fire():
        raise ValueError("this schedule can never fire: none of its months has such a day")
    return cron


def _special(expression: str) -> Every | Once | Reboot:
    """Return what begins with `@` and stands for no cron expression."""
    name, _, rest = expression.partition(" ")
    if expression.startswith("@every"):
        interval = timedelta(seconds=parse_duration(expression.removeprefix("@every").strip()))
        if interval < timedelta(seconds=1):
            raise ValueError("'@every' needs at least 1s")
        return Every(interval)
    if name == "@at":
        from chronos_cli.schedule.moments import parse_moment  # only where there is one

        return Once(parse_moment(rest.strip()))
    if expression != "@reboot":
        _unknown_nickname(expression)
    return Reboot()


def _unknown_nickname(expression: str) -> NoReturn:
    shown = f"'{expression[:40]}'"
    if instead := _INSTEAD.get(expression.lower()):
        raise ValueError(f"{shown} is not supported; write {instead}")
    known = ", ".join([*NICKNAMES, "@every 30s", "@at 2027-01-04T09:00", "@reboot"])
    raise ValueError(f"{shown} is not one of: {known}")


def _cron(words: list[str]) -> Cron:
    if len(words) not in {5, 6}:
        raise ValueError(f"a schedule has 5 fields (or 6, with seconds first), found {len(words)}")
    has_seconds = len(words) == 6
    if not has_seconds:
        words = ["0", *words]
    elif re.fullmatch(_SECONDS_LAST, words[-1]):
        raise ValueError(f"'{words[-1]}' is no day of week: in six fields the seconds stand first")
    *head, day, month, weekday = words
    days, last_day = _days(day)
    weekdays, nth_weekdays = _weekdays(weekday)
    second, minute, hour = (
        _field(word, word.split(","), kind) for word, kind in zip(head, _KINDS, strict=False)
    )
    months = _field(month, month.split(","), _MONTH)
    return Cron(second, minute, hour, days, months, weekdays, has_seconds, last_day, nth_weekdays)


def _days(word: str) -> tuple[Field, bool]:
    items = word.split(",")
    for item in items:
        if re.fullmatch(r"l?w|[0-9]{1,2}w", item):
            near = "'L' is the last day of the month, and 'L5' as day of week its last Friday"
            raise ValueError(
                f"'{item.upper()}' is not supported: working days are not known; {near}"
            )
    plain = [item for item in items if item != "l"]
    if offset := next((item for item in plain if item.startswith("l")), None):
        raise ValueError(f"'{offset}' is not supported: 'L' stands alone, for the last day")
    return _field(word, plain, _DAY), len(plain) < len(items)


def _weekdays(word: str) -> tuple[Field, tuple[tuple[int, int], ...]]:
    plain: list[str] = []
    special: set[tuple[int, int]] = set()
    for item in word.split(","):
        if match := re.fullmatch(_NTH_WEEKDAY, item):
            special.add((_number(match[1], _WEEKDAY) % 7, int(match[2])))
        elif match := re.fullmatch(_LAST_WEEKDAY, item):
            special.add((int(match[1]) % 7, LAST))
        elif re.fullmatch(r"[0-9a-z]{1,3}l", item) and item != "l":
            day = _number(item[:-1], _WEEKDAY) % 7
            raise ValueError(
                f"'{item.upper()}' is not supported; write L{day} for the last in the month"
            )
        else:
            plain.append(item)
    field = _field(word, plain, _WEEKDAY)
    sunday_is_zero = tuple(sorted({value % 7 for value in field.values}))
    return structs.replace(field, values=sunday_is_zero), tuple(sorted(special))


def _field(word: str, items: Iterable[str], kind: _Kind) -> Field:
    parts = tuple(_part(item, kind) for item in items)
    values = {value for part in parts for value in part.values}
    return Field(parts, tuple(sorted(values)), word[0] in "*?")


def _part(item: str, kind: _Kind) -> Part:
    if item.startswith("h"):
        raise ValueError("'H' is not supported; write a number, and 'jitter' spreads the starts")
    match = re.fullmatch(_ITEM, item)
    if match is None:
        _unreadable(item, kind)
    step = int(match["step"] or 1)
    if step == 0:  # a larger one than the range is fine, as in ISC cron: its first value is left
        raise ValueError(f"step {step} in '{item}' does not fit {kind.name}")
    if match["first"] in {"*", "?"}:
        if match["first"] == "?" and (not kind.name.startswith("day") or item != "?"):
            raise ValueError(f"'?' cannot stand in the field for {kind.name}")
        if match["last"]:
            _unreadable(item, kind)
        return Part(kind.low, kind.last, step, star=True)
    first = _number(match["first"], kind)
    if match["last"] is None:
        return Part(first, first if match["step"] is None else max(first, kind.last), step)
    last = _number(match["last"], kind)
    if kind is _WEEKDAY and last == 0 < first:
        last = 7  # sat-sun
    if last < first:
        raise ValueError(f"'{item}' runs backwards; write {first}-{kind.high},{kind.low}-{last}")
    return Part(first, last, step)


def _unreadable(item: str, kind: _Kind) -> NoReturn:
    raise ValueError(f"cannot read '{item[:40]}' in the field for {kind.name}")


def _number(text: str, kind: _Kind) -> int:
    if text in kind.names:
        return kind.names[text]
    if not text.isdigit() or len(text) > 4:
        raise ValueError(f"'{text[:40]}' is not a {kind.name}")
    number = int(text)
    if not kind.low <= number <= kind.high:
        article = "an" if kind is _HOUR else "a"
        raise ValueError(f"{number} is not {article} {kind.name} ({kind.low} to {kind.high})")
    return number
