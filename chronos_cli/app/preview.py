"""What would be sent: every first attempt, prepared and not sent."""

from collections.abc import Callable, Sequence
from typing import Any

from chronos_cli.app.rehearsal import rehearsed
from chronos_cli.dispatch.delivery import prepare
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Status, status_of
from chronos_cli.dispatch.preview import preview
from chronos_cli.errors import DispatchError
from chronos_cli.report.preview import JobPreview


async def previews(
    dispatchers: Dispatchers, executions: Sequence[Execution], mask: Callable[[Any], Any]
) -> tuple[list[JobPreview], list[Status]]:
    """Return every first attempt as it would leave, and how those fail that cannot be prepared.

    With each come its job's notices, which tell of an outcome that is made up; that one of them
    cannot be prepared is no failure, as for `run`. `mask` takes secrets out of what they tell.
    """
    found: list[JobPreview] = []
    failures: list[Status] = []
    for execution in executions:
        hooks = execution.job.notices
        notices = [
            (await _preview(dispatchers, rehearsed(execution, hook, mask), hook))[0]
            for hook in hooks
        ]
        shown, failure = await _preview(dispatchers, execution, notices=notices)
        found.append(shown)
        failures += [failure] if failure else []
    await dispatchers.close()
    return found, failures


async def _preview(
    dispatchers: Dispatchers,
    execution: Execution,
    hook: str | None = None,
    notices: Sequence[JobPreview] = (),
) -> tuple[JobPreview, Status | None]:
    try:
        delivery = prepare(execution, 1)
        shown = await preview(dispatchers.get(execution.job.key), delivery)
        target = delivery.target.describe()
        return JobPreview(execution, target, shown, hook=hook, notices=notices), None
    except DispatchError as error:
        target = execution.job.target.describe()
        failed = JobPreview(execution, target, None, error.message, hook, notices)
        return failed, status_of(error)
