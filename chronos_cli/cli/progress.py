"""What long work shows on stderr, on a terminal; nothing elsewhere."""

import os
import time
from types import TracebackType
from typing import Self

from chronos_cli.cli.output import redactor
from chronos_cli.cli.streams import streams
from chronos_cli.report.text import printable

# Work that is shorter than this, in seconds, would only flicker.
LONG = 0.5
# How often figures are drawn anew, in seconds.
_INTERVAL = 0.1

_ERASE = "\r\x1b[K"
# A line that wrapped could not be taken back: where letters are wide, the terminal cuts it.
_CUT, _WRAP = "\x1b[?7l", "\x1b[?7h"


class StatusLine:
    """One line on a terminal that the next one replaces; it leaves no trace.

    It is taken away before anything else is written there.
    """

    def __init__(self, *, shown: bool = True) -> None:
        is_plain = os.environ.get("TERM") in {"dumb", "unknown"}
        self.is_shown = shown and streams.stderr.isatty() and not is_plain
        self._is_drawn = False

    def show(self, text: str) -> None:
        """Draw it, unless the terminal takes nothing now: it must hold nothing up."""
        if not self.is_shown or not streams.stderr.is_ready():
            return
        # First: a signal may come in the midst of it.
        self._is_drawn = True
        streams.stderr.aside = streams.undo = self.clear
        if streams.stdout.isatty():
            streams.stdout.aside = self.clear
        line = printable(redactor.text(text))[: (streams.stderr.width() or 80) - 1]
        streams.stderr.put(f"{_ERASE}{_CUT}{line}{_WRAP}")

    def clear(self) -> None:
        """Take it away."""
        if self._is_drawn:
            self._is_drawn = False
            streams.stderr.put(_WRAP + _ERASE)

    def close(self) -> None:
        """Take it away for good."""
        self.clear()
        if self.is_shown:
            streams.stderr.aside = streams.stdout.aside = streams.undo = None


class Progress:
    """Counts what is done, once it takes long."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._line = StatusLine()
        self._next = time.monotonic() + LONG
        self._done = 0

    def __enter__(self) -> Self:
        """Begin to count."""
        return self

    def advance(self) -> None:
        """Count one more as done."""
        if not self._line.is_shown:
            return
        self._done += 1
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _INTERVAL
            self._line.show(f"{self._words} {self._done}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take it away."""
        self._line.close()
