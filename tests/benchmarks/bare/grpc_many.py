"""Many unary calls with grpc.aio: grpc_many ADDRESS COUNT CONCURRENCY."""

from typing import Any

import grpc

from tests.benchmarks.bare.workers import at_once, main


async def script(address: str, count: str, concurrency: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        method: Any = channel.unary_unary("/chronos.v1.JobService/Execute")

        async def send(number: int) -> None:
            text = b"%d" % number
            await method(b"\x0a" + bytes([len(text)]) + text, timeout=30)

        await at_once(int(count), int(concurrency), send)


main(script)
