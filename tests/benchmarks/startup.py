"""What one command costs from its start to its end, as a line of a crontab pays it."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.bench import CHRONOS, PYTHON, Bench, one
from tests.benchmarks.far import Queue, Stream, Topic
from tests.benchmarks.measure import Command, Figure, interleaved, run

_ROUNDS = 15
_BARE = Path(__file__).parent / "bare"
_HTTPX = "import httpx; httpx.post({url!r}, json={{'report': 'daily'}}).raise_for_status()"
_JOB = "name: one\npayload: {report: daily}\n"
_CALL = {"job_id": "one", "execution_id": "1"}


def _compare(
    bench: Bench, ours: Command, theirs: Command, env: dict[str, str] | None = None
) -> Figure:
    """Run two commands in turns. The first run of each fills the caches and is left out."""
    env = env or bench.environment()

    def timed(command: Command) -> Callable[[], float]:
        return lambda: run(command, env=env, cwd=bench.folder).seconds

    ways = timed(ours), timed(theirs)
    for way in ways:
        way()
    return Figure.ratio(interleaved(bench.rounds(_ROUNDS), *ways))


def _runs(bench: Bench, figure: Figure) -> int:
    """How many messages both commands have sent together."""
    return 2 * (figure.runs + 1)


def _http_job(bench: Bench) -> Path:
    return bench.file(f"{_JOB}webhook: {{url: 'http://{bench.http.address}/job'}}\n")


def _version(bench: Bench) -> Figure:
    return _compare(bench, [CHRONOS, "--version"], [PYTHON, "-c", "pass"])


def _validate(bench: Bench) -> Figure:
    return _compare(bench, [CHRONOS, "validate", _http_job(bench)], [PYTHON, "-c", "pass"])


def _check_jsonschema(bench: Bench) -> Figure:
    checker = bench.peers.from_pypi("check-jsonschema")
    schema = bench.file(bench.chronos("schema").out, ".json")
    job = _http_job(bench)
    theirs: Command = [checker, "--schemafile", schema, job]
    return _compare(bench, [CHRONOS, "validate", job], theirs)


def _http_against(bench: Bench, theirs: Command) -> Figure:
    bench.http.take()
    figure = _compare(bench, [CHRONOS, "run", "--quiet", _http_job(bench)], theirs)
    bench.http.expect(_runs(bench, figure))
    return figure


def _http(bench: Bench) -> Figure:
    url = f"http://{bench.http.address}/job"
    return _http_against(bench, [PYTHON, "-c", _HTTPX.format(url=url)])


def _httpie(bench: Bench) -> Figure:
    program = bench.peers.from_pypi("http")
    url = f"http://{bench.http.address}/job"
    options = ("--ignore-stdin", "--check-status")
    return _http_against(bench, [program, *options, "POST", url, "report=daily"])


def _curl(bench: Bench) -> Figure:
    program = bench.peers.from_debian("curl")
    url = f"http://{bench.http.address}/job"
    body = ("--json", json.dumps({"report": "daily"}))
    return _http_against(bench, [program, "--fail", "--silent", *body, url])


def _kafka_against(bench: Bench, theirs: Callable[[str], Command]) -> Figure:
    topic = Topic(bench.kafka)
    target = {"brokers": [bench.kafka.plaintext], "topic": topic.name}
    job = bench.file(f"{_JOB}kafka: {json.dumps(target)}\n")
    figure = _compare(bench, [CHRONOS, "run", "--quiet", job], theirs(topic.name))
    topic.expect(_runs(bench, figure))
    return figure


def _kafka(bench: Bench) -> Figure:
    script: list[str | Path] = [PYTHON, _BARE / "kafka_one.py", bench.kafka.plaintext]
    return _kafka_against(bench, lambda topic: [*script, topic])


def _kcat(bench: Bench) -> Figure:
    program = bench.peers.from_debian("kcat")
    message = bench.file("one message", ".txt")
    options: list[str | Path] = [program, "-P", "-b", bench.kafka.plaintext]
    return _kafka_against(bench, lambda topic: [*options, "-t", topic, message])


def _nats(bench: Bench) -> Figure:
    stream = Stream(bench.nats.url)  # it takes what is published, and so counts it
    target = {"url": bench.nats.url, "subject": stream.subject}
    job = bench.file(f"{_JOB}nats: {json.dumps(target)}\n")
    script: Command = [PYTHON, _BARE / "nats_one.py", bench.nats.url, stream.subject]
    figure = _compare(bench, [CHRONOS, "run", "--quiet", job], script)
    stream.expect(_runs(bench, figure))
    return figure


def _grpc_against(bench: Bench, theirs: Command) -> Figure:
    target = {"address": bench.grpc.address, "method": "JobService/Execute"}
    job = bench.file(f"name: one\ngrpc: {json.dumps(target)}\n")
    bench.grpc.take()
    figure = _compare(bench, [CHRONOS, "run", "--quiet", job], theirs)
    bench.grpc.expect(_runs(bench, figure))
    return figure


def _grpc(bench: Bench) -> Figure:
    return _grpc_against(bench, [PYTHON, _BARE / "grpc_one.py", bench.grpc.address])


def _grpcurl(bench: Bench) -> Figure:
    program = bench.peers.from_go("grpcurl")
    options = ("-plaintext", "-d", json.dumps(_CALL))
    method = "chronos.v1.JobService/Execute"
    return _grpc_against(bench, [program, *options, bench.grpc.address, method])


def _rabbitmq(bench: Bench) -> Figure:
    queue = Queue(bench.rabbitmq.url)
    target = {"url": bench.rabbitmq.url, "queue": queue.name}
    job = bench.file(f"{_JOB}rabbitmq: {json.dumps(target)}\n")
    script: Command = [PYTHON, _BARE / "rabbitmq_one.py", bench.rabbitmq.url, queue.name]
    figure = _compare(bench, [CHRONOS, "run", "--quiet", job], script)
    queue.expect(_runs(bench, figure))
    return figure


MEASUREMENTS = (
    one("start-version", _version),
    one("start-validate", _validate),
    one("start-check-jsonschema", _check_jsonschema),
    one("start-http", _http),
    one("start-httpie", _httpie),
    one("start-curl", _curl),
    one("start-kafka", _kafka),
    one("start-kcat", _kcat),
    one("start-nats", _nats),
    one("start-grpc", _grpc),
    one("start-grpcurl", _grpcurl),
    one("start-rabbitmq", _rabbitmq),
)
