"""The nodes of a document, each with its place; and what a scalar's text stands for.

Plain scalars are read by the core schema of YAML 1.2: `on` and `NO` are text, `12:30` is text.
There are many nodes, so they are small: a place is kept as numbers, and made when it is asked for.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from chronos_cli.problems import Position

# A larger one would be no number for whoever receives it, and takes long to convert.
_LONGEST_INTEGER = 1000
_INTEGER = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
_FLOAT = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
_NOT_JSON = r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
_DATE = r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt \t]+(\d{1,2}):(\d\d):(\d\d).*)?"
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_CONSTANTS = dict.fromkeys(_NULLS) | {
    text: text[0] in "tT" for text in ("true", "True", "TRUE", "false", "False", "FALSE")
}


class Scalar(Struct, eq=False, gc=False):
    """A text in the document. `plain` is unquoted, so it may be a number, boolean or null.

    `block` is of several lines, after `|` or `>`. `interpolated` is set when `${…}` was replaced
    in it, `template` when it holds `{{ … }}`, `unknown` when it depends on a variable that is
    not at hand. `bare` is the name in a `$NAME` without braces, which stays as it is. `line` and
    `column` count from 1.
    """

    file: str
    line: int
    column: int
    text: str
    plain: bool
    block: bool = False
    interpolated: bool = False
    template: bool = False
    unknown: bool = False
    bare: str = ""

    @property
    def position(self) -> Position:
        """Its place."""
        return Position(self.file, self.line, self.column)


class Sequence(Struct, eq=False):
    """A YAML list."""

    file: str
    line: int
    column: int
    items: list["Node"] = []
    shared: bool = False

    @property
    def position(self) -> Position:
        """Its place."""
        return Position(self.file, self.line, self.column)


class Entry(Struct, eq=False):
    """One `key: value` of a mapping; `line` and `column` are those of the key, `text`."""

    text: str
    line: int
    column: int
    value: "Node"

    @property
    def key(self) -> Scalar:
        """The key as a node."""
        return Scalar(self.value.file, self.line, self.column, self.text, plain=False)


class Mapping(Struct, eq=False):
    """A YAML mapping, by key text, in the order of the file.

    `shared` is set on those (and on lists) that several jobs inherit.
    """

    file: str
    line: int
    column: int
    entries: dict[str, Entry] = {}
    shared: bool = False

    @property
    def position(self) -> Position:
        """Its place."""
        return Position(self.file, self.line, self.column)


Node = Scalar | Sequence | Mapping


def scalars(node: Node) -> Iterator[Scalar]:
    """Yield the scalars of a node and of all below it; keys are none."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Scalar):
            yield one
        elif isinstance(one, Sequence):
            waiting += one.items
        else:
            waiting += [entry.value for entry in one.entries.values()]


def is_null(node: Node) -> bool:
    """Whether a node is YAML's null, as written in the file."""
    return isinstance(node, Scalar) and node.plain and node.text in _NULLS and not node.interpolated


def position_in(node: Scalar, offset: int) -> Position:
    """Return where in the file an offset of a scalar's text stands, as near as YAML lets us."""
    if node.block:
        line = node.line + 1 + node.text.count("\n", 0, offset)
        return Position(node.file, line, 1)
    return Position(node.file, node.line, node.column + offset + (0 if node.plain else 1))


def plain_value(node: Scalar) -> Any:
    """Return the value of a scalar where any YAML is allowed; ValueError if it has none in JSON."""
    text = node.text
    if not node.plain or node.interpolated or node.template:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0].isalpha():
        return text
    if re.fullmatch(_INTEGER, text):
        return parse_integer(text)
    if re.fullmatch(_FLOAT, text):
        number = float(text)
        if math.isinf(number):
            raise ValueError(f"'{text[:40]}' is out of the range of a number")
        return number
    if re.fullmatch(_NOT_JSON, text):
        raise ValueError(f"'{text}' has no JSON form")
    if (date := re.fullmatch(_DATE, text)) and not _is_date(date):
        raise ValueError(f"'{text[:40]}' looks like a date, but there is no such date")
    return text


def parse_integer(text: str) -> int:
    """Return the integer that a plain scalar spells; ValueError with a message for the user."""
    if len(text) > _LONGEST_INTEGER:
        raise ValueError(f"a number of {len(text)} digits is too long")
    if not re.fullmatch(_INTEGER, text):
        raise ValueError(f"'{text[:40]}' is not a whole number")
    if text[:2] in {"0o", "0x"}:
        return int(text, 0)
    return int(text)


def _is_date(match: re.Match[str]) -> bool:
    month, day = int(match[2]), int(match[3])
    hour, minute, second = (int(match[n] or 0) for n in (4, 5, 6))
    leap = int(match[1]) % 4 == 0 and (int(match[1]) % 100 != 0 or int(match[1]) % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    in_calendar = 1 <= month <= 12 and 1 <= day <= days[month - 1]
    return in_calendar and hour < 24 and minute < 60 and second <= 60
