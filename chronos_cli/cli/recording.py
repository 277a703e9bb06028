"""Recording what a command starts, as long as that can be done; it never stops the command."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from chronos_cli.cli.output import Output, redactor
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.errors import StateError, UsageError
from chronos_cli.jobs.config import find_config

if TYPE_CHECKING:
    from chronos_cli.state.store import Store


class Recording:
    """A journal in a state file, opened when the first execution starts.

    When the file cannot be written, that is told once and nothing more is recorded: a job that
    is due must not depend on its history.
    """

    def __init__(self, path: str | None, origin: str, config: str | None) -> None:
        self._path = path
        self._origin = origin
        self._config = find_config(config, os.environ)
        self._store: Store | None = None
        self._failed = False

    def begin(self, execution: Execution) -> str | None:
        """Record a start; return who is in the way of a job with `concurrency: forbid`."""
        try:
            return self._begin(execution)
        except StateError as error:
            self._fail(error)
            return None

    def end(self, execution: Execution, outcome: Outcome) -> None:
        """Record an outcome."""
        try:
            self._end(execution, outcome)
        except StateError as error:
            self._fail(error)

    def last_status(self, job_id: str) -> Status | None:
        """Return how the job's last execution ended, where that is known."""
        try:
            store = self._opened()
            return store.last_status(job_id) if store else None
        except StateError as error:
            self._fail(error)
            return None

    def close(self) -> None:
        """Give the file back."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _begin(self, execution: Execution) -> str | None:
        from chronos_cli.state.snapshot import snapshot_of

        store = self._opened()
        if store is None:
            return None
        job = execution.job
        begin = store.try_begin if job.spec.concurrency == "forbid" else store.started
        running = begin(
            execution.id,
            job.id,
            execution.scheduled_time,
            origin=self._origin,
            snapshot=snapshot_of(execution, self._config, redactor),
            deadline=job.deadline,
        )
        if running is None:
            return None
        since = running.started_at.isoformat(timespec="seconds")
        return (
            f"not started: execution {running.execution_id} runs since {since} ({running.process})"
        )

    def _end(self, execution: Execution, outcome: Outcome) -> None:
        from chronos_cli.state.snapshot import snapshot_of

        if store := self._opened():
            snapshot = snapshot_of(execution, self._config, redactor)
            store.ended(outcome, origin=self._origin, snapshot=snapshot)

    def _opened(self) -> "Store | None":
        if self._store is None and not self._failed:
            from chronos_cli.state.store import Store  # imports SQLite

            self._store = Store.open(state_path(self._path), redactor)
        return self._store

    def _fail(self, error: StateError) -> None:
        self._failed = True
        self.close()
        told = "going on without it: no history, no 'concurrency: forbid'"
        Output().note(f"chronos: {error}; {told}")


def recording(
    path: str | None, *, no_state: bool, origin: str, config: str | None
) -> Recording | None:
    """Return what the options --state and --no-state ask for."""
    if no_state:
        if path is not None:
            raise UsageError("--state and --no-state exclude each other")
        return None
    return Recording(path, origin, config)


def state_path(option: str | None) -> Path:
    """Return the state file: as `--state` says, or the default; StateError without a home."""
    from chronos_cli.state.store import default_path

    return Path(option) if option else default_path(os.environ)


@contextmanager
def stored(option: str | None) -> Iterator["Store | None"]:
    """Open the state file to read it; None where nothing has been recorded yet."""
    from chronos_cli.state.store import Store

    path = state_path(option)
    if not path.exists():
        yield None
        return
    store = Store.open(path, redactor)
    try:
        yield store
    finally:
        store.close()
