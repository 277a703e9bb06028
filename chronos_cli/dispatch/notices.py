"""Telling of an outcome: `on_failure` and its kin are dispatches of their own."""

from typing import Any

from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Outcome, Status


def notice_names(outcome: Outcome, previous: Status | None = None) -> list[str]:
    """Return the keys of the notices that an outcome asks for.

    `previous` is how the job's execution before this one ended, where that is known.
    """
    if outcome.status is Status.SUCCEEDED:
        has_recovered = previous is not None and previous.is_failure
        return ["on_success", *(["on_recovery"] if has_recovered else [])]
    return ["on_failure"] if outcome.status.is_failure else []


def notices_of(
    execution: Execution, outcome: Outcome, data: dict[str, Any], previous: Status | None = None
) -> list[Execution]:
    """Return the executions that tell of an outcome, as far as the job wants it told.

    `data` is the outcome with secrets masked. The ID is the execution's own with the notice's
    name, so that receivers drop duplicates of either but never one for the other.
    """
    wanted = execution.job.notices
    return [
        Execution(
            id=f"{execution.id}.{name}",
            job=wanted[name],
            scheduled_time=execution.scheduled_time,
            variables=execution.variables,
            trace=execution.trace,
            outcome=data,
        )
        for name in notice_names(outcome, previous)
        if name in wanted
    ]
