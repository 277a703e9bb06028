"""Where is read what came of executions: a state file, or the servers of a cluster."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from chronos_cli.state.entries import HistoryEntry, HistoryFilter
from chronos_cli.state.recent import RecentEnding


class Outcomes(Protocol):
    """Reads without holding the loop up; what cannot be read is StateError."""

    async def history(self, wanted: HistoryFilter) -> Sequence[HistoryEntry]:
        """Return the entries that a filter wants, newest first."""
        ...

    async def recent_endings(
        self, jobs: Sequence[str], most: int
    ) -> Mapping[str, Sequence[RecentEnding]]:
        """Return the last endings of each job, at most so many, oldest first."""
        ...

    async def last_successes(self) -> Mapping[str, float]:
        """Return when each job last succeeded, as far as is known, in seconds since 1970."""
        ...

    async def close(self) -> None:
        """Give back what is held."""
        ...
