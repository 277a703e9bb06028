"""What long work shows on stderr, on a terminal; nothing elsewhere."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from chronos_cli.cli.streams import streams

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

# Work that is shorter than this, in seconds, would only flicker.
_LONG = 0.5


class Progress:
    """Counts what is done, once it takes long; leaves no trace on the screen when it ends.

    With a `total` it is a bar, without one a count.
    """

    def __init__(self, words: str, total: int | None = None, *, shown: bool = True) -> None:
        self._words = words
        self._total = total
        self._is_shown = shown and streams.stderr.isatty()
        self._began = time.monotonic()
        self._done = 0
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Begin to count."""
        return self

    def advance(self) -> None:
        """Count one more as done."""
        if not self._is_shown:
            return
        self._done += 1
        if self._bar is None and time.monotonic() - self._began > _LONG:
            self._show()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar.stop()
            streams.undo = None

    def _show(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # only on a terminal
        from rich.progress import Progress as RichProgress

        columns = [TextColumn(self._words), BarColumn(), MofNCompleteColumn()]
        self._bar = RichProgress(*columns, console=streams.stderr.console(), transient=True)
        self._task = self._bar.add_task(self._words, total=self._total)
        streams.undo = self._bar.console.show_cursor
        self._bar.start()
