"""May this tick start, and who records it: what the loop asks, of one host or of a cluster."""

from collections.abc import Callable, Container, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from chronos_cli.clock import Clock
from chronos_cli.cron.events import Events
from chronos_cli.cron.pending import PendingStart
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.executor import Executor
from chronos_cli.dispatch.journal import Journal
from chronos_cli.jobs.model import Job
from chronos_cli.state.entries import HistoryEntry, Pause, StartedExecution, UnfinishedNotice


class TickJournal(Journal, Protocol):
    """A journal that knows ticks too: up to when each job's schedule was seen to."""

    def mark(self, job: Job, moment: datetime) -> None:
        """Record that a job's schedule was seen to up to this time."""
        ...

    def restart(self, job: Job, moment: datetime) -> None:
        """Record that a job's schedule counts from this time on."""
        ...

    def keep_ticks(self, job_ids: Container[str]) -> None:
        """Forget the ticks of all other jobs."""
        ...

    def last_ticks(self, jobs: Iterable[Job]) -> dict[str, datetime]:
        """Return up to when schedules were seen to, by job."""
        ...

    def last_fired(self) -> datetime | None:
        """Return the latest time that an execution started at or stood for."""
        ...

    def has(self, execution_id: str) -> bool:
        """Whether an execution is known to have been started before."""
        ...

    def last_entry(self, job_id: str) -> HistoryEntry | None:
        """Return the job's last execution that has ended, where that is known."""
        ...

    def unfinished(self) -> list[StartedExecution]:
        """Return what earlier loops began and did not live to end, as far as it is ours."""
        ...

    def unfinished_notices(self) -> list[UnfinishedNotice]:
        """Return the notices that earlier loops began and did not live to end."""
        ...

    def give_up_notice(self, execution_id: str) -> None:
        """Record that a notice of an earlier loop is not sent again."""
        ...

    def give_up(self, execution_id: str) -> None:
        """Record that an unfinished execution will not be sent again."""
        ...

    def pauses(self) -> dict[str, Pause]:
        """Return the pauses by job; that of all jobs under `ALL_JOBS`."""
        ...

    def pause(self, job_id: str, pause: Pause) -> bool:
        """Record a pause; whether that could be done."""
        ...

    def resume(self, job_id: str, moment: datetime | None) -> bool:
        """Record the end of a pause; whether that could be done."""
        ...

    def confirm(self) -> bool:
        """Whether what happens can be recorded."""
        ...

    def flush(self) -> None:
        """Record now what waits for the end of the turn."""
        ...

    def finish(self) -> None:
        """Record what could not be recorded before, before the end."""
        ...


class Starts(Protocol):
    """Takes what is due, and starts it when it may."""

    def __len__(self) -> int:
        """Return how many wait for their start."""
        ...

    def waiting(self) -> dict[str, int]:
        """Return how many starts of each job wait."""
        ...

    def adopt(self, jobs: Mapping[str, Job], dispatchers: Dispatchers, limit: int) -> None:
        """Start these jobs from now on, by these dispatchers, so many at the same time."""
        ...

    def put(self, start: PendingStart) -> None:
        """Add what is due."""
        ...

    def take_ticks(self, job_id: str) -> list[PendingStart]:
        """Remove and return the ticks of a job that wait for their start."""
        ...

    def running_ids(self, job_id: str) -> list[str]:
        """Return the IDs of a job's executions that are under way here."""
        ...

    def waiting_ids(self, job_id: str) -> list[str]:
        """Return the IDs of a job's executions that wait for their start."""
        ...

    def waits_since(self) -> datetime | None:
        """Return since when the longest has waited that is late by it, in UTC."""
        ...

    def correct(self, now: datetime) -> None:
        """Take in that the clock was set back to now."""
        ...

    def send_notice(self, notice: Execution) -> None:
        """Send a notice that was cut off."""
        ...

    def freed(self, job_id: str) -> None:
        """Say that an execution of a job has ended."""
        ...

    def pump(self) -> None:
        """Start whatever can be started now."""
        ...

    def stop(self) -> None:
        """Start nothing any more."""
        ...

    async def close(self) -> None:
        """Give everything back; nothing runs any more."""
        ...


# Makes the starts of a loop: with its clock, events and executor, what to call with a bug of ours,
# and the variables of templates.
StartsMaker = Callable[
    [Clock, Events, Executor, Callable[[BaseException], None], dict[str, str]], Starts
]
