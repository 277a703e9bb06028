"""What waits for its start: a lane for each job, and every job in its turn."""

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chronos_cli.jobs.model import Job

# So many starts of one job may wait: one whose executions take longer than its interval would
# otherwise fill the memory.
LONGEST_LANE = 2000


@dataclass(frozen=True, slots=True)
class Due:
    """An execution that is to start.

    A `patient` one makes up for something, so that it waits for the job's running execution
    where another would be skipped or replace it. A `recovered` one had been started before.
    """

    job: Job
    execution_id: str
    scheduled_time: datetime
    starts_at: datetime
    patient: bool = False
    recovered: bool = False


class Lanes:
    """First come, first served within a job; among jobs each in its turn.

    The order within a job is never changed: the last recorded tick stands for all before it.
    """

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, deque[Due]] = OrderedDict()

    def __iter__(self) -> Iterator[str]:
        """Yield the jobs that wait, the one whose turn it is first."""
        return iter(self._lanes)

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def put(self, due: Due) -> Due | None:
        """Add a start; return the oldest one if the lane is too long, which is then dropped."""
        lane = self._lanes.setdefault(due.job.id, deque())
        lane.append(due)
        return lane.popleft() if len(lane) > LONGEST_LANE else None

    def supersede(self, job_id: str) -> list[Due]:
        """Remove and return the starts of a job that the one put next takes the place of.

        The job keeps its turn, also with an empty lane: it has waited longer than others.
        """
        lane = self._lanes.get(job_id, deque())
        gone = [due for due in lane if not due.patient]
        for due in gone:
            lane.remove(due)
        return gone

    def head(self, job_id: str) -> Due | None:
        """Return what is first in a job's lane."""
        lane = self._lanes.get(job_id)
        return lane[0] if lane else None

    def take(self, job_id: str) -> Due:
        """Remove what is first in a job's lane; the other jobs have their turn then."""
        lane = self._lanes[job_id]
        due = lane.popleft()
        if lane:
            self._lanes.move_to_end(job_id)
        else:
            del self._lanes[job_id]
        return due

    def adopt(self, jobs: Mapping[str, Job]) -> list[Due]:
        """Take over what jobs are now; return the starts of those that are gone."""
        gone: list[Due] = []
        for job_id, lane in list(self._lanes.items()):
            if job := jobs.get(job_id):
                self._lanes[job_id] = deque(replace(due, job=job) for due in lane)
            else:
                gone += lane
                del self._lanes[job_id]
        return gone
