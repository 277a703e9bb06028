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


def select(jobs: Sequence[Job], ids: Sequence[str], tags: Mapping[str, str]) -> list[Job]:
    """Return the jobs with one of these IDs (all without any) and with all of these tags.

    Raises UsageError for an ID that no job has, and when no job is left.
    """
    known = {job.id for job in jobs}
    for wanted in ids:
        if wanted not in known:
            raise UsageError(f"no job '{wanted}' in these files")
    chosen = [
        job for job in jobs if (not ids or job.id in ids) and tags.items() <= job.spec.tags.items()
    ]
    if not chosen:
        words = ", ".join(f"{key}={value}" for key, value in tags.items())
        raise UsageError(f"no job has the tag {words}")
    return chosen


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
