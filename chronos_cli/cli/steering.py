"""What `trigger`, `pause` and `resume` have in common."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from chronos_cli.app.control.pausing import Pausable
from chronos_cli.cli.group import ask_group
from chronos_cli.cli.options import text_of
from chronos_cli.cli.output import Output, redactor
from chronos_cli.cli.recording import state_path
from chronos_cli.clock import SystemClock
from chronos_cli.cron.control import Done, PauseJob, ResumeJob
from chronos_cli.errors import NoLoopError, StateError, UsageError
from chronos_cli.state.entries import ALL_JOBS

if TYPE_CHECKING:
    from chronos_cli.app.control.grouped import GroupBook

# How a state file without a loop is told of, and a group of hosts.
WHERE = "is known to this state (jobs are known once a loop has run them)"
IN_GROUP = "is known to this group (jobs are known once a host has run them)"


def which_job(job: str | None, *, all_jobs: bool) -> str:
    """Return the ID that was named, or `ALL_JOBS`; UsageError for neither and for both."""
    if all_jobs == (job is not None):
        raise UsageError("name a job, or say --all" if job is None else "a job, or --all, not both")
    return ALL_JOBS if job is None else text_of("ID", job)


def steer(
    state: str | None,
    request: PauseJob | ResumeJob,
    otherwise: Callable[[Pausable, str], str],
) -> None:
    """Ask the loop, or do it on its state when none runs; say what came of it.

    `otherwise` is called with what has the pauses then, and the name of this user.
    """
    from chronos_cli.app.control.client import ask

    path = state_path(state)
    try:
        answers = list(ask(path, request))
    except NoLoopError:
        Output().result(_without_loop(path, otherwise) + "\n")
        Output().note(f"chronos: no loop runs on {path} now; the next one takes it over")
        return
    if not answers:
        raise StateError(f"the loop on {path} ended before it answered")
    for answer in answers:
        if isinstance(answer, Done):
            Output().result(answer.message + "\n")


def steer_group(
    url: str,
    config: str | None,
    env_files: list[str] | None,
    job_id: str,
    change: Callable[["GroupBook", str], str],
) -> None:
    """Do it for a whole group of hosts; say what came of it. `change` is as `otherwise` above."""
    from chronos_cli.app.control import grouped
    from chronos_cli.app.control.address import user_name

    by = f"{user_name(os.geteuid())}@{os.uname().nodename}"
    said, beside = ask_group(
        url,
        config,
        env_files,
        lambda api, plan: grouped.steer(api, plan.names, job_id, lambda book: change(book, by)),
    )
    Output().result(said + "\n")
    if beside is not None:
        Output().note(f"chronos: {beside}")


def _without_loop(path: Path, otherwise: Callable[[Pausable, str], str]) -> str:
    from chronos_cli.app.control.address import user_name
    from chronos_cli.app.control.offline import StoredPauses
    from chronos_cli.state.store import Store

    if not path.exists():
        raise StateError(f"there is no state {path}: no loop has ever run on it")
    store = Store.open(path, redactor)
    try:
        return otherwise(StoredPauses(store, SystemClock()), user_name(os.geteuid()))
    finally:
        store.close()
