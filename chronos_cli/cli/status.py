"""`chronos status`: what the loop does."""

from enum import StrEnum
from typing import Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.options import StatePath, Verbose
from chronos_cli.cli.output import Output
from chronos_cli.cli.recording import state_path, stored
from chronos_cli.cli.streams import streams
from chronos_cli.errors import StateError


class StatusFormat(StrEnum):
    """How the status is written."""

    TABLE = "table"
    JSON = "json"


def command(
    output: Annotated[
        StatusFormat, option("--output", "-o", help="How the status is written.")
    ] = StatusFormat.TABLE,
    state: StatePath = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Show the loop's jobs: what runs, waits and comes, how it ended last, pauses.

    Exit codes: 0 it runs, 2 usage, 3 no loop runs on this state.

    Examples:
      chronos status
      chronos status --state /var/lib/chronos/state.sqlite --output json
    """
    from chronos_cli.app.control.client import ask
    from chronos_cli.cron.control import Jobs, JobStatus, LoopStatus, Status
    from chronos_cli.report.control import status_document, status_lines

    path = state_path(state)
    jobs: list[JobStatus] = []
    loop: LoopStatus | None = None
    for answer in ask(path, Status()):
        if isinstance(answer, Jobs):
            jobs += answer.jobs
        elif isinstance(answer, LoopStatus):
            loop = answer
    if loop is None:
        raise StateError(f"the loop on {path} ended before it answered")
    with stored(state) as store:
        last = store.last_ends() if store else {}
    out = Output()
    if output is StatusFormat.JSON:
        out.json(status_document(loop, jobs, last))
    elif streams.stdout.isatty():
        from chronos_cli.report.control_table import status_table  # imports Rich

        out.table(lambda _: status_table(loop, jobs, last))
    else:
        out.result(status_lines(loop, jobs, last))
    return ExitCode.SUCCESS
