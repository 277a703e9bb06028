"""A protocol carried out within the test's own process, where it can be looked at."""

import asyncio
from collections.abc import Hashable
from typing import Any

from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.attempts import Attempts
from chronos_cli.dispatch.check import Check, Checked, certificate_end, certificate_key
from chronos_cli.dispatch.delivery import Delivery, prepare
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution, in_zone
from chronos_cli.dispatch.outcome import Outcome
from chronos_cli.dispatch.plugin import Preview, Receipt
from chronos_cli.dispatch.preview import preview
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import UnreachableError
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.files import SourceFile
from chronos_cli.jobs.interpolate import Sources
from chronos_cli.jobs.load import load_jobs
from chronos_cli.jobs.model import Job, Target
from chronos_cli.redact import Redactor


def job_of(text: str) -> Job:
    """Return the one job of a file's text, which must be valid."""
    source = SourceFile("job.yaml", text.encode())
    loaded = load_jobs([source], Config(), Registry(), Sources({}, Redactor()))
    assert loaded.problems == []
    (job,) = loaded.jobs
    return job


class FailsFirst:
    """A dispatcher whose first attempt is lost before the real one is asked."""

    real: Any
    lost: Delivery[Target]

    async def send(self, delivery: Delivery[Target]) -> Receipt:
        """Send by the real dispatcher; the first attempt raises UnreachableError."""
        if delivery.attempt == 1:
            self.lost = delivery
            raise UnreachableError("lost on the way")
        receipt = await self.real.send(delivery)
        assert isinstance(receipt, Receipt)
        return receipt


async def dispatched(jobs: list[Job], *, lossy: FailsFirst | None = None) -> list[Outcome]:
    """Carry out jobs of one protocol side by side, and close it; no task of its may be left."""
    plugin = Registry().kind(jobs[0].key)
    real = plugin.dispatcher(plugin.settings())
    dispatcher: Any = real
    if lossy is not None:
        lossy.real, dispatcher = real, lossy
    clock = SystemClock()
    executions = [_execution(number, job) for number, job in enumerate(jobs)]
    outcomes = await asyncio.gather(
        *(Attempts(clock, execution, dispatcher).outcome() for execution in executions)
    )
    before_close = asyncio.all_tasks()
    await real.close()
    await asyncio.sleep(0)
    left = asyncio.all_tasks() & before_close - {asyncio.current_task()}
    assert not left, left
    return list(outcomes)


def check_of(job: Job) -> Check:
    """Return the check of a job, not begun."""
    return Check(_execution(0, job), Dispatchers(Registry(), {}), SystemClock())


async def certificate_end_of(job: Job) -> float | None:
    """Return when the certificate of a job's far side ends, as a loop looks at it."""
    return await certificate_end(_execution(0, job), Dispatchers(Registry(), {}), SystemClock())


def certificate_key_of(job: Job) -> Hashable | None:
    """Return what a job shares with others whose far side shows the same certificate."""
    return certificate_key(_execution(0, job), Dispatchers(Registry(), {}))


async def checked(job: Job) -> Checked:
    """Check a job as `chronos check` does, before known secrets are masked; no task may be left."""
    before = asyncio.all_tasks()
    result = await check_of(job).result()
    # A client library may take a moment to let its own go.
    if left := asyncio.all_tasks() - before:
        await asyncio.wait(left, timeout=1)
    assert not asyncio.all_tasks() - before
    return result


async def shown(job: Job) -> Preview:
    """Return a job's first attempt as a dry run gets it, before known secrets are masked."""
    plugin = Registry().kind(job.key)
    dispatcher = plugin.dispatcher(plugin.settings())
    try:
        return await preview(dispatcher, prepare(_execution(0, job), 1))
    finally:
        await dispatcher.close()


def _execution(number: int, job: Job) -> Execution:
    return Execution(f"id-{number}", job, in_zone(job, SystemClock().now()))
