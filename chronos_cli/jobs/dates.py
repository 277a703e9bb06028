"""`date('%Y-%m-%d')`: the codes of strftime, with one meaning on every machine.

The C library's own depend on the machine: on its locale (`%c`, `%x`, `%X`), on its zone (`%s`),
or on which library it is (`%N`, `%E…`). Names of days and months are English here.
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache

_LONGEST = 100
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTHS = (
    "January February March April May June July August September October November December".split()
)
# Without a width: a date could be padded to gigabytes.
_CODE = r"%(:z|[-_0^#]?.)"


def format_date(moment: datetime, pattern: str) -> str:
    """Return a time as a pattern writes it; ValueError for a pattern that is none."""
    check_pattern(pattern)
    return _codes().sub(lambda match: _written(moment, match[1]), pattern)


def check_pattern(pattern: str) -> None:
    """Raise ValueError, with a message for the user, for a pattern that is none."""
    if len(pattern) > _LONGEST:
        raise ValueError(f"a date pattern has {_LONGEST} characters at most")
    for match in re.finditer(r"%(:z|[-_0^#]?.?)", pattern, re.DOTALL):
        code = match[1][-1:] if match[1] != ":z" else ":z"
        if code in _PLACED:
            raise ValueError(f"'%{code}' of a date depends on the machine; write {_PLACED[code]}")
        if code not in _WRITERS:
            known = " ".join(f"%{one}" for one in _WRITERS)
            raise ValueError(f"'%{match[1]}' is no code of a date; there are {known}")


@cache
def _codes() -> re.Pattern[str]:
    return re.compile(_CODE, re.DOTALL)


def _written(moment: datetime, code: str) -> str:
    flag, letter = (code[0], code[1:]) if len(code) == 2 and code != ":z" else ("", code)
    value, width, filler = _WRITERS[letter](moment)
    text = str(value)
    if flag == "^":
        text = text.upper()
    elif flag == "#":
        text = text.lower() if letter in "pZ" else text.upper()
    filler = {"-": "", "_": " ", "0": "0"}.get(flag, filler)
    return text.rjust(width, filler) if filler else text


# A text or number, the width it is filled to, and with what.
_Written = tuple[str | int, int, str]


def _two(value: int) -> _Written:
    return value, 2, "0"


def _text(value: str) -> _Written:
    return value, 0, ""


def _joined(pattern: str) -> Callable[[datetime], _Written]:
    return lambda moment: _text(format_date(moment, pattern))


def _offset(moment: datetime, colon: str = "") -> str:
    offset = moment.utcoffset()
    if offset is None:
        return ""
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}{colon}{abs(minutes) % 60:02}"


def _week(moment: datetime, first: int) -> int:
    """Return the week of the year, from the first day (0 is Monday) with that number on."""
    return (moment.timetuple().tm_yday + 6 - (moment.weekday() - first) % 7) // 7


_WRITERS: dict[str, Callable[[datetime], _Written]] = {
    "a": lambda t: _text(_DAYS[t.weekday()][:3]),
    "A": lambda t: _text(_DAYS[t.weekday()]),
    "b": lambda t: _text(_MONTHS[t.month - 1][:3]),
    "B": lambda t: _text(_MONTHS[t.month - 1]),
    "C": lambda t: _two(t.year // 100),
    "d": lambda t: _two(t.day),
    "D": _joined("%m/%d/%y"),
    "e": lambda t: (t.day, 2, " "),
    "f": lambda t: (t.microsecond, 6, "0"),
    "F": _joined("%Y-%m-%d"),
    "g": lambda t: _two(t.isocalendar().year % 100),
    "G": lambda t: (t.isocalendar().year, 4, "0"),
    "h": lambda t: _text(_MONTHS[t.month - 1][:3]),
    "H": lambda t: _two(t.hour),
    "I": lambda t: _two(t.hour % 12 or 12),
    "j": lambda t: (t.timetuple().tm_yday, 3, "0"),
    "k": lambda t: (t.hour, 2, " "),
    "l": lambda t: (t.hour % 12 or 12, 2, " "),
    "m": lambda t: _two(t.month),
    "M": lambda t: _two(t.minute),
    "n": lambda _: _text("\n"),
    "p": lambda t: _text("AM" if t.hour < 12 else "PM"),
    "P": lambda t: _text("am" if t.hour < 12 else "pm"),
    "R": _joined("%H:%M"),
    "s": lambda t: (int(t.timestamp() // 1), 0, ""),
    "S": lambda t: _two(t.second),
    "t": lambda _: _text("\t"),
    "T": _joined("%H:%M:%S"),
    "u": lambda t: (t.isoweekday(), 0, ""),
    "U": lambda t: _two(_week(t, 6)),
    "V": lambda t: _two(t.isocalendar().week),
    "w": lambda t: (t.isoweekday() % 7, 0, ""),
    "W": lambda t: _two(_week(t, 0)),
    "y": lambda t: _two(t.year % 100),
    "Y": lambda t: (t.year, 4, "0"),
    "z": lambda t: _text(_offset(t)),
    ":z": lambda t: _text(_offset(t, ":")),
    "Z": lambda t: _text(t.tzname() or ""),
    "%": lambda _: _text("%"),
}
# What to write in the place of codes that mean what the machine wants them to.
_PLACED = {"c": "%a %b %e %H:%M:%S %Y", "x": "%F", "X": "%T", "r": "%I:%M:%S %p"}
