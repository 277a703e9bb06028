"""Writing a state file in few transactions, and going on without it while it fails."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from chronos_cli.clock import Clock
from chronos_cli.errors import StateError
from chronos_cli.state.store import Store

# While the state cannot be written, that is said again after so many seconds.
_REMINDER = 60.0
# How long the end of a process waits for the state, in seconds.
_LAST_PATIENCE = 5.0
# Outcomes that are kept until the state can be written again.
_MOST_KEPT = 10_000

T = TypeVar("T")
Record = Callable[[Store], object]


class WriteBehind:
    """Reads and writes a state file, which is opened when it is first needed.

    What needs no answer is written at the end of the event loop's turn, all of it in one
    transaction; `flush` and whatever needs an answer do so at once. A process that is killed in
    between loses the outcomes of one turn, no more: these executions count as interrupted.

    After a failure the file is left alone for `pause` seconds, for good without one: each try may
    hold up the executions. `on_failed` is called with the first failure and once a minute while
    it lasts, `on_restored` when the file can be written again.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        clock: Clock,
        *,
        on_failed: Callable[[StateError], None],
        on_restored: Callable[[], None],
        pause: float | None,
    ) -> None:
        self._open_store = open_store
        self._clock = clock
        self._on_failed = on_failed
        self._on_restored = on_restored
        self._pause = pause
        self._opened: Store | None = None
        self._said_at: float | None = None
        self._failed_at: float | None = None
        # What is written next, in order.
        self._waiting: list[Record] = []
        self._flush: asyncio.Handle | None = None
        # By key: what is written as soon as that can be done.
        self._unrecorded: dict[str, Record] = {}
        # The keys of what the transaction under way has written.
        self._recorded: list[str] = []

    @property
    def is_waiting(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._waiting)

    def soon(self, record: Record) -> None:
        """Record something at the end of this turn; lost if the file cannot be written then."""
        self._waiting.append(record)
        if self._flush is None:
            try:
                self._flush = asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:  # there is no turn to end
                self.flush()

    def surely(self, key: str, record: Record) -> None:
        """Record an end at the end of this turn, or later if it cannot be done then.

        One that was begun and has no end would be taken for running by other processes.
        """
        if len(self._unrecorded) < _MOST_KEPT:
            self._unrecorded[key] = record

        def and_forget(store: Store) -> None:
            record(store)
            self._recorded.append(key)

        self.soon(and_forget)

    def flush(self) -> None:
        """Record what waits for that, now."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._waiting:
            self.write(lambda _: None, None)

    def finish(self) -> None:
        """Record what could not be recorded before, with more patience, before the end."""
        self.flush()
        if self._pause is None:
            return
        self._failed_at = None
        if self._unrecorded:
            # No proof that the file can be written again.
            self.read(lambda store: store.set_patience(_LAST_PATIENCE), None)
            self._record_late()

    def close(self) -> None:
        """Record what is left, and give the file back."""
        self.finish()
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def read(self, call: Callable[[Store], T], otherwise: T) -> T:
        """Return what the store says, or `otherwise` when it fails."""
        self.flush()
        if self._failed_at is not None and self._pause is None:
            return otherwise
        try:
            return call(self._store)
        except StateError as error:
            self._fail(error)
            return otherwise

    def write(self, call: Callable[[Store], T], otherwise: T) -> T:
        """Record what waits, and do what `read` does, in one transaction.

        After a failure the file is left alone for a while.
        """
        waiting, self._waiting = self._waiting, []
        self._recorded.clear()
        if self._is_left_alone():
            return otherwise
        try:
            store = self._store
            changes = store.changes
            with store.together():
                for record in waiting:
                    record(store)
                result = call(store)
        except StateError as error:
            self._fail(error)
            self._failed_at = self._clock.monotonic()
            return otherwise
        for key in self._recorded:
            self._unrecorded.pop(key, None)
        # A transaction that wrote nothing proves nothing.
        if self._said_at is not None and store.changes != changes:
            self._failed_at = self._said_at = None
            self._on_restored()
            self._record_late()
        return result

    @property
    def _store(self) -> Store:
        if self._opened is None:
            self._opened = self._open_store()
        return self._opened

    def _record_late(self) -> None:
        for key, record in list(self._unrecorded.items()):
            self.surely(key, record)
        self.flush()

    def _is_left_alone(self) -> bool:
        if self._failed_at is None:
            return False
        return self._pause is None or self._clock.monotonic() - self._failed_at < self._pause

    def _fail(self, error: StateError) -> None:
        now = self._clock.monotonic()
        if self._pause is None:
            self._failed_at = now
        if self._said_at is None or now - self._said_at >= _REMINDER:
            self._said_at = now
            self._on_failed(error)
