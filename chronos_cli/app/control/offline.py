"""Pausing and resuming on a state file that no loop runs on; the next loop takes it over."""

from collections.abc import Collection

from chronos_cli.clock import Clock
from chronos_cli.state.entries import Pause
from chronos_cli.state.store import Store

# Who has the state for the moment; a loop that starts then says so.
HOLDER = "chronos pause"


class StoredPauses:
    """The pauses in a state file; its lock is held, so that no loop starts amid a change."""

    heirs = "the next loop makes up"

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        store.acquire_loop(HOLDER)

    def jobs(self) -> Collection[str]:
        """Return the jobs that the last loop ran, and those that are paused."""
        return self._store.known_jobs()

    def pauses(self) -> dict[str, Pause]:
        """Return the pauses that are in force."""
        now = self._clock.now()
        return {key: pause for key, pause in self._store.pauses().items() if pause.holds(now)}

    def pause(self, job_id: str, pause: Pause) -> bool:
        """Record a pause."""
        self._store.pause(job_id, pause)
        return True

    def resume(self, job_id: str, by: str, *, catches_up: bool) -> tuple[int | None, bool]:  # noqa: ARG002
        """Record the end of a pause."""
        self._store.resume(job_id, None if catches_up else self._clock.now())
        return None, True
