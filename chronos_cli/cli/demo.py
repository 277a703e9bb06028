"""`chronos demo`: the sample jobs, sent to a receiver on this machine by the ordinary path."""

import asyncio
import os
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path

import typer

import chronos_cli
from chronos_cli.cli.execute import RunOptions, execute
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.loading import load_workspace
from chronos_cli.cli.options import OutputFormat, Verbose
from chronos_cli.cli.output import Output
from chronos_cli.dispatch.execution import Execution, in_zone, new_id
from chronos_cli.receiver.http import HttpReceiver, ReceivedRequest, Reply


def command(verbose: Verbose = False) -> None:
    """Send the sample jobs to a receiver on this machine, and show what came of it."""
    raise typer.Exit(asyncio.run(_demo()))


class _Far:
    """The far side of the demo: its path /flaky refuses the first request, to show a retry."""

    def __init__(self) -> None:
        self.requests: list[ReceivedRequest] = []

    async def answer(self, request: ReceivedRequest) -> Reply:
        first = request.target not in {known.target for known in self.requests}
        self.requests.append(request)
        if request.target == "/flaky" and first:
            return Reply(status=503, body=b'{"busy": true}\n', headers=[("Retry-After", "1")])
        return Reply()


async def _demo() -> ExitCode:
    far = _Far()
    receiver = HttpReceiver(far.answer)
    host, port = await receiver.start("127.0.0.1", 0)
    os.environ["CHRONOS_DEMO_HTTP"] = f"http://{host}:{port}"
    output = Output()
    output.note(f"receiver on http://{host}:{port}; sending the sample jobs to it")
    with as_file(files(chronos_cli) / "samples") as packaged:
        samples = packaged if packaged.is_dir() else _in_checkout()
        workspace = load_workspace([str(samples)], None)
    now = datetime.now(UTC).replace(microsecond=0)
    executions = [Execution(new_id(), job, in_zone(job, now)) for job in workspace.jobs]
    options = RunOptions(OutputFormat.TABLE, quiet=False, concurrency=4, fail_fast=False)
    code = await execute(workspace, executions, options)
    await receiver.close()
    output.note(f"the receiver took {len(far.requests)} requests")
    return code


def _in_checkout() -> Path:
    """Return the samples of a source checkout, where they are not part of the package."""
    return Path(chronos_cli.__file__).parents[1] / "jobs"
