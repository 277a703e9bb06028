"""Many POSTs at once, from the rendering of a job to the judged answer: requests a second.

`python benchmarks/http_fanout.py [--requests 5000] [--concurrency 100]`. The server is a process
of its own that answers every request with a few bytes; the rate should hardly depend on the
number of requests.
"""

import argparse
import asyncio
import json
import multiprocessing
import time
from multiprocessing.connection import Connection

from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.delivery import prepare
from chronos_cli.dispatch.execution import Execution, in_zone
from chronos_cli.dispatch.registry import Registry
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.files import SourceFile
from chronos_cli.jobs.interpolate import Sources
from chronos_cli.jobs.load import load_jobs
from chronos_cli.redact import Redactor

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class _Far(asyncio.Protocol):
    """Answers as soon as a request's head and body are there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._seen = b""

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, blank, body = self._seen.partition(b"\r\n\r\n")
        if not blank:
            return
        length = next(
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        if len(body) >= length:
            self._seen = b""
            self._transport.write(_ANSWER)


def _serve(told: Connection) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_Far, "127.0.0.1", 0, backlog=4096)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


async def _fan_out(port: int, requests: int, concurrency: int) -> float:
    """Return the seconds that all requests together took."""
    document = {
        "name": "fan-out",
        "webhook": {"url": f"http://127.0.0.1:{port}/job"},
        "payload": {"report": "daily"},
    }
    source = SourceFile("job.yaml", json.dumps(document).encode())
    registry = Registry()
    (job,) = load_jobs([source], Config(), registry, Sources({}, Redactor())).jobs
    now = in_zone(job, SystemClock().now())
    waiting = iter([Execution(f"id-{number}", job, now) for number in range(requests)])
    plugin = registry.kind(job.key)
    dispatcher = plugin.dispatcher(plugin.settings())

    async def work() -> None:
        for execution in waiting:
            await dispatcher.send(prepare(execution, 1))

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    seconds = time.perf_counter() - began
    await dispatcher.close()
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--requests", type=int, nargs="+", default=[1000, 5000, 20000])
    parser.add_argument("--concurrency", type=int, default=100)
    arguments = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,))
    server.start()
    try:
        port = ours.recv()
        for requests in arguments.requests:
            seconds = asyncio.run(_fan_out(port, requests, arguments.concurrency))
            rate = requests / seconds
            print(f"{requests} POSTs, {arguments.concurrency} at once: {rate:.0f} a second")  # noqa: T201
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
