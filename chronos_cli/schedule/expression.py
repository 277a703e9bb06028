"""The text of a schedule: what is well formed, and what could never fire."""

import re
from dataclasses import dataclass

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
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAYS = "sun mon tue wed thu fri sat".split()
_LONGEST = 256
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: dict[str, int]


_SECOND = _Field("second", 0, 59, {})
_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of month", 1, 31, {}),
    _Field("month", 1, 12, {name: n for n, name in enumerate(_MONTHS, 1)}),
    _Field("day of week", 0, 7, {name: n for n, name in enumerate(_DAYS)}),
)
_ITEM = re.compile(r"(?P<first>\*|\?|[0-9a-z]+)(?:-(?P<last>[0-9a-z]+))?(?:/(?P<step>[0-9]{1,4}))?")
_NTH_WEEKDAY = re.compile(r"([0-9a-z]+)#([1-5])")
_LAST_WEEKDAY = re.compile(r"l([0-7])")


def check_schedule(text: str) -> str | None:
    """Return what is wrong with a schedule's text, or None."""
    try:
        _check(text)
    except ValueError as error:
        return str(error)
    return None


def _check(text: str) -> None:
    expression = text.strip()
    if len(expression) > _LONGEST:
        raise ValueError(f"the schedule is longer than {_LONGEST} characters")
    if expression.startswith("@every"):
        if parse_duration(expression.removeprefix("@every").strip()) < 1:
            raise ValueError("'@every' needs at least 1s")
        return
    if expression.startswith("@"):
        if expression not in NICKNAMES:
            known = ", ".join([*NICKNAMES, "@every 30s"])
            raise ValueError(f"'{expression[:40]}' is not one of: {known}")
        return
    words = expression.lower().split()
    if len(words) not in {5, 6}:
        raise ValueError(f"a schedule has 5 fields (or 6, with seconds first), found {len(words)}")
    fields = _FIELDS if len(words) == 5 else (_SECOND, *_FIELDS)
    values = [_field(word, field) for word, field in zip(words, fields, strict=True)]
    _check_calendar(words[-3], words[-1], values[-3], values[-2])


def _field(word: str, field: _Field) -> set[int]:
    """Return the plain values of a field; `L` and `#` items add none but are checked."""
    values: set[int] = set()
    for item in word.split(","):
        values |= _item(item, field)
    return values


def _item(item: str, field: _Field) -> set[int]:
    if field.name == "day of month" and item == "l":
        return {28}
    if field.name == "day of week":
        if match := _NTH_WEEKDAY.fullmatch(item):
            return {_number(match[1], field)}
        if match := _LAST_WEEKDAY.fullmatch(item):
            return {int(match[1])}
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError(f"cannot read '{item[:40]}' in the field for {field.name}")
    return _range(match, item, field)


def _range(match: re.Match[str], item: str, field: _Field) -> set[int]:
    step = int(match["step"] or 1)
    if step == 0 or step > field.high:
        raise ValueError(f"step {step} in '{item}' does not fit {field.name}")
    if match["first"] in {"*", "?"}:
        if match["first"] == "?" and (not field.name.startswith("day") or item != "?"):
            raise ValueError(f"'?' cannot stand in the field for {field.name}")
        if match["last"]:
            raise ValueError(f"cannot read '{item}' in the field for {field.name}")
        return set(range(field.low, field.high + 1, step))
    first = _number(match["first"], field)
    if match["last"] is None:
        return {first} if match["step"] is None else set(range(first, field.high + 1, step))
    last = _number(match["last"], field)
    if last < first:
        raise ValueError(f"'{item}' runs backwards; write {first}-{field.high},{field.low}-{last}")
    return set(range(first, last + 1, step))


def _number(text: str, field: _Field) -> int:
    if text in field.names:
        return field.names[text]
    if not text.isdigit() or len(text) > 4:
        raise ValueError(f"'{text[:40]}' is not a {field.name}")
    number = int(text)
    if not field.low <= number <= field.high:
        raise ValueError(f"{number} is not a {field.name} ({field.low} to {field.high})")
    return number


def _check_calendar(day_word: str, weekday_word: str, days: set[int], months: set[int]) -> None:
    """Refuse a day that no listed month has, unless a weekday may stand in for it."""
    by_weekday_too = weekday_word[0] not in "*?" and day_word[0] not in "*?"
    if by_weekday_too:
        return
    if not any(min(days) <= _DAYS_IN_MONTH[month - 1] for month in months):
        raise ValueError("this schedule can never fire: none of its months has such a day")
