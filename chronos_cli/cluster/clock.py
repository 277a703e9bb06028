"""The clock of a host whose own may be wrong: corrected by what most hosts say."""

from datetime import datetime, timedelta

from chronos_cli.cron.clock import LoopClock


class ClusterClock:
    """The machine's clock and a correction to it, in seconds."""

    def __init__(self, clock: LoopClock) -> None:
        self.machine = clock
        self.correction = 0.0

    def now(self) -> datetime:
        """Return the cluster's time, in UTC."""
        return self.machine.now() + timedelta(seconds=self.correction)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return self.machine.monotonic()

    def elapsed(self) -> float:
        """Return seconds that never run backwards and count the machine's sleep as well."""
        return self.machine.elapsed()

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds`; can be cancelled."""
        await self.machine.sleep(seconds)
