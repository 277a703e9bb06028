"""Making foreign text safe on every way out, and figures readable."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import json
    import re

# What a far side, a file or its name brings in must not move the cursor, colour the screen,
# reorder or hide a line, or break a document: the control characters of C0 and C1 and DEL; the
# marks that turn the direction of writing; line and paragraph separators; marks and letters that
# cannot be seen; halves of surrogate pairs, as names of files that are not UTF-8 hold them; and
# what Unicode calls no character, which XML forbids.
_CONTROLS = "\x00-\x1f\x7f-\x9f"
_MARKS = "\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
_TAGS = "\U000e0000-\U000e007f"
_NO_CHARACTERS = "\ud800-\udfff\ufdd0-\ufdef" + "".join(
    f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17)
)
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": " "}


# Gives a printable text a style by Rich's name for it, or leaves it as it is.
Paint = Callable[[str, str], str]


def printable(text: str) -> str:
    """Return the text in one line, everything that a terminal would obey made visible.

    What it returns consists of characters that XML allows, too (XML 1.0, 2.2).
    """
    return text if text.isascii() and text.isprintable() else _unsafe().sub(_visible, text)


def printable_lines(text: str) -> str:
    """Return a text of ours with foreign parts: as `printable`, but its lines stay lines."""
    return "\n".join(map(printable, text.split("\n")))


def json_text(data: Any, *, indent: int | None = None) -> str:
    """Return data as JSON (RFC 8259) that is safe to print: the same data when it is read.

    Raises what `json.dumps` does.
    """
    text = _encoder(indent).encode(data)
    return text if text.isascii() and "\x7f" not in text else _unsafe_in_json().sub(_escaped, text)


@cache
def _encoder(indent: int | None) -> "json.JSONEncoder":
    import json  # not needed for tables

    return json.JSONEncoder(ensure_ascii=False, indent=indent)


@cache
def _unsafe() -> "re.Pattern[str]":
    import re

    return re.compile(f"[{_CONTROLS}{_MARKS}{_TAGS}{_NO_CHARACTERS}]")


@cache
def _unsafe_in_json() -> "re.Pattern[str]":
    """Match the same but the line ends between values; JSON has escaped all others of C0."""
    import re

    return re.compile(f"[\x7f-\x9f{_MARKS}{_TAGS}{_NO_CHARACTERS}]")


def _visible(match: "re.Match[str]") -> str:
    letter = match[0]
    if letter in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[letter]
    number = ord(letter)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _escaped(match: "re.Match[str]") -> str:
    """Return the escape that JSON knows, or a pair of them."""
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def unpainted(text: str, style: str) -> str:  # noqa: ARG001 - as every Paint
    """Return a text without its colour: off a terminal."""
    return text


def aligned(
    rows: Sequence[Sequence[str]],
    shown: Callable[[int, int, str], str] = lambda _row, _column, cell: cell,
) -> list[str]:
    """Return the rows as lines in columns as wide as what is in them.

    `shown` paints a cell, told the numbers of its row and column.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            shown(number, column, cell) + " " * (widths[column] - len(cell))
            for column, cell in enumerate(row)
        ).rstrip()
        for number, row in enumerate(rows)
    ]


def milliseconds(duration: float) -> str:
    """Write a duration in milliseconds the way people read it: `12 ms`, `3.1 s`."""
    if duration < 1000:
        return f"{duration:.0f} ms"
    if duration < 60_000:
        return f"{duration / 1000:.1f} s"
    minutes, rest = divmod(round(duration / 1000), 60)
    return f"{minutes} min {rest} s"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Write a count with its noun: `1 job`, `2 jobs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"
