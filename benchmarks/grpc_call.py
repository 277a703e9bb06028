"""What a warm unary call costs, against the same call written by hand with grpc.aio.

Both run in this process, in turns, against one server in another process:

    python -m benchmarks.grpc_call [CALLS]
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import grpc

from chronos_cli.dispatch.delivery import prepare
from chronos_cli.dispatch.execution import Execution
from chronos_cli.jobs.model import Job, JobSpec, Payload
from chronos_cli.problems import Position
from chronos_cli.protocols.grpc.dispatcher import GrpcDispatcher
from chronos_cli.protocols.grpc.target import Grpc, GrpcSettings
from chronos_cli.receiver.grpc import GrpcReceiver, ReceivedCall

ROUNDS = 5


def serve(ready: Connection) -> None:
    """Serve until the process is ended, after telling the port."""

    async def ignore(_call: ReceivedCall) -> None:
        pass

    async def main() -> None:
        receiver = GrpcReceiver(ignore)
        ready.send(await receiver.start("127.0.0.1", 0))
        await asyncio.Event().wait()

    asyncio.run(main())


async def seconds(call: Callable[[], Awaitable[Any]], count: int) -> float:
    """Return the mean time of one call, made one after the other."""
    began = time.perf_counter()
    for _ in range(count):
        await call()
    return (time.perf_counter() - began) / count


async def measure(port: int, count: int) -> None:
    """Measure both ways in turns, and print the medians."""
    target = Grpc(address=f"127.0.0.1:{port}", method="JobService/Execute")
    job = Job("b", JobSpec(name="b"), "grpc", "grpc", target, Payload(), Position("b.yaml"))
    delivery = replace(prepare(Execution("e", job, datetime.now(UTC)), 1), timeout=30.0)
    dispatcher = GrpcDispatcher(GrpcSettings())

    # By hand: a message that is encoded already, the same metadata, the reply left as bytes.
    request = b"\x0a\x01b\x12\x01b\x1a\x01e\x22\x192026-11-23T09:00:00+00:00\x28\x01"
    metadata = tuple((name.lower(), value) for name, value in delivery.metadata.items())
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    method: Any = channel.unary_unary("/chronos.v1.JobService/Execute")

    async def by_hand() -> None:
        await method(request, metadata=metadata, timeout=30.0)

    async def by_chronos() -> None:
        await dispatcher.send(delivery)

    await seconds(by_hand, 50)
    await seconds(by_chronos, 50)
    pairs = [
        (await seconds(by_hand, count), await seconds(by_chronos, count)) for _ in range(ROUNDS)
    ]
    hand, ours = (statistics.median(column) * 1e6 for column in zip(*pairs, strict=True))
    sys.stdout.write(f"by hand {hand:.0f} µs, chronos {ours:.0f} µs, ratio {ours / hand:.2f}\n")
    await channel.close()
    await dispatcher.close()


if __name__ == "__main__":
    fresh = get_context("spawn")  # grpc does not survive a fork
    ours, theirs = fresh.Pipe()
    server = fresh.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    asyncio.run(measure(ours.recv(), int(sys.argv[1]) if len(sys.argv) > 1 else 500))
    server.terminate()
