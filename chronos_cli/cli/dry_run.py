"""`--dry-run`: what would be sent, by any command that sends."""

import asyncio
from collections.abc import Sequence

from chronos_cli.cli.execute import warn
from chronos_cli.cli.exit_codes import ExitCode, exit_code
from chronos_cli.cli.loading import Workspace
from chronos_cli.cli.options import OutputFormat
from chronos_cli.cli.output import Output
from chronos_cli.dispatch.delivery import prepare
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.preview import preview
from chronos_cli.dispatch.runner import status_of
from chronos_cli.errors import DispatchError
from chronos_cli.report.preview import JobPreview, preview_lines, previews_document


def show(workspace: Workspace, executions: Sequence[Execution], output: OutputFormat) -> ExitCode:
    """Print every first attempt; return what `run` would if only templates could fail."""
    warn(executions, Output())
    previews, code = asyncio.run(_previews(workspace.dispatchers(), executions))
    if output is OutputFormat.TABLE:
        Output().result(preview_lines(previews))
    else:
        Output().json(previews_document(previews, code))
    return code


async def _previews(
    dispatchers: Dispatchers, executions: Sequence[Execution]
) -> tuple[list[JobPreview], ExitCode]:
    previews: list[JobPreview] = []
    failures = []
    for execution in executions:
        try:
            delivery = prepare(execution, 1)
            shown = await preview(dispatchers.get(execution.job.key), delivery)
            previews.append(JobPreview(execution, delivery.target.describe(), shown))
        except DispatchError as error:
            target = execution.job.target.describe()
            previews.append(JobPreview(execution, target, None, error.message))
            failures.append(status_of(error))
    await dispatchers.close()
    return previews, exit_code(failures)
