"""Making foreign text safe for a terminal, and figures readable."""

import re

# Control characters of C0 and C1, DEL, and the marks that turn the direction of writing: what a
# server sends must not move the cursor, colour the screen or reorder a line.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return the text in one line, everything that a terminal would obey made visible."""
    return _UNSAFE.sub(lambda match: _ESCAPES.get(match[0]) or f"\\x{ord(match[0]):02x}", text)


_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": " "}


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
