"""Pausing and resuming, on a loop that runs or on its state alone; and what is said of it."""

import difflib
from collections.abc import Collection
from typing import Protocol

from chronos_cli.errors import UsageError
from chronos_cli.report.control import pause_words
from chronos_cli.report.history import local_time
from chronos_cli.report.text import count
from chronos_cli.state.entries import ALL_JOBS, Pause

# Jobs that a message names.
_NAMED = 5


class Pausable(Protocol):
    """What has pauses: a loop, a state file that no loop runs on, or a group of hosts."""

    @property
    def heirs(self) -> str:
        """Who makes up for ticks that it cannot count itself, in words."""
        ...

    def jobs(self) -> Collection[str]:
        """Return the IDs of the jobs that it knows."""
        ...

    def pauses(self) -> dict[str, Pause]:
        """Return the pauses in force, by job; that of all under `ALL_JOBS`."""
        ...

    def pause(self, job_id: str, pause: Pause) -> bool:
        """Begin a pause; whether it outlives the loop."""
        ...

    def resume(self, job_id: str, by: str, *, catches_up: bool) -> tuple[int | None, bool]:
        """End a pause; return how many executions make up for it, if known, and as `pause`."""
        ...


def require_known(job_id: str, known: Collection[str], where: str) -> None:
    """Make sure that there is such a job; UsageError with the one that may be meant."""
    if job_id in known:
        return
    near = difflib.get_close_matches(job_id[:128], known, n=1, cutoff=0.6)
    meant = f"; did you mean '{near[0]}'?" if near else ""
    raise UsageError(f"no job '{job_id}' {where}{meant}")


def pause(book: Pausable, job_id: str, wanted: Pause, where: str) -> str:
    """Pause a job, or all; return what came of it. Raises UsageError for a job not known."""
    known = book.pauses().get(job_id)
    if job_id != ALL_JOBS and known is None:
        require_known(job_id, book.jobs(), where)
    name, verb = _named(job_id)
    if known is not None and wanted.reason is None and wanted.until is None:
        return f"{name} {verb} paused already, {pause_words(known)}"
    if known is not None:
        wanted = Pause(wanted.by, known.at, wanted.reason, wanted.until)
        said = f"{name} {verb} paused anew; before that {pause_words(known)}"
    else:
        until = f" until {local_time(wanted.until)}" if wanted.until else ""
        said = f"{name} {verb} paused{until}: ticks are passed over, what runs goes on"
    return said + _doubt(recorded=book.pause(job_id, wanted))


def resume(book: Pausable, job_id: str, by: str, *, catches_up: bool, where: str) -> str:
    """End a pause; return what came of it. Raises UsageError for what cannot be resumed so."""
    known = book.pauses()
    name, verb = _named(job_id)
    if job_id not in known:
        return _not_paused(job_id, known, book.jobs(), where)
    made_up, recorded = book.resume(job_id, by, catches_up=catches_up)
    parts = [
        f"{name} {verb} resumed",
        _consequence(book, job_id, made_up, catches_up=catches_up),
    ]
    del known[job_id]
    if job_id != ALL_JOBS and job_id not in book.jobs():
        parts[1] = "no such job runs here now"
    if job_id != ALL_JOBS and ALL_JOBS in known:
        parts[1] = f"it stays paused with all jobs, {pause_words(known[ALL_JOBS])}"
    elif job_id == ALL_JOBS and known:
        parts.append(f"on their own stay paused: {_names(known)}")
    return "; ".join(parts) + _doubt(recorded=recorded)


def _not_paused(job_id: str, known: dict[str, Pause], jobs: Collection[str], where: str) -> str:
    if job_id == ALL_JOBS:
        rest = f"; on their own are {_names(known)}: resume these by their IDs" if known else ""
        return f"all jobs are not paused{rest}"
    require_known(job_id, jobs, where)
    if ALL_JOBS in known:
        words = pause_words(known[ALL_JOBS])
        raise UsageError(f"{job_id} is paused with all jobs, {words}; resume --all ends that")
    return f"{job_id} is not paused"


def _consequence(book: Pausable, job_id: str, made_up: int | None, *, catches_up: bool) -> str:
    ticks = "their ticks" if job_id == ALL_JOBS else "its ticks"
    if not catches_up:
        return "the ticks that were passed over are not made up for (--catch-up does)"
    if made_up is None:
        return f"{book.heirs} for {ticks}, as missed_runs says"
    if not made_up:
        return "nothing is to be made up for, as missed_runs says"
    return f"{count(made_up, 'execution')} to make up for {ticks}, as missed_runs says"


def _doubt(*, recorded: bool) -> str:
    return "" if recorded else "; the state cannot be written: the next loop will not know of it"


def _named(job_id: str) -> tuple[str, str]:
    return ("all jobs", "are") if job_id == ALL_JOBS else (job_id, "is")


def _names(known: Collection[str]) -> str:
    named = list(known)[:_NAMED]
    more = len(known) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
