"""What a tick costs, and how late it is when many are due in one instant."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tests.benchmarks import jobs
from tests.benchmarks.bench import CHRONOS, Bench, one
from tests.benchmarks.measure import Command, FailureError, Figure, interleaved
from tests.benchmarks.processes import Running

_ROUNDS = 3
_JOBS, _SECONDS = 20, 10
_EVERY = 4  # seconds between two instants
_INSTANTS = 6
_LIMIT = 60.0


def _cron(bench: Bench, names: range, schedule: str) -> Running:
    url = f"http://{bench.http.address}/job"
    text = jobs.scheduled((f"job-{number}" for number in names), [schedule] * len(names), url)
    options = ("--log-format", "json", "--state", bench.fresh(".sqlite"))
    command: Command = [CHRONOS, "cron", *options, bench.file(text)]
    return Running(command, bench.environment(), bench.folder)


def _supercronic(bench: Bench, program: Path, curl: Path) -> Running:
    post = f"{curl} --fail --silent --data daily --output /dev/null http://{bench.http.address}/job"
    crontab = bench.file(f"* * * * * * * {post}\n" * _JOBS, ".crontab")
    return Running([program, "-quiet", crontab], bench.environment(), bench.folder)


def _cpu_of(bench: Bench, start: Callable[[], Running]) -> float:
    """Return the milliseconds of CPU for a tick, once the program runs."""
    bench.http.take()
    with start() as scheduler:
        end = time.monotonic() + _LIMIT
        while not bench.http.take():
            if time.monotonic() > end:
                raise FailureError(f"no tick arrived within {_LIMIT:g} s")
            time.sleep(0.05)
        time.sleep(1.5)  # past the first ticks, and their connections
        bench.http.take()
        before, seconds = scheduler.cpu(), max(2, bench.some(_SECONDS))
        time.sleep(seconds)
        spent, ticks = scheduler.cpu() - before, len(bench.http.take())
    if ticks < _JOBS * (seconds - 1):  # the instants that surely lie within the time
        raise FailureError(f"{ticks} ticks arrived in {seconds} s, {_JOBS} a second were due")
    return spent / ticks * 1000


def _cpu(bench: Bench) -> Figure:
    program, curl = bench.peers.from_go("supercronic"), bench.peers.from_debian("curl")

    def ours() -> Running:
        return _cron(bench, range(_JOBS), "* * * * * *")

    def theirs() -> Running:
        return _supercronic(bench, program, curl)

    ways = (lambda: _cpu_of(bench, ours), lambda: _cpu_of(bench, theirs))
    return Figure.ratio(interleaved(bench.rounds(_ROUNDS), *ways), parts="ms")


def _lateness(bench: Bench, count: int) -> Figure:
    """Return the 99th percentile of how late the requests of one instant arrived, in ms."""
    bench.http.take()
    instants = bench.rounds(_INSTANTS) + 1
    with _cron(bench, range(count), f"*/{_EVERY} * * * * *") as scheduler:
        scheduler.wait_for_event("started", _LIMIT)
        time.sleep(_EVERY * instants + _EVERY / 2)
        arrived = bench.http.take()
    late: dict[str, list[float]] = {}
    for moment, scheduled in arrived:
        instant = datetime.fromisoformat(scheduled).timestamp()
        late.setdefault(scheduled, []).append((moment - instant) * 1000)
    # The first instant makes the connections; that of a late one may have been cut off.
    kept = [late[instant] for instant in sorted(late)][1:instants]
    if len(kept) < instants - 1 or any(len(moments) != count for moments in kept):
        raise FailureError(f"of {count} jobs arrived, by instant: {list(map(len, kept))}")
    return Figure.of([_percentile(moments) for moments in kept])


def _percentile(moments: list[float]) -> float:
    return sorted(moments)[min(len(moments) - 1, int(len(moments) * 0.99))]


MEASUREMENTS = (
    one("tick-cpu", _cpu),
    one("tick-late-100", lambda bench: _lateness(bench, bench.some(100))),
    one("tick-late-1000", lambda bench: _lateness(bench, bench.some(1_000))),
)
