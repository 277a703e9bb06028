"""Numbers of a clock: `@every` as times of the day, and lists of them as ranges."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TypeVar

from msgspec import Struct

from chronos_cli.export.model import CannotSayError

K = TypeVar("K")

_DAY = 86_400
# More lines than this are no form that people would read.
_MOST = 12


class Times(Struct, frozen=True):
    """Every combination of these, on a clock in UTC."""

    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]


def times_of_day(interval: float) -> list[Times]:
    """Return the times at which an interval of seconds fires each day, in UTC.

    Intervals count from 1970-01-01T00:00Z. Raises CannotSayError when the days differ, or when
    the times cannot be said in few lines.
    """
    if interval != int(interval) or _DAY % int(interval):
        raise CannotSayError(
            "its times differ from day to day: the interval does not divide 24 hours"
        )
    times = [(at // 3600, at // 60 % 60, at % 60) for at in range(0, _DAY, int(interval))]
    by_hours = _gathered(((m, s), h) for h, m, s in times)
    by_minutes = _gathered(((hours, s), m) for (m, s), hours in by_hours.items())
    by_seconds = _gathered(((hours, minutes), s) for (hours, s), minutes in by_minutes.items())
    if len(by_seconds) > _MOST:
        raise CannotSayError(f"it takes {len(by_seconds)} expressions to say its times")
    return [Times(hours, minutes, seconds) for (hours, minutes), seconds in by_seconds.items()]


def runs(values: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield ascending numbers as ranges, both ends included; two neighbours are no range."""
    found: list[list[int]] = []
    for value in values:
        if found and value == found[-1][-1] + 1:
            found[-1].append(value)
        else:
            found.append([value])
    for run in found:
        if len(run) == 2:
            yield from ((value, value) for value in run)
        else:
            yield run[0], run[-1]


def _gathered(pairs: Iterable[tuple[K, int]]) -> dict[K, tuple[int, ...]]:
    found: defaultdict[K, list[int]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return {key: tuple(values) for key, values in found.items()}
