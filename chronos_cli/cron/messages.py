"""The events that tell of executions, notices and missed runs."""

from chronos_cli.cron.events import EventKind, Events
from chronos_cli.cron.missed import CatchUp
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.notifier import hook_of
from chronos_cli.dispatch.outcome import Attempt, Outcome
from chronos_cli.jobs.model import Job, warnings_of

# Jobs that a warning names.
_NAMED = 5


def tell_warnings(events: Events, jobs: list[Job]) -> None:
    """Tell what is dangerous in the jobs: one event for each danger."""
    for message, ids in warnings_of(jobs).items():
        more = max(0, len(ids) - _NAMED) or None
        events.tell(EventKind.WARNING, message=message, jobs=ids[:_NAMED], more=more)


def tell_missed(events: Events, job: Job, found: CatchUp) -> None:
    """Tell what a job has missed, and what is made up for."""
    events.tell(
        EventKind.MISSED,
        job_id=job.id,
        missed=found.missed,
        or_more=found.more or None,
        last=found.last and found.last.isoformat(),
        policy=job.spec.missed_runs,
        executing=len(found.late),
        too_late=found.too_late or None,
    )


def tell_attempt(events: Events, execution: Execution, attempt: Attempt, wait: float) -> None:
    """Tell of an attempt that failed and is made again in `wait` seconds."""
    events.tell(
        EventKind.ATTEMPT_FAILED,
        job_id=execution.job.id,
        execution_id=execution.id,
        trace_id=execution.trace.trace_id,
        attempt=attempt.number,
        max_attempts=execution.job.spec.retry_policy.max_attempts,
        status=attempt.status.value,
        code=attempt.code,
        message=attempt.message or None,
        next_in_s=round(wait, 3),
    )


def tell_outcome(events: Events, outcome: Outcome) -> None:
    """Tell how an execution ended."""
    events.tell(
        EventKind.ENDED,
        job_id=outcome.job_id,
        execution_id=outcome.execution_id,
        trace_id=outcome.trace_id,
        status=outcome.status.value,
        code=outcome.code,
        attempts=len(outcome.attempts),
        duration_ms=outcome.duration_ms,
        message=outcome.message or None,
    )


def tell_held_back(events: Events, outcome: Outcome) -> None:
    """Tell of the notices of an outcome that are not sent, and why."""
    for notice in outcome.notices:
        events.tell(
            EventKind.NOTICE_HELD,
            job_id=outcome.job_id,
            execution_id=outcome.execution_id,
            trace_id=outcome.trace_id,
            hook=notice.hook,
            message=notice.message,
        )


def tell_notice(events: Events, outcome: Outcome) -> None:
    """Tell how a notice ended."""
    failed = outcome.status.is_failure
    events.tell(
        EventKind.NOTICE_FAILED if failed else EventKind.NOTICE_SENT,
        job_id=outcome.job_id,
        execution_id=outcome.execution_id,
        trace_id=outcome.trace_id,
        hook=hook_of(outcome.execution_id),
        target=outcome.target,
        message=f"{outcome.status}: {outcome.message}" if failed else None,
    )
