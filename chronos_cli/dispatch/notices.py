"""Telling of an outcome: `on_failure` and `on_success` are dispatches of their own."""

from typing import Any

from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Outcome, Status


def notice_name(outcome: Outcome) -> str | None:
    """Return the key of the notice that an outcome asks for."""
    if outcome.status is Status.SUCCEEDED:
        return "on_success"
    if outcome.status.is_failure and outcome.status is not Status.INTERRUPTED:
        return "on_failure"
    return None


def notice_of(execution: Execution, outcome: Outcome, data: dict[str, Any]) -> Execution | None:
    """Return the execution that tells of an outcome, if the job wants it told.

    `data` is the outcome with secrets masked. The ID is the execution's own with the notice's
    name, so that receivers drop duplicates of either but never one for the other.
    """
    name = notice_name(outcome)
    job = execution.job.notices.get(name) if name else None
    if job is None:
        return None
    return Execution(
        id=f"{execution.id}.{name}",
        job=job,
        scheduled_time=execution.scheduled_time,
        variables=execution.variables,
        trace=execution.trace,
        outcome=data,
    )
