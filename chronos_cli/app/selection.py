"""Which jobs are carried out, and as which executions."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from chronos_cli.dispatch.execution import Execution, in_zone, new_id, scheduled_id
from chronos_cli.dispatch.trace import Trace
from chronos_cli.errors import UsageError
from chronos_cli.jobs.model import Job


class Firing(Struct, frozen=True):
    """What a user says of the executions; without a scheduled time they are due now."""

    scheduled_time: datetime | None = None
    execution_id: str | None = None
    variables: dict[str, str] = {}


def executions_of(
    jobs: Sequence[Job], firing: Firing, environment: Mapping[str, str]
) -> list[Execution]:
    """Return one execution for each job; they continue the trace of the environment.

    Raises UsageError when one execution ID is given for several jobs.
    """
    if firing.execution_id is not None and len(jobs) > 1:
        raise UsageError(f"--execution-id is for one job, and {len(jobs)} are chosen (add --job)")
    now = datetime.now(UTC).replace(microsecond=0)
    return [_execution(job, firing, environment, now) for job in jobs]


def _execution(
    job: Job, firing: Firing, environment: Mapping[str, str], now: datetime
) -> Execution:
    moment = firing.scheduled_time
    trace = Trace.from_environment(environment)
    identity = firing.execution_id or (scheduled_id(job.id, moment) if moment else new_id())
    return Execution(identity, job, in_zone(job, moment or now), firing.variables, trace)
