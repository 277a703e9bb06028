"""The live table of `chronos cron --live`, at the foot of the terminal, below the events."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from threading import Lock
from typing import Self

from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from chronos_cli.app.service import Display
from chronos_cli.cli.streams import streams
from chronos_cli.clock import Clock
from chronos_cli.cron.events import LoopEvent
from chronos_cli.cron.overview import Overview
from chronos_cli.jobs.model import Job
from chronos_cli.report.live import live_table
from chronos_cli.state.entries import HistoryEntry, Pause

# How often it is drawn anew, in seconds: often enough for figures that count seconds.
_INTERVAL = 0.5
# Lines of the screen that are left to the table's own frame, and to some events.
_FRAME, _EVENTS = 5, 3
# Events that wait to be written.
_MOST_LINES = 10_000


class LiveTable(Display):
    """Draws the table on stderr, which must be a terminal, and writes events above it."""

    def __init__(
        self,
        upcoming: Callable[[], Iterator[tuple[Job, datetime | None]]],
        last_entry: Callable[[str], HistoryEntry | None],
        paused: Callable[[str], Pause | None],
        clock: Clock,
    ) -> None:
        self._overview = Overview(last_entry, paused)
        self._upcoming = upcoming
        self.is_shown = False
        self._clock = clock
        # Bounded: a terminal that was stopped takes none.
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)
        self._drawing = Lock()
        self._console = streams.stderr.console()
        # Rich's own thread would read what the loop is changing.
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        """Show it."""
        streams.undo = self._console.show_cursor
        self._live.start()
        self.is_shown = True
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away; the events stay."""
        self.is_shown = False
        self._draw(self._lines, None)
        self._live.stop()
        streams.undo = None

    def tell(self, event: LoopEvent, line: str) -> None:
        """Take in an event; its line, which is masked already, comes above the table soon."""
        self._overview.note(event)
        self._lines.append(line)

    async def keep_drawing(self) -> None:
        """Draw it again and again; ends by being cancelled."""
        while True:
            lines, self._lines = self._lines, deque(maxlen=_MOST_LINES)
            # In a thread: drawing takes longer than a tick may be late.
            await asyncio.to_thread(self._draw, lines, self._table())
            await self._clock.sleep(_INTERVAL)

    def _table(self) -> RenderableType:
        width, height = self._console.size
        upcoming = list(self._upcoming())
        rows = self._overview.rows(upcoming, max(1, height - _FRAME - _EVENTS))
        return live_table(rows, len(upcoming), self._overview.running(), self._clock.now(), width)

    def _draw(self, lines: Iterable[str], table: RenderableType | None) -> None:
        with self._drawing:
            if table is not None:
                self._live.update(table)
            if text := "\n".join(lines):
                self._console.print(Text.from_ansi(text), soft_wrap=True)
            elif table is not None:
                self._live.refresh()
