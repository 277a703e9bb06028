"""Sends jobs that come on stdin, each by a dispatcher of its own: `python -m` of this module.

A line is a JSON array of an execution ID, the text of a job file, and whether the job is only
checked; for each comes one line on stdout, a `Sent` as JSON, in the order in which they end. A far
side that ends this process ends no test with it.
"""

import asyncio
import sys
import time
from typing import Any

import msgspec

from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.attempts import Attempts
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution, in_zone
from chronos_cli.dispatch.registry import Registry
from chronos_cli.testing.inside import check_of, job_of

# Bytes of one line.
_LONGEST = 1 << 20


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """How an execution ended; `status` is `crashed` where that is a bug.

    `seconds` is how long it took, `closing` how long its dispatcher took to close.
    """

    execution_id: str
    status: str
    code: str | None = None
    message: str = ""
    seconds: float = 0.0
    closing: float = 0.0


async def _main() -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=_LONGEST)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with asyncio.TaskGroup() as group:
        while line := await lines.readline():
            group.create_task(_answer(*msgspec.json.decode(line)))


async def _answer(execution_id: str, text: str, is_check: bool) -> None:
    try:
        sent = await (_check if is_check else _send)(execution_id, text)
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - none may come out
        message = f"{type(error).__name__}: {error}"
        sent = Sent(execution_id=execution_id, status="crashed", message=message)
    sys.stdout.buffer.write(msgspec.json.encode(sent) + b"\n")
    sys.stdout.buffer.flush()


async def _send(execution_id: str, text: str) -> Sent:
    job = job_of(text)
    dispatchers = Dispatchers(Registry(), {})
    clock: Any = SystemClock()
    execution = Execution(execution_id, job, in_zone(job, clock.now()))
    began = time.monotonic()
    outcome = await Attempts(clock, execution, dispatchers.get(job.key)).outcome()
    ended = time.monotonic()
    await dispatchers.close()
    return Sent(
        execution_id=execution_id,
        status=outcome.status.value,
        code=outcome.code,
        message=outcome.message,
        seconds=ended - began,
        closing=time.monotonic() - ended,
    )


async def _check(execution_id: str, text: str) -> Sent:
    began = time.monotonic()
    result = await check_of(job_of(text)).result()
    failed = [step for step in result.steps if step.status.is_failure]
    return Sent(
        execution_id=execution_id,
        status=result.status.value,
        message=f"{failed[0].name}: {failed[0].message}" if failed else "",
        seconds=time.monotonic() - began,
    )


if __name__ == "__main__":
    asyncio.run(_main())
