"""A far side that never stops talking holds up its own job until the limit, and no other."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import median
from typing import Any, cast

import pytest

from chronos_cli.dispatch.delivery import Delivery, prepare
from chronos_cli.dispatch.execution import Execution, new_id
from chronos_cli.errors import DispatchError
from chronos_cli.jobs.model import Job, JobSpec, Payload, Target
from chronos_cli.problems import Position
from chronos_cli.protocols.nats.dispatcher import NatsDispatcher
from chronos_cli.protocols.nats.target import Nats, NatsSettings
from chronos_cli.protocols.rabbitmq.dispatcher import RabbitmqDispatcher
from chronos_cli.protocols.rabbitmq.target import Rabbitmq, RabbitmqSettings
from tests.brokers.nats import NatsServer
from tests.servers.floods import FLOODS
from tests.support import ROOT

# Seconds: of the flooded job, of what it may take beyond, and of a job beside it.
_LIMIT, _OVERRUN, _DELAY = 0.8, 0.5, 0.3


@contextmanager
def flooding(name: str) -> Iterator[int]:
    """Yield the port of a far side in a process of its own."""
    command = [sys.executable, "-m", "tests.servers.floods", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


async def timed(dispatcher: Any, key: str, target: Target, limit: float) -> tuple[float, Any]:
    """How long a send takes under a limit, and what it raises."""
    loop = asyncio.get_running_loop()
    job = Job("job", JobSpec(name="job"), key, key, target, Payload("x"), Position("job.yaml"))
    delivery = prepare(Execution(new_id(), job, datetime.now(UTC)), 1)
    began, error = loop.time(), None
    try:
        async with asyncio.timeout(limit):
            await dispatcher.send(cast("Delivery[Any]", delivery))
    except (TimeoutError, DispatchError) as failure:
        error = failure
    return loop.time() - began, error


def flooded(protocol: str, port: int) -> tuple[Any, Target]:
    if protocol == "nats":
        url = f"nats://127.0.0.1:{port}"
        return NatsDispatcher(NatsSettings()), Nats(url=url, subject="q", mode="request")
    url = f"amqp://u:p@127.0.0.1:{port}/"
    return RabbitmqDispatcher(RabbitmqSettings()), Rabbitmq(url=url, queue="q")


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_holds_up_nobody_else(nats_server: NatsServer, name: str) -> None:
    protocol, _ = FLOODS[name]

    async def work(port: int) -> tuple[tuple[float, Any], list[tuple[float, Any]]]:
        hostile, target = flooded(protocol, port)
        healthy = NatsDispatcher(NatsSettings())
        try:
            sending = asyncio.create_task(timed(hostile, protocol, target, _LIMIT))
            await asyncio.sleep(_LIMIT / 4)
            good = Nats(url=nats_server.url, subject="q")
            beside = [await timed(healthy, "nats", good, 5) for _ in range(3)]
            return await sending, beside
        finally:
            await hostile.close()
            await healthy.close()

    with flooding(name) as port:
        (took, error), beside = asyncio.run(work(port))
    assert error is not None
    assert took < _LIMIT + _OVERRUN
    assert [failure for _, failure in beside] == [None] * len(beside)
    # A machine that is busy with others may hold up one of them.
    assert median(took for took, _ in beside) < _DELAY
