"""A second opinion on fire times: it walks the clock and knows nothing of the program.

It follows the design's words. A wildcard schedule fires in every minute in which the wall clock
reads a match. A fixed one fires in the minute in which the clock reaches a match for the first
time, be it by jumping over it.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

NAMES = {
    name: str(number)
    for names, base in (
        ("jan feb mar apr may jun jul aug sep oct nov dec", 1),
        ("sun mon tue wed thu fri sat", 0),
    )
    for number, name in enumerate(names.split(), base)
}


@cache
def values(word: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for item in word.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        first, last = NAMES.get(first, first), NAMES.get(last, last)
        if first in {"*", "?"}:
            begin, end = low, high
        else:
            begin = int(first)
            end = int(last) if last else high if step else begin
        found |= set(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


@cache
def day_matches(day_word: str, month_word: str, weekday_word: str, day: date) -> bool:
    if day.month not in values(month_word, 1, 12):
        return False
    tomorrow = day + timedelta(days=1)
    by_day = any(
        tomorrow.month != day.month if item == "l" else day.day in values(item, 1, 31)
        for item in day_word.split(",")
    )
    by_weekday = any(weekday_matches(item, day) for item in weekday_word.split(","))
    if day_word[0] in "*?" or weekday_word[0] in "*?":
        return by_day and by_weekday
    return by_day or by_weekday


def weekday_matches(item: str, day: date) -> bool:
    if "#" in item:
        weekday, number = item.split("#")
        earlier = [day - timedelta(weeks=n) for n in range(1, 6)]
        seen = sum(one.month == day.month for one in earlier)
        return weekday_matches(weekday, day) and seen + 1 == int(number)
    if item[0] == "l":
        return weekday_matches(item[1:], day) and (day + timedelta(weeks=1)).month != day.month
    return day.isoweekday() % 7 in {value % 7 for value in values(item, 0, 6)}


def matcher(words: list[str]) -> Callable[[datetime], bool]:
    second, minute, hour, *days = words
    seconds, minutes, hours = values(second, 0, 59), values(minute, 0, 59), values(hour, 0, 23)

    def matches(reading: datetime) -> bool:
        return (
            reading.second in seconds
            and reading.minute in minutes
            and reading.hour in hours
            and day_matches(days[0], days[1], days[2], reading.date())
        )

    return matches


@cache
def readings(zone: str, day: date) -> list[tuple[datetime, datetime]]:
    """Every minute of a day in UTC with what the clock reads then."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    instants = [begin + timedelta(minutes=n) for n in range(1440)]
    place = ZoneInfo(zone)
    return [(one, one.astimezone(place).replace(tzinfo=None, fold=0)) for one in instants]


def by_minutes(zone: str, after: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From two days before on: what was reached lately counts as well."""
    day = (after - timedelta(days=2)).date()
    while day <= until.date():
        yield from readings(zone, day)
        day += timedelta(days=1)


def by_seconds(zone: str, after: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From four hours before on: no clock is put back by more, except by whole days."""
    place = ZoneInfo(zone)
    instant = after.replace(microsecond=0) - timedelta(hours=4)
    while instant <= until:
        yield instant, instant.astimezone(place).replace(tzinfo=None, fold=0)
        instant += timedelta(seconds=1)


def walk(expression: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    """All fire times later than `after`, up to `until`, in UTC.

    With five fields by the minute, for whole-minute offsets; with six by the second.
    """
    words = expression.lower().split()
    exact = len(words) == 6
    step = timedelta(seconds=1) if exact else timedelta(minutes=1)
    words = words if exact else ["0", *words]
    fixed = words[1][0] != "*" and words[2][0] != "*"
    matches = matcher(words)
    found: list[datetime] = []
    reached: datetime | None = None
    for instant, reading in (by_seconds if exact else by_minutes)(zone, after, until):
        due = False
        if fixed:
            reached = reached or reading - step
            while reached < reading:
                reached += step
                due = due or matches(reached)
        else:
            due = matches(reading)
        if due and after < instant <= until:
            found.append(instant)
    return found
