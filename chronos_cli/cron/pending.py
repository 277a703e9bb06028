"""What waits for its start: a queue for each job, and every job in its turn."""

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct, structs

from chronos_cli.jobs.model import Job

# So many starts of one job may wait: one whose executions take longer than its interval would
# otherwise fill the memory.
MOST_PENDING = 2000


class PendingStart(Struct, frozen=True):
    """An execution that is to start at `starts_at` (UTC).

    A `patient` one makes up for something: it waits for the job's running execution where
    another would be skipped or replace it. A `recovered` one had been started before. One that
    `marks` is recorded as the job's last tick. `origin` is other than the loop's for one that was
    asked for by hand, `triggered_by` the name of the user who did.
    """

    job: Job
    execution_id: str
    scheduled_time: datetime
    starts_at: datetime
    patient: bool = False
    recovered: bool = False
    marks: bool = True
    origin: str | None = None
    triggered_by: str | None = None

    @property
    def is_tick(self) -> bool:
        """Whether it is one of the job's schedule, and starts for the first time."""
        return self.origin is None and not self.recovered


class PendingStarts:
    """First come, first served within a job; among jobs each in its turn.

    The order within a job is never changed: the last recorded tick stands for all before it.
    """

    def __init__(self) -> None:
        self._of_job: OrderedDict[str, deque[PendingStart]] = OrderedDict()

    def __iter__(self) -> Iterator[str]:
        """Yield the jobs that wait, the one whose turn it is first."""
        return iter(self._of_job)

    def __len__(self) -> int:
        return sum(map(len, self._of_job.values()))

    def counts(self) -> dict[str, int]:
        """Return how many wait, by job."""
        return {job_id: len(waiting) for job_id, waiting in self._of_job.items()}

    def put(self, start: PendingStart) -> PendingStart | None:
        """Add a start; return the job's oldest one if too many wait, which is then dropped."""
        waiting = self._of_job.setdefault(start.job.id, deque())
        waiting.append(start)
        return waiting.popleft() if len(waiting) > MOST_PENDING else None

    def unmark_after(self, moment: datetime) -> None:
        """Let starts of ticks after a moment not be recorded as their jobs' last ticks."""
        for job_id, waiting in self._of_job.items():
            self._of_job[job_id] = deque(
                structs.replace(start, marks=False) if start.scheduled_time > moment else start
                for start in waiting
            )

    def supersede(self, job_id: str) -> list[PendingStart]:
        """Remove and return the starts of a job that a newer one replaces; patient ones stay.

        The job keeps its turn, even if nothing of it waits: it has waited longer than others.
        """
        waiting = self._of_job.get(job_id, deque())
        superseded = [start for start in waiting if not start.patient]
        for start in superseded:
            waiting.remove(start)
        return superseded

    def take_ticks(self, job_id: str) -> list[PendingStart]:
        """Remove and return the ticks of a job that wait. It keeps its turn, as in `supersede`."""
        waiting = self._of_job.get(job_id, deque())
        taken = [start for start in waiting if start.is_tick]
        for start in taken:
            waiting.remove(start)
        return taken

    def ids(self, job_id: str) -> list[str]:
        """Return the execution IDs of a job's starts, the first to start first."""
        return [start.execution_id for start in self._of_job.get(job_id, ())]

    def first(self, job_id: str) -> PendingStart | None:
        """Return what is to start first of a job."""
        waiting = self._of_job.get(job_id)
        return waiting[0] if waiting else None

    def take(self, job_id: str) -> PendingStart:
        """Remove what is to start first of a job; the other jobs have their turn then."""
        waiting = self._of_job[job_id]
        start = waiting.popleft()
        if waiting:
            self._of_job.move_to_end(job_id)
        else:
            del self._of_job[job_id]
        return start

    def adopt(self, jobs: Mapping[str, Job]) -> list[PendingStart]:
        """Take over what jobs are now; return the starts of those that are gone."""
        gone: list[PendingStart] = []
        for job_id, waiting in list(self._of_job.items()):
            if job := jobs.get(job_id):
                self._of_job[job_id] = deque(structs.replace(start, job=job) for start in waiting)
            else:
                gone += waiting
                del self._of_job[job_id]
        return gone
