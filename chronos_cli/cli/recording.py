"""The state file as the commands name it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from chronos_cli.cli.output import Output, redactor
from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.journal import Journal, NoJournal
from chronos_cli.errors import StateError, UsageError
from chronos_cli.jobs.config import find_config

if TYPE_CHECKING:
    from chronos_cli.state.store import Store


def recording(path: str | None, *, no_state: bool, origin: str, config: str | None) -> Journal:
    """Return the journal that the options --state and --no-state ask for.

    When its file cannot be written, that is said once and nothing more is recorded: a job that is
    due must not depend on its history.
    """
    if no_state:
        if path is not None:
            raise UsageError("--state and --no-state exclude each other")
        return NoJournal()
    from chronos_cli.state.journal import StateJournal
    from chronos_cli.state.store import Store  # imports SQLite

    return StateJournal(
        lambda: Store.open(state_path(path), redactor),
        redactor,
        SystemClock(),
        origin=origin,
        config=find_config(config, os.environ),
        on_failed=_say_failed,
    )


def _say_failed(error: StateError) -> None:
    consequence = "going on without it: no history, no 'concurrency: forbid'"
    Output().note(f"chronos: {error}; {consequence}")


def state_path(option: str | None) -> Path:
    """Return the state file: as `--state` says, or the default; StateError without a home."""
    return Path(option) if option else default_path(os.environ)


def default_path(environment: Mapping[str, str]) -> Path:
    """Return where the state is kept unless `--state` says so; StateError without a home."""
    if base := environment.get("XDG_STATE_HOME"):
        return Path(base) / "chronos" / "state.sqlite"
    if home := environment.get("HOME"):
        return Path(home) / ".local" / "state" / "chronos" / "state.sqlite"
    raise StateError("neither XDG_STATE_HOME nor HOME is set; name a place with --state PATH")


@contextmanager
def stored(option: str | None) -> Iterator["Store | None"]:
    """Open the state file to read it; None where nothing has been recorded yet."""
    path = state_path(option)
    if not path.exists():
        yield None
        return
    from chronos_cli.state.store import Store  # imports SQLite

    store = Store.open(path, redactor)
    try:
        yield store
    finally:
        store.close()
