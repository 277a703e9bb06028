"""What a loop runs: the jobs that have a schedule, and what is needed to run them."""

from dataclasses import dataclass

from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.jobs.model import Job


@dataclass(frozen=True, slots=True)
class JobSet:
    """The scheduled jobs by ID, in the order of their files; no dispatcher is opened yet.

    `unscheduled` counts the jobs beside them that only `run` can start.
    """

    jobs: dict[str, Job]
    dispatchers: Dispatchers
    max_concurrent: int
    unscheduled: int = 0
