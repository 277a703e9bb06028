"""What becomes of a start that is due: one pure decision."""

from datetime import datetime, timedelta
from enum import Enum, auto

from chronos_cli.cron.pending import PendingStart


class Decision(Enum):
    """What is done with the first to start of a job."""

    START = auto()
    WAIT = auto()
    SKIP = auto()
    REPLACE = auto()
    DROP = auto()


def decide(start: PendingStart, now: datetime, *, is_running: bool, has_room: bool) -> Decision:
    """Decide on a start; `is_running` tells of an execution of the same job."""
    if is_too_late(start, now):
        return Decision.DROP
    spec = start.job.spec
    if is_running and spec.concurrency != "allow":
        if start.patient:
            return Decision.WAIT
        return Decision.SKIP if spec.concurrency == "forbid" else Decision.REPLACE
    return Decision.START if has_room else Decision.WAIT


def is_too_late(start: PendingStart, now: datetime) -> bool:
    """Whether a start is beyond the job's `starting_deadline`."""
    limit = start.job.spec.starting_deadline
    # What had been started in time is not late when it is started again.
    if limit is None or start.recovered:
        return False
    return now - start.starts_at > timedelta(seconds=limit)
