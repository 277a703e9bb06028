"""Sleeping by the wall clock."""

import asyncio
from datetime import datetime

from chronos_cli.clock import Clock

# The longest sleep, in seconds: nothing tells of a clock that was set or of a machine that woke
# up, so that it has to be looked at.
LONGEST = 2.0


class Sleeper:
    """Sleeps until an instant, until it is woken, or for `LONGEST`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._is_woken = False
        self._sleep: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """End the sleep, or the next one if nobody sleeps."""
        self._is_woken = True
        if self._sleep is not None:
            self._sleep.cancel()

    async def sleep_until(self, moment: datetime | None) -> None:
        """Sleep; may return early, so that the caller looks at the clock again."""
        if not self._is_woken:
            self._sleep = asyncio.create_task(self._clock.sleep(self._seconds(moment)))
            try:
                await asyncio.wait([self._sleep])
            finally:
                self._sleep.cancel()
                self._sleep = None
        self._is_woken = False

    def _seconds(self, moment: datetime | None) -> float:
        if moment is None:
            return LONGEST
        remaining = (moment - self._clock.now()).total_seconds()
        return min(max(remaining, 0.0), LONGEST)
