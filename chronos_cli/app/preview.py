"""What would be sent: every first attempt, prepared and not sent."""

from collections.abc import Sequence

from chronos_cli.dispatch.delivery import prepare
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Status, status_of
from chronos_cli.dispatch.preview import preview
from chronos_cli.errors import DispatchError
from chronos_cli.report.preview import JobPreview


async def previews(
    dispatchers: Dispatchers, executions: Sequence[Execution]
) -> tuple[list[JobPreview], list[Status]]:
    """Return every first attempt as it would leave, and how those fail that cannot be prepared."""
    found: list[JobPreview] = []
    failures: list[Status] = []
    for execution in executions:
        try:
            delivery = prepare(execution, 1)
            shown = await preview(dispatchers.get(execution.job.key), delivery)
            found.append(JobPreview(execution, delivery.target.describe(), shown))
        except DispatchError as error:
            target = execution.job.target.describe()
            found.append(JobPreview(execution, target, None, error.message))
            failures.append(status_of(error))
    await dispatchers.close()
    return found, failures
