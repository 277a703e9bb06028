"""Notices that nothing asked for: as they would be sent, and as they are tried."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import structs

from chronos_cli.app.selection import Firing, executions_of
from chronos_cli.dispatch.attempts import ended
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.notifier import notice_execution, told_data
from chronos_cli.dispatch.outcome import Attempt, Status
from chronos_cli.errors import UsageError
from chronos_cli.jobs.model import NOTICES, Job

CODE = "TEST"


def rehearsed(execution: Execution, hook: str, mask: Callable[[Any], Any]) -> Execution:
    """Return the notice that would tell of an execution, with an outcome that is made up."""
    return notice_execution(execution, hook, _made_up(execution, hook, mask))


def rehearsals(
    jobs: Sequence[Job],
    hook: str,
    firing: Firing,
    environment: Mapping[str, str],
    mask: Callable[[Any], Any],
) -> list[Execution]:
    """Return the notices of one kind that jobs have, to be sent as a test.

    The ID of each begins with `test-`, and the outcome that it tells has `"test": true`. Raises
    UsageError when there is no such hook, or no job has it.
    """
    if hook not in NOTICES:
        raise UsageError(f"--test-notice takes one of: {', '.join(NOTICES)}; not '{hook}'")
    wanted = [job for job in jobs if hook in job.notices]
    if not wanted:
        which = f"none of the {len(jobs)} jobs has" if len(jobs) > 1 else "the job has no"
        raise UsageError(f"{which} '{hook}'")
    found = []
    for execution in executions_of(wanted, firing, environment):
        one = structs.replace(execution, id=f"test-{execution.id}"[:_LONGEST_ID])
        notice = rehearsed(one, hook, mask)
        job = structs.replace(notice.job, spec=structs.replace(notice.job.spec, enabled=True))
        data = {**(notice.outcome or {}), "test": True}
        found.append(structs.replace(notice, job=job, outcome=data))
    return found


# So that the hook's name still fits into an ID.
_LONGEST_ID = 110


def _made_up(execution: Execution, hook: str, mask: Callable[[Any], Any]) -> dict[str, Any]:
    failed = hook == "on_failure"
    status = Status.REJECTED if failed else Status.SUCCEEDED
    message = f"a test of {hook}: nothing has {'failed' if failed else 'run'}"
    attempt = Attempt(
        number=1,
        started_at=execution.scheduled_time.isoformat(),
        duration_ms=0.0,
        status=status,
        code=CODE,
        message=message,
    )
    return told_data(ended(execution, status, message, code=CODE, attempts=[attempt]), mask)
