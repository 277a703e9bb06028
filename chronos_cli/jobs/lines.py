"""A text by its lines, without a list of them: a file may hold millions."""

from bisect import bisect_left
from functools import cached_property
from itertools import accumulate

_BLOCK = 4096
# What ends a line for YAML, beside the line feed.
_BREAKS = ("\r\n", "\r", "\x85", "\u2028", "\u2029")


class Lines:
    """The lines of a file's bytes in UTF-8, numbered from 1."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def get(self, number: int, longest: int | None = None) -> str | None:
        """Return a line, or its first characters; None when the file has no such line."""
        if not 1 <= number <= self.count:
            return None
        text, breaks = self._text, number - 1
        block = max(0, bisect_left(self._breaks_before, breaks) - 1)
        start = block * _BLOCK
        for _ in range(breaks - self._breaks_before[block]):
            start = text.index("\n", start) + 1
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        return text[start : end if longest is None else min(end, start + longest)]

    @cached_property
    def count(self) -> int:
        """How many lines there are; at least one."""
        return max(1, self._text.count("\n") + (not self._text.endswith("\n")))

    @cached_property
    def _text(self) -> str:
        text = self._raw.decode("utf-8-sig", errors="replace")
        for one in _BREAKS:
            text = text.replace(one, "\n")
        return text

    @cached_property
    def _breaks_before(self) -> list[int]:
        """How many line breaks there are before each block of the text."""
        text = self._text
        counts = (text.count("\n", at, at + _BLOCK) for at in range(0, len(text), _BLOCK))
        return [0, *accumulate(counts)]
