"""Many jobs in one `chronos run`: the rate once the first ones, as many as at once, are accepted.

So neither the reading of the file nor the first connections are in it, on both sides.
"""

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from tests.benchmarks import jobs
from tests.benchmarks.bench import PYTHON, Bench, one
from tests.benchmarks.far import CountingServer, Queue, Stream, Topic, check_count
from tests.benchmarks.measure import Command, Figure, interleaved, run
from tests.support import ROOT

_ROUNDS = 5
_CONCURRENCY = 100
_HTTP, _OTHERS = 10_000, 5_000
_FLAT = (1_000, 10_000, 50_000)
# One file holds about 15,000 jobs at most.
_IN_FILE = 10_000


class _Far(Protocol):
    def expect(self, count: int) -> None: ...


def rate(accepted: list[float], concurrency: int) -> float:
    """Return the messages a second, from when each was accepted, in seconds.

    Those sent first are left out, for they wait for their connections. They set out together
    and so arrive together: with a part of them the rate of a short batch would be too high.
    """
    moments = sorted(accepted)
    first = min(concurrency, len(moments) // 2)
    return (len(moments) - first) / (moments[-1] - moments[first - 1])


def _rate_of_chronos(bench: Bench, count: int, target: dict[str, Any], far: _Far) -> float:
    """Return the rate of one `chronos run`, when the far side has all messages."""
    folder = bench.fresh("-jobs")
    folder.mkdir()
    for number, first in enumerate(range(0, count, _IN_FILE)):
        part = range(first, min(first + _IN_FILE, count))
        (folder / f"jobs-{number}.yaml").write_text(jobs.fan_out(part, target))
    options = ("--no-state", "--output", "json", "--concurrency", str(_CONCURRENCY))
    report = json.loads(bench.chronos("run", *options, folder).out)
    shutil.rmtree(folder)
    far.expect(count)
    attempts = [attempt for result in report["results"] for attempt in result["attempts"]]
    check_count(len(attempts), count)
    return rate([_end(attempt) for attempt in attempts], _CONCURRENCY)


def _end(attempt: dict[str, Any]) -> float:
    seconds: float = attempt["duration_ms"] / 1000
    return datetime.fromisoformat(attempt["started_at"]).timestamp() + seconds


def _rate_by_hand(
    count: int, python: Path, script: str, arguments: tuple[str, ...], far: _Far
) -> float:
    """Return the rate of one of the scripts in `bare/`, when the far side has all messages."""
    module = f"tests.benchmarks.bare.{script}"
    command: Command = [python, "-m", module, *arguments, str(count), str(_CONCURRENCY)]
    accepted = json.loads(run(command, cwd=ROOT).out)
    far.expect(count)
    return rate(accepted, _CONCURRENCY)


def _compare(ours: Callable[[], float], theirs: Callable[[], float], bench: Bench) -> Figure:
    return Figure.ratio(interleaved(bench.rounds(_ROUNDS), ours, theirs), parts="jobs/s")


def _webhook(bench: Bench) -> dict[str, Any]:
    return {"webhook": {"url": f"http://{bench.http.address}/job"}}


def _http(bench: Bench) -> Figure:
    python = bench.peers.from_pypi("python")
    count, far = bench.some(_HTTP), bench.http
    url = f"http://{far.address}/job"
    far.take()
    return _compare(
        lambda: _rate_of_chronos(bench, count, _webhook(bench), far),
        lambda: _rate_by_hand(count, python, "http_many", (url,), far),
        bench,
    )


def _flat(bench: Bench) -> Figure:
    """Compare the rates of small and large batches: the highest to the lowest of one round."""
    bench.http.take()

    def rate_of(count: int) -> Callable[[], float]:
        some = max(bench.some(count), 5 * _CONCURRENCY)  # fewer would have no steady rate
        return lambda: _rate_of_chronos(bench, some, _webhook(bench), bench.http)

    rounds = zip(*interleaved(bench.rounds(3), *map(rate_of, _FLAT)), strict=True)
    extremes = [(max(rates), min(rates)) for rates in rounds]
    return Figure.ratio(list(zip(*extremes, strict=True)), parts="jobs/s")


def _jetstream(bench: Bench) -> Figure:
    count, url = bench.some(_OTHERS), bench.nats.url

    def ours() -> float:
        stream = Stream(url)
        target = {"nats": {"url": url, "subject": stream.subject, "mode": "jetstream"}}
        return _rate_of_chronos(bench, count, target, stream)

    def theirs() -> float:
        stream = Stream(url)
        return _rate_by_hand(count, PYTHON, "nats_many", (url, stream.subject), stream)

    return _compare(ours, theirs, bench)


def _grpc(bench: Bench, far: CountingServer) -> Figure:
    count = bench.some(_OTHERS)
    method = "chronos.v1.JobService/Execute"
    proto = {"files": [str(ROOT / "chronos_cli/receiver/job_service.proto")]}
    target = {"grpc": {"address": far.address, "method": method, "proto": proto}}
    far.take()
    return _compare(
        lambda: _rate_of_chronos(bench, count, target, far),
        lambda: _rate_by_hand(count, PYTHON, "grpc_many", (far.address,), far),
        bench,
    )


def _rabbitmq(bench: Bench) -> Figure:
    count, url = bench.some(_OTHERS), bench.rabbitmq.url

    def ours() -> float:
        queue = Queue(url)
        return _rate_of_chronos(
            bench, count, {"rabbitmq": {"url": url, "queue": queue.name}}, queue
        )

    def theirs() -> float:
        queue = Queue(url)
        return _rate_by_hand(count, PYTHON, "rabbitmq_many", (url, queue.name), queue)

    return _compare(ours, theirs, bench)


def _kafka(bench: Bench) -> Figure:
    count, brokers = bench.some(_OTHERS), bench.kafka.plaintext

    def ours() -> float:
        topic = Topic(bench.kafka)
        target = {"kafka": {"brokers": [brokers], "topic": topic.name}}
        return _rate_of_chronos(bench, count, target, topic)

    def theirs() -> float:
        topic = Topic(bench.kafka)
        return _rate_by_hand(count, PYTHON, "kafka_many", (brokers, topic.name), topic)

    return _compare(ours, theirs, bench)


MEASUREMENTS = (
    one("fanout-http", _http),
    one("fanout-flat", _flat),
    one("fanout-jetstream", _jetstream),
    one("fanout-grpc", lambda bench: _grpc(bench, bench.grpc)),
    one("fanout-grpc-unbound", lambda bench: _grpc(bench, bench.unary)),
    one("fanout-rabbitmq", _rabbitmq),
    one("fanout-kafka", _kafka),
)
