"""What commands that are about something else say of paused jobs."""

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

from chronos_cli.cli.output import Output
from chronos_cli.cli.recording import stored
from chronos_cli.clock import SystemClock
from chronos_cli.errors import StateError

if TYPE_CHECKING:
    from chronos_cli.state.entries import Pause


def note_paused(option: str | None, jobs: Container[str]) -> None:
    """Say which of some jobs are paused in the state that `--state` names, or in the default one.

    Raises StateError where the one that was named cannot be read.
    """
    try:
        with stored(option) as store:
            if store is not None:
                note_pauses(store.pauses(), jobs)
    except StateError:
        if option is not None:
            raise


def note_pauses(pauses: "Mapping[str, Pause]", jobs: Container[str]) -> None:
    """Say which of some jobs are paused, and why: their ticks are passed over."""
    from chronos_cli.report.control import pause_words
    from chronos_cli.state.entries import ALL_JOBS

    now = SystemClock().now()
    for job_id, pause in pauses.items():
        if pause.holds(now) and (job_id == ALL_JOBS or job_id in jobs):
            Output().note(f"chronos: {job_id or 'all jobs'}: paused {pause_words(pause)}")
