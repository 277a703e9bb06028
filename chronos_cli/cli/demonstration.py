"""The sample jobs, sent to far sides on this machine by the ordinary path."""

import asyncio
import os
import signal
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path

import chronos_cli
from chronos_cli.cli.execute import RunOptions, execute
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.loading import load_workspace
from chronos_cli.cli.options import OutputFormat
from chronos_cli.cli.output import Output
from chronos_cli.dispatch.execution import Execution, in_zone, new_id
from chronos_cli.dispatch.journal import NoJournal
from chronos_cli.dispatch.registry import Registry
from chronos_cli.receiver.demo import DemoSides, demo_keys
from chronos_cli.redact import mask_urls


def demonstrate() -> ExitCode:
    """Start the far sides, send the sample jobs, report; return the exit code."""
    # Servers of its own run beside it: they are ended when the event loop is interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return asyncio.run(_demo())


async def _demo() -> ExitCode:
    async with DemoSides() as sides:
        await _start(sides)
        os.environ.update(sides.variables)
        with as_file(files(chronos_cli) / "samples") as packaged:
            samples = packaged if packaged.is_dir() else _in_checkout()
            workspace = load_workspace([str(samples)], None)
        jobs = [job for job in workspace.jobs if job.key not in sides.missing]
        now = datetime.now(UTC).replace(microsecond=0)
        executions = [Execution(new_id(), job, in_zone(job, now)) for job in jobs]
        options = RunOptions(output=OutputFormat.TABLE, quiet=False, concurrency=4, fail_fast=False)
        return await execute(workspace, executions, options, NoJournal())


async def _start(sides: DemoSides) -> None:
    output, registry = Output(), Registry()
    for key in demo_keys():
        if key not in registry.target_keys():
            continue
        if message := registry.missing_client(key):
            sides.missing[key] = message
            address = None
        else:
            address = await sides.start(key)
        where = mask_urls(address) if address else f"left out: {sides.missing[key]}"
        output.note(f"{key:<10}{where}")


def _in_checkout() -> Path:
    """Return the samples of a source checkout, where they are not part of the package."""
    return Path(chronos_cli.__file__).parents[1] / "jobs"
