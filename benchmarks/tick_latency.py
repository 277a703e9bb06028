"""How late ticks start, and how late their requests arrive at a server.

`python benchmarks/tick_latency.py [--jobs 1 20 100] [--seconds 10]`. `chronos cron` runs as a
process of its own with so many jobs of every second; the server is this process. On an idle
machine a tick starts within 50 ms of its instant; that many requests at once then take the time
that their protocol takes. The first second is left out: it is that of the first connections.
"""

import argparse
import asyncio
import json
import signal
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class _Far:
    """Answers at once, and notes how late each request is, in milliseconds."""

    def __init__(self) -> None:
        self.late: dict[str, list[float]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                now = time.time()
                scheduled = _value(head, b"x-chronos-scheduled-time").upper()
                await reader.readexactly(int(_value(head, b"content-length")))
                late = (now - datetime.fromisoformat(scheduled).timestamp()) * 1000
                self.late.setdefault(scheduled, []).append(late)
                writer.write(_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def _value(head: bytes, name: bytes) -> str:
    return head.partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0].decode()


async def _measure(jobs: int, seconds: float) -> tuple[list[float], list[float]]:
    """Return how late executions started and requests arrived, in milliseconds."""
    far = _Far()
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    target = {"url": f"http://127.0.0.1:{port}/"}
    listed = [{"name": f"j{n}", "schedule": "@every 1s", "webhook": target} for n in range(jobs)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "jobs.yaml"
        file.write_text(json.dumps({"jobs": listed}))
        state = str(Path(folder) / "state.sqlite")
        cron = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chronos_cli", "cron", str(file)),
            *("--state", state, "--log-format", "json"),
            stderr=asyncio.subprocess.PIPE,
        )
        reading = asyncio.create_task(_started(cron.stderr))
        await asyncio.sleep(seconds + 3)
        cron.send_signal(signal.SIGTERM)
        code = await cron.wait()
        started = await reading
    server.close()
    if code or len(far.late) < 2:
        sys.exit(f"chronos cron did not fire; it ended with {code}")
    _, *kept = (far.late[tick] for tick in sorted(far.late))
    return started[jobs:], [one for tick in kept for one in tick]


async def _started(log: asyncio.StreamReader | None) -> list[float]:
    """Return how late the executions started, as the log has it."""
    assert log is not None
    found: list[float] = []
    async for line in log:
        event = json.loads(line)
        if event["event"] == "fired":
            found.append(event["late_ms"])
    return found


def _told(late: list[float]) -> str:
    late = sorted(late)
    p99 = late[min(len(late) - 1, int(len(late) * 0.99))]
    return f"median {statistics.median(late):.1f} ms, p99 {p99:.1f} ms, max {late[-1]:.1f} ms"


def main() -> None:
    """Print the figures for each number of jobs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 20, 100])
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    for jobs in options.jobs:
        started, arrived = asyncio.run(_measure(jobs, options.seconds))
        sys.stdout.write(f"{jobs} jobs a second, {len(started)} ticks\n")
        sys.stdout.write(f"  started late by {_told(started)}\n")
        sys.stdout.write(f"  arrived late by {_told(arrived)}\n")


if __name__ == "__main__":
    main()
