"""The loop under the eyes of a user: signals, the log, the live table."""

import asyncio
import os
import signal
from datetime import date
from typing import TYPE_CHECKING

from msgspec import structs

from chronos_cli.app.service import Display, Service, ServiceOptions
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.loading import reader
from chronos_cli.cli.output import Output, redactor
from chronos_cli.cli.signals import StopSignals, leave_if_held_up
from chronos_cli.cli.streams import streams
from chronos_cli.cron.admission import TickJournal
from chronos_cli.cron.events import LoopEvent
from chronos_cli.cron.loop import Loop
from chronos_cli.report.events import event_document, event_text, journal_prefix
from chronos_cli.report.text import json_text

if TYPE_CHECKING:
    from chronos_cli.cli.live import LiveTable


class LoopConsole:
    """Runs a service until a signal ends it, and writes what the loop tells to stderr.

    In the format `text` or `json`; with neither, as `text`, or in words where it is a terminal.
    """

    def __init__(self, options: ServiceOptions, log_format: str | None, *, live: bool) -> None:
        self._output = Output()
        self._as_json = log_format == "json"
        self._on_terminal = streams.stderr.isatty()
        self._speaks = log_format is None and self._on_terminal
        self._to_journal = streams.stderr.is_journal(os.environ)
        self._wants_live = live and self._on_terminal
        self._live: LiveTable | None = None
        self._day: date | None = None
        self._service = Service(options, reader(), redactor, os.environ, self._write)
        self._signals = StopSignals(self._service.stop)

    def run(self) -> ExitCode:
        """Run in an event loop of its own; as `exit_code`."""
        return asyncio.run(self.exit_code())

    async def exit_code(self) -> ExitCode:
        """Run until a signal; raises StateError, InvalidInputError or UsageError at the start."""
        # Until the loop listens, a SIGHUP would be the end of the program.
        signal.signal(signal.SIGHUP, lambda *_: self._service.reload())
        cut_off = await self._service.serve(self._on_loop)
        if not cut_off:
            return leave_if_held_up(ExitCode.SUCCESS)
        by_term = self._signals.number == signal.SIGTERM
        return leave_if_held_up(ExitCode.TERMINATED if by_term else ExitCode.INTERRUPTED)

    def _on_loop(self, loop: Loop, journal: TickJournal) -> Display:
        self._signals.listen()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._on_hang_up)
        if not self._wants_live:
            return Display()
        from chronos_cli.cli.live import LiveTable  # imports Rich

        self._live = LiveTable(
            loop.upcoming, journal.last_entry, loop.steering.pauses.of, self._service.clock
        )
        return self._live

    def _on_hang_up(self) -> None:
        if self._on_terminal and not streams.stderr.isatty():
            self._signals.receive(signal.SIGTERM)  # nobody asks for a reload: the terminal is gone
        else:
            self._service.reload()

    def _write(self, event: LoopEvent) -> None:
        masked = structs.replace(event, fields=redactor.data(event.fields))
        line = self._line(masked)
        if self._live is None or not self._live.is_shown:
            self._output.masked_line(line, is_json=self._as_json)
            streams.report_losses()  # it may not end for months
        else:
            self._live.tell(masked, line)

    def _line(self, event: LoopEvent) -> str:
        if not self._speaks:
            line = json_text(event_document(event)) if self._as_json else event_text(event)
            return journal_prefix(event) + line if self._to_journal else line
        from chronos_cli.report.event_words import event_words  # only for people

        paint = self._output.paint(streams.stderr)
        words = event_words(event, paint, ascii_only=not streams.stderr.takes_all_letters)
        today = event.time.astimezone().date()
        is_new = self._day not in {None, today}  # the lines have the time only
        self._day = today
        return f"{today:%A %Y-%m-%d}\n{words}" if is_new else words
