"""What becomes of a start that is due: one pure decision."""

from datetime import datetime, timedelta
from enum import Enum, auto

from chronos_cli.cron.lanes import Due


class Decision(Enum):
    """What is done with the first in a lane."""

    START = auto()
    WAIT = auto()
    SKIP = auto()
    REPLACE = auto()
    DROP = auto()


def decide(due: Due, now: datetime, *, is_running: bool, has_room: bool) -> Decision:
    """Decide on a start; `is_running` tells of an execution of the same job."""
    if is_too_late(due, now):
        return Decision.DROP
    spec = due.job.spec
    if is_running and spec.concurrency != "allow":
        if due.patient:
            return Decision.WAIT
        return Decision.SKIP if spec.concurrency == "forbid" else Decision.REPLACE
    return Decision.START if has_room else Decision.WAIT


def is_too_late(due: Due, now: datetime) -> bool:
    """Whether a start is beyond the job's `starting_deadline`."""
    limit = due.job.spec.starting_deadline
    # What had been started in time is not late when it is started again.
    if limit is None or due.recovered:
        return False
    return now - due.starts_at > timedelta(seconds=limit)
