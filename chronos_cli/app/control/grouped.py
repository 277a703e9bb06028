"""Pausing and resuming for a whole group of hosts; those that run take it over in a second."""

from collections.abc import Callable, Collection

from chronos_cli.cluster.api import Api
from chronos_cli.cluster.names import Names
from chronos_cli.cluster.pauses import PauseRecord, begun, ended
from chronos_cli.cluster.pausing import Found, find, write
from chronos_cli.state.entries import ALL_JOBS, Pause


class GroupBook:
    """The pauses of a group; what is changed is written afterwards: `wanted`."""

    heirs = "each host makes up"

    def __init__(self, found: Found) -> None:
        self.found = found
        self.wanted: PauseRecord | None = None

    def jobs(self) -> Collection[str]:
        """Return the jobs that have left a word, and those that were asked for and run."""
        return self.found.known

    def pauses(self) -> dict[str, Pause]:
        """Return the pauses that are in force."""
        known = self.found.records.items()
        return {job_id: one.pause for job_id, one in known if one.is_in_force(self.found.now)}

    def pause(self, job_id: str, pause: Pause) -> bool:
        """Let a pause be written."""
        self.wanted = begun(self.found.records.get(job_id), pause, self.found.now)
        return True

    def resume(self, job_id: str, by: str, *, catches_up: bool) -> tuple[int | None, bool]:
        """Let the end of a pause be written; how many executions make up for it nobody knows."""
        record = self.found.records[job_id]
        self.wanted = ended(record, by, self.found.now, catches_up=catches_up)
        return None, True


async def steer(
    api: Api, names: Names, job_id: str, change: Callable[[GroupBook], str]
) -> tuple[str, str | None]:
    """Change a pause; return what is said of it, and what its asker should know beside it.

    Raises StateError, and UsageError for what cannot be done.
    """
    while True:
        found = await find(api, names, job_id)
        book = GroupBook(found)
        said = change(book)
        seq = found.seqs.get(job_id, 0)
        if book.wanted is None or await write(api, names, job_id, book.wanted, seq):
            return said, _beside(found, names, job_id)


def _beside(found: Found, names: Names, job_id: str) -> str | None:
    if not found.hosts:
        return f"no host of the group {names.group} lives now; those that start take it over"
    if job_id != ALL_JOBS and not found.is_run:
        return f"no live host has the job {job_id} now"
    return None
