"""The parts of a document in their order, whichever language it is written in."""

from collections.abc import Callable
from enum import IntEnum

from chronos_cli.problems import Position


class Kind(IntEnum):
    """What a part is: a text, the begin of a list or of a mapping, or the end of either."""

    SCALAR = 0
    SEQUENCE = 1
    MAPPING = 2
    END = 3


class Style(IntEnum):
    """How a text is written: without quotes, in quotes, or in lines of its own.

    FAULTY is something else in the place of a text, of which a problem is recorded already.
    """

    PLAIN = 0
    QUOTED = 1
    BLOCK = 2
    FAULTY = 3


# Kind, line, column, text, style.
Event = tuple[Kind, int, int, str, Style]
# Takes the place, message and hint of what is wrong.
Report = Callable[[Position, str, str | None], None]


class StopReadingError(Exception):
    """The rest of the file cannot be read; the problem is already recorded."""
