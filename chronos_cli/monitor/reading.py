"""The state as the monitor reads it: in a thread beside the loop, over its own connection."""

import asyncio
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from chronos_cli.redact import Redactor
from chronos_cli.state.store import Store

# For so long the thread may keep the interpreter from the loop, in seconds. Python's own 5 ms are
# much to a loop that gives it up and wants it back several times for each dispatch.
_SWITCH_INTERVAL = 0.0005

# How long is waited for another process that holds the state, in seconds.
_PATIENCE = 1.0

T = TypeVar("T")


class StateReader:
    """Reads a state file, and does what else takes longer than the loop may be held up.

    One thing at a time, and half of the time none: many who ask take no more than half a core
    from the loop.
    """

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self._path = path
        self._redactor = redactor
        self._store: Store | None = None
        self._rests_until = 0.0
        sys.setswitchinterval(_SWITCH_INTERVAL)
        self._thread = ThreadPoolExecutor(1, "chronos-monitor")

    async def do(self, call: Callable[[Callable[[], Store]], T]) -> T:
        """Call something with a function that opens the state; what that raises is StateError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._in_turn, call)

    async def close(self) -> None:
        """Give the file back."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _in_turn(self, call: Callable[[Callable[[], Store]], T]) -> T:
        """Call something, after as long a rest as the call before it took."""
        time.sleep(max(0.0, self._rests_until - time.monotonic()))
        began = time.monotonic()
        try:
            return call(self._opened)
        finally:
            now = time.monotonic()
            self._rests_until = now + (now - began)

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store.open(self._path, self._redactor)
            self._store.set_patience(_PATIENCE)
        return self._store

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
