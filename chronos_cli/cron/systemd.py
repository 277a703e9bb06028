"""Telling systemd how the service is (sd_notify), where it asks to be told."""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

from chronos_cli.clock import Clock


class ServiceManager:
    """The socket in $NOTIFY_SOCKET; without one nothing is said."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self.watchdog_interval = _watchdog_interval(environment)

    def ready(self) -> None:
        """Say that the loop runs, also after a reload."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """Say that a reload begins."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the loop comes to its end."""
        self._tell("STOPPING=1")

    async def keep_alive(self, clock: Clock) -> None:
        """Say that the program is alive as often as it is asked for; ends by being cancelled."""
        while self.watchdog_interval is not None:
            self._tell("WATCHDOG=1")
            await clock.sleep(self.watchdog_interval)

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        # A name that begins with @ is one in the abstract namespace.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        # The manager being away is no reason for jobs not to run.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect(address)
            channel.sendall(message.encode())


def _watchdog_interval(environment: Mapping[str, str]) -> float | None:
    """Return half of what systemd waits, in seconds; None when it does not watch this process."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2_000_000 if microseconds.isdigit() else None
