"""SIGINT and SIGTERM, and the end of the process, for the commands that send something."""

import asyncio
import signal
from collections.abc import Callable

from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.streams import streams
from chronos_cli.dispatch.limit import is_held_up


class StopSignals:
    """The first signal stops, the second ends the process at once.

    `number` is the first one that came.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self.number: int | None = None

    def listen(self) -> None:
        """Take the signals from now on, in the running event loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.receive, number)

    def receive(self, number: int) -> None:
        """Do what the signal of this number asks for."""
        if self.number is not None:
            streams.leave(128 + number)
        self.number = number
        self._stop()


def leave_if_held_up(code: ExitCode) -> ExitCode:
    """Return a code; but where asyncio would wait for what cannot be stopped, exit with it."""
    if is_held_up():
        streams.leave(code)
    return code
