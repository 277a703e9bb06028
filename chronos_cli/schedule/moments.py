"""Dates and times as people write them in a job file: `2027-01-04`, `2027-01-04T09:00`."""

import re
from datetime import date, datetime
from typing import TypeVar

# What zones know reliably, and a distance to the calendar's ends.
_FIRST_YEAR, _LAST_YEAR = 1900, 9000
_DAY = r"\d{4}-\d\d-\d\d"
_CLOCK = r"\d\d:\d\d(?::\d\d)?"
_OFFSET = r"Z|[+-]\d\d:\d\d"

_Time = TypeVar("_Time", date, datetime)


def parse_moment(text: str) -> datetime:
    """Return the time that a text names; naive without an offset.

    Raises ValueError, with a message for the user.
    """
    if not re.fullmatch(rf"{_DAY}[T ]{_CLOCK}(?:{_OFFSET})?", text, re.ASCII):
        raise ValueError(f"'{text[:40]}' is not a time such as 2027-01-04T09:00")
    return _within_years(_read(datetime, text), text)


def parse_day(text: str) -> date:
    """Return the day that a text names; ValueError, with a message for the user."""
    if not re.fullmatch(_DAY, text, re.ASCII):
        raise ValueError(f"'{text[:40]}' is not a date such as 2027-01-04")
    return _within_years(_read(date, text), text)


def is_day(text: str) -> bool:
    """Whether a text has the form of a date without a time."""
    return re.fullmatch(_DAY, text, re.ASCII) is not None


def _read(kind: type[_Time], text: str) -> _Time:
    try:
        return kind.fromisoformat(text)
    except ValueError:
        raise ValueError(f"there is no such time as '{text[:40]}'") from None


def _within_years(moment: _Time, text: str) -> _Time:
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"'{text[:40]}' is not between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return moment
