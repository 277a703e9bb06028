"""The readings of a wall clock that match a cron expression, zones left aside.

croniter walks the calendar here, and only here. It never sees a zone, a day rule, or a text as
the user wrote it: the fields are written out anew, one text for each way in which a day can match.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chronos_cli.schedule.expression import LAST, Cron, Field

if TYPE_CHECKING:
    from croniter import croniter

_SECOND = timedelta(seconds=1)
_START = datetime(1970, 1, 1)  # croniter wants one; every question brings its own


class WallClock:
    """Matching readings in order, as naive times of whole seconds."""

    def __init__(self, cron: Cron) -> None:
        from croniter import croniter  # costs 50 ms that only schedules need pay

        self._walkers: list[croniter] = [
            croniter(text, _START, day_or=False, second_at_beginning=True) for text in _texts(cron)
        ]

    def after(self, reading: datetime) -> datetime | None:
        """Return the first match later than a reading; None when the calendar ends before."""
        found = [self._next(walker, reading.replace(fold=0)) for walker in self._walkers]
        return min(filter(None, found), default=None)

    def since(self, reading: datetime) -> datetime | None:
        """Return the first match at a reading or later; None when the calendar ends before."""
        return self.after(reading - _SECOND)

    def _next(self, walker: "croniter", reading: datetime) -> datetime | None:
        from croniter import CroniterBadDateError

        try:
            found: datetime = walker.get_next(datetime, start_time=reading)
        except CroniterBadDateError:
            # No match in 50 years, and the calendar knows no longer pause: there is none at all.
            self._walkers = [one for one in self._walkers if one is not walker]
            return None
        except (OverflowError, ValueError):
            return None  # past the year 9999
        return found


def _texts(cron: Cron) -> Iterator[str]:
    """Yield six-field texts whose matches together are those of the expression."""
    clock = f"{_written(cron.second, 60)} {_written(cron.minute, 60)} {_written(cron.hour, 24)}"
    month = _written(cron.month, 12)
    days = [_written(cron.day, 31)] if cron.day.values else []
    days += ["l"] if cron.last_day else []
    weekdays = [_written(cron.weekday, 7)] if cron.weekday.values else []
    weekdays += [f"l{day}" if n == LAST else f"{day}#{n}" for day, n in cron.nth_weekdays]
    if cron.either_day:
        pairs = [(day, "*") for day in days] + [("*", weekday) for weekday in weekdays]
    else:
        pairs = [(day, weekday) for day in days for weekday in weekdays]
    for day, weekday in pairs:
        yield f"{clock} {day} {month} {weekday}"


def _written(field: Field, size: int) -> str:
    return "*" if len(field.values) == size else ",".join(map(str, field.values))
