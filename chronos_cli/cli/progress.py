"""What long work shows on stderr, on a terminal; nothing elsewhere."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Progress:
    """Counts what is done; leaves no trace on the screen when it ends.

    With a `total` it is a bar, without one a count.
    """

    def __init__(self, words: str, total: int | None, *, shown: bool) -> None:
        self._words = words
        self._total = total
        self._shown = shown
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Show it."""
        if self._shown:
            from rich.console import Console  # only on a terminal
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
            from rich.progress import Progress as RichProgress

            columns = [TextColumn(self._words), BarColumn(), MofNCompleteColumn()]
            self._bar = RichProgress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(self._words, total=self._total)
            self._bar.start()
        return self

    def advance(self) -> None:
        """Count one more as done."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar.stop()
