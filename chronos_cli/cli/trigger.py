"""`chronos trigger`: one execution of a job now, by the loop that runs."""

from enum import StrEnum
from typing import Annotated

from chronos_cli.cli.arguments import argument, option
from chronos_cli.cli.exit_codes import ExitCode, exit_code
from chronos_cli.cli.options import StatePath, Verbose, text_of
from chronos_cli.cli.output import Output
from chronos_cli.cli.recording import state_path
from chronos_cli.cli.streams import streams
from chronos_cli.dispatch.outcome import Status
from chronos_cli.errors import StateError, UsageError


class TriggerFormat(StrEnum):
    """How it is written what came of it."""

    TABLE = "table"
    JSON = "json"


def command(  # noqa: PLR0913, PLR0917 - one parameter per option
    job: Annotated[str, argument(words="jobs", metavar="ID", help="As `chronos status` lists it.")],
    wait: Annotated[
        bool, option("--wait", help="Until it has ended; the exit code is that of `run`.")
    ] = False,
    output: Annotated[
        TriggerFormat, option("--output", "-o", help="How it is written what came of it.")
    ] = TriggerFormat.TABLE,
    state: StatePath = None,
    cluster: Annotated[str | None, option("--cluster", metavar="URL", hidden=True)] = None,
    verbose: Verbose = False,
) -> ExitCode:
    """Let the loop start a job once, now.

    Its `concurrency` and the limit of executions hold. A paused job can be triggered: a pause is
    of ticks.

    Exit codes: 0 started, waiting or skipped; with --wait those of run, 5 also when the loop ended
    first; 2 usage or no such job, 3 no loop runs.

    Examples:
      chronos trigger nightly
      chronos trigger nightly --wait --output json
    """
    if cluster is not None:
        raise UsageError(
            "trigger asks one loop, on this machine; beside a cluster send the job yourself: "
            "chronos run JOBS --job ID"
        )
    from chronos_cli.app.control.client import ask
    from chronos_cli.cron.control import Ended, Started, Trigger
    from chronos_cli.report.control import trigger_document, trigger_line

    path, job_id = state_path(state), text_of("ID", job)
    out = Output()
    last: Started | Ended | None = None
    for answer in ask(path, Trigger(job_id, wait)):
        if isinstance(answer, Started | Ended):
            last = answer
            if output is TriggerFormat.TABLE:
                out.painted(trigger_line(job_id, last, out.paint(streams.stdout)) + "\n")
    if last is None:
        raise StateError(f"the loop on {path} ended before it answered")
    is_lost = wait and isinstance(last, Started) and last.state != Status.SKIPPED
    code = ExitCode.UNREACHABLE if is_lost else ExitCode.SUCCESS
    if isinstance(last, Ended):
        statuses = {Status(last.status)}
        code = exit_code(statuses) or _interrupted(statuses)
    if output is TriggerFormat.JSON:
        out.json(trigger_document(job_id, last, code))
    if is_lost:
        out.note(f"chronos: the loop ended first; chronos history {last.execution_id} tells more")
    return code


def _interrupted(statuses: set[Status]) -> ExitCode:
    """Return the code of an execution that the loop has cut off."""
    return ExitCode.TERMINATED if Status.INTERRUPTED in statuses else ExitCode.SUCCESS
