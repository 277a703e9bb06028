"""The loop's clock: beside what others ask of time, how much of it really passed."""

import time
from datetime import datetime, timedelta
from typing import Protocol

from chronos_cli.clock import Clock, SystemClock

# A change of the wall clock beyond this is a correction, as for Debian's cron: what lies between
# the old time and the new was never really missed.
CORRECTION = timedelta(hours=3)


class LoopClock(Clock, Protocol):
    """A clock that can tell a change of the wall clock from time that passed."""

    def elapsed(self) -> float:
        """Return seconds that never run backwards and count the machine's sleep as well."""
        ...


class SystemLoopClock(SystemClock):
    """The machine's own clock."""

    def elapsed(self) -> float:
        """Return seconds since the machine's start, its sleep included where it can be told."""
        return time.clock_gettime(_STEADY)


# On Linux CLOCK_MONOTONIC stands still while the machine is suspended.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Jumps:
    """Notices that somebody set the wall clock."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self._now = clock.now()
        self._elapsed = clock.elapsed()

    def look(self, now: datetime) -> timedelta:
        """Return by how much the clock was set since the last look; negative for backwards."""
        elapsed = self._clock.elapsed()
        jump = (now - self._now) - timedelta(seconds=elapsed - self._elapsed)
        self._now, self._elapsed = now, elapsed
        return jump
