"""The state as the monitor reads it: in a thread beside the loop, over its own connection."""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from chronos_cli.redact import Redactor
from chronos_cli.state.entries import HistoryEntry, HistoryFilter
from chronos_cli.state.recent import RecentEnding
from chronos_cli.state.store import Store

# For so long the thread may keep the interpreter from the loop, in seconds. Python's own 5 ms are
# much to a loop that gives it up and wants it back several times for each dispatch.
_SWITCH_INTERVAL = 0.0005

# How long is waited for another process that holds the state, in seconds.
_PATIENCE = 1.0

T = TypeVar("T")


class Worker:
    """A thread for what takes longer than the loop may be held up.

    One thing at a time, and half of the time none: many who ask take no more than half a core
    from the loop.
    """

    def __init__(self) -> None:
        self._rests_until = 0.0
        sys.setswitchinterval(_SWITCH_INTERVAL)
        self._thread = ThreadPoolExecutor(1, "chronos-monitor")

    async def do(self, call: Callable[[], T]) -> T:
        """Call something there; what it raises is raised."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._in_turn, call)

    def close(self) -> None:
        """End the thread when it has done what it was asked for."""
        self._thread.shutdown()

    def _in_turn(self, call: Callable[[], T]) -> T:
        """Call something, after as long a rest as the call before it took."""
        time.sleep(max(0.0, self._rests_until - time.monotonic()))
        began = time.monotonic()
        try:
            return call()
        finally:
            now = time.monotonic()
            self._rests_until = now + (now - began)


class StateOutcomes:
    """See `Outcomes`: those of a state file."""

    def __init__(self, path: Path, redactor: Redactor, worker: Worker) -> None:
        self._path = path
        self._redactor = redactor
        self._worker = worker
        self._store: Store | None = None

    async def history(self, wanted: HistoryFilter) -> Sequence[HistoryEntry]:
        """Return the entries that a filter wants, newest first."""
        return await self._worker.do(lambda: self._opened().history(wanted))

    async def recent_endings(
        self, jobs: Sequence[str], most: int
    ) -> Mapping[str, Sequence[RecentEnding]]:
        """Return the last endings of each job, at most so many, oldest first."""
        return await self._worker.do(lambda: self._opened().recent_endings(jobs, most))

    async def last_successes(self) -> Mapping[str, float]:
        """Return when each job last succeeded, in seconds since 1970."""
        return await self._worker.do(lambda: self._opened().last_successes())

    async def close(self) -> None:
        """Give the file back."""
        await self._worker.do(self._close)

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store.open(self._path, self._redactor)
            self._store.set_patience(_PATIENCE)
        return self._store

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
