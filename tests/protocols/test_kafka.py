"""Kafka on the real broker: every success found by somebody else, every failure named."""

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka.admin._acl import AclOperation

from chronos_cli.cli.loading import load_workspace
from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.attempts import Attempts
from chronos_cli.dispatch.execution import Execution, in_zone, new_id
from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.dispatch.registry import Registry
from chronos_cli.dispatch.steps import Steps, StepStatus
from chronos_cli.dispatch.trace import Trace
from chronos_cli.errors import UnreachableError
from chronos_cli.importing.jobs import Imports
from chronos_cli.protocols.kafka.check import judge_partitions
from chronos_cli.protocols.kafka.dispatcher import KafkaDispatcher
from chronos_cli.protocols.kafka.target import KafkaSettings, KafkaTarget
from tests.brokers.certificates import Certificates
from tests.brokers.kafka import KafkaBroker
from tests.protocols.checking import check, failed, names, step
from tests.protocols.harness_kafka import KafkaHarness, consume, headers_of, run_all
from tests.protocols.mock_kafka import MockCluster
from tests.support import HttpServer, Result, chronos

NOT_ENOUGH_REPLICAS, NOT_LEADER, TOO_SLOW, NO_RIGHT = 19, 6, 7, 29
TOO_LARGE_FOR_BROKER, INVALID_RECORD = 10, 87


@pytest.fixture
def kafka(kafka_broker: KafkaBroker) -> KafkaHarness:
    return KafkaHarness(kafka_broker)


@pytest.fixture
def mock() -> Iterator[MockCluster]:
    with MockCluster() as cluster:
        yield cluster


def job_file(folder: Path, target: dict[str, Any], **more: Any) -> str:
    policy = {"max_attempts": 2, "initial_interval": "10ms"}
    job = {"name": "job", "timeout": "10s", "retry_policy": policy, "kafka": target, **more}
    path = folder / "job.yaml"
    path.write_text(json.dumps(job))  # which is YAML too
    return str(path)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    def run(target: dict[str, Any], *, env: dict[str, str] | None = None, **more: Any) -> Result:
        return chronos("run", "--output=json", job_file(tmp_path, target, **more), env=env)

    return run


Run = Callable[..., Result]


def assert_failed(
    result: Result, status: str, exit_code: int, attempts: int, *words: str
) -> dict[str, Any]:
    only = result.only
    assert (only["status"], result.code, len(only["attempts"])) == (status, exit_code, attempts)
    for word in words:
        assert word in only["message"]
    assert result.err == ""
    return only


# What arrives


def test_message_as_another_client_finds_it(kafka: KafkaHarness, run: Run) -> None:
    target = kafka.target()
    own = {"source": "täglich", "none": None, "twice": ["a", "b", None]}
    result = run({**target, "headers": own}, payload="grüße\0", content_type="text/x-own")
    assert result.code == 0
    assert result.only["receipt"] == {"topic": target["topic"], "partition": 0, "offset": 0}
    (message,) = kafka.messages(target["topic"])
    assert message.value() == "grüße\0".encode()
    assert message.key() == b"job"
    headers = headers_of(message)
    names = [name for name, _ in headers]
    assert names[:4] == [
        "X-Chronos-Job-ID",
        "X-Chronos-Execution-ID",
        "X-Chronos-Scheduled-Time",
        "X-Chronos-Attempt",
    ]
    assert dict(headers)["X-Chronos-Execution-ID"] == result.only["execution_id"].encode()
    assert dict(headers)["Content-Type"] == b"text/x-own"
    assert headers[-5:] == [
        ("source", "täglich".encode()),
        ("none", None),
        ("twice", b"a"),
        ("twice", b"b"),
        ("twice", None),
    ]


def test_payload_file_byte_for_byte(kafka: KafkaHarness, tmp_path: Path) -> None:
    raw = bytes(range(256)) * 40
    (tmp_path / "raw.bin").write_bytes(raw)
    target = kafka.target()
    names = ("none", "gzip", "snappy", "lz4", "zstd")
    jobs = {name: {**target, "compression": name} for name in names}
    assert run_all(tmp_path, jobs, payload_file="raw.bin").code == 0
    messages = kafka.messages(target["topic"])
    assert [message.value() for message in messages] == [raw] * 5
    assert {message.key() for message in messages} == {name.encode() for name in names}


@pytest.mark.skipif(not shutil.which("kcat"), reason="kcat is not installed")
@pytest.mark.parametrize(
    ("keys", "key", "payload"),
    [
        ({"key": None, "value": None}, None, None),
        ({"key": "", "value": None}, "", None),
        ({"key": "order-{{ attempt }}"}, "order-1", "{}"),
    ],
)
def test_null_and_empty_are_not_the_same(
    kafka: KafkaHarness, run: Run, keys: dict[str, Any], key: str | None, payload: str | None
) -> None:
    target = kafka.target() | keys
    more: dict[str, Any] = {} if payload is None else {"payload": {}}
    assert run(target, **more).code == 0
    told = subprocess.run(
        ["kcat", "-C", "-b", kafka.broker.plaintext, "-t", target["topic"], "-e", "-q", "-J"],
        capture_output=True,
        check=True,
        timeout=20,
    )
    message = json.loads(told.stdout)
    assert message["key"] == key
    assert message["payload"] == payload


@pytest.mark.skipif(not shutil.which("kcat"), reason="kcat is not installed")
@pytest.mark.parametrize("options", ["", "-k order-7 -H a=1 -H b= -H a=2 -z gzip"])
def test_an_imported_kcat_sends_the_same(kafka: KafkaHarness, options: str) -> None:
    topic = kafka.topic(partitions=7)
    line = f"kcat -P -b {kafka.broker.plaintext} -t {topic} {options}"
    subprocess.run(line.split(), input=b"the text\n", check=True, timeout=20)
    job = Imports(Registry()).of_command(line, "/", {}, "the text\n")
    assert chronos("run", "-", "--no-state", stdin=job.text).code == 0
    by_kcat, by_job = kafka.messages(topic)
    assert (by_job.key(), by_job.value()) == (by_kcat.key(), by_kcat.value())
    ours = [one for one in headers_of(by_job) if len(one[0]) == 1]
    assert ours == headers_of(by_kcat)
    if options:
        assert by_job.partition() == by_kcat.partition()


def test_headers_as_a_list_and_partition(kafka: KafkaHarness, run: Run) -> None:
    listed = [{"name": "b", "value": "1"}, {"name": "a", "value": None}, {"name": "b", "value": ""}]
    topic = kafka.topic(partitions=3)
    target = {"brokers": kafka.broker.plaintext, "topic": topic, "headers": listed, "partition": 2}
    result = run(target)
    assert result.only["receipt"] == {"topic": topic, "partition": 2, "offset": 0}
    (message,) = kafka.messages(topic)
    assert headers_of(message)[-3:] == [("b", b"1"), ("a", None), ("b", b"")]


def test_acks_of_the_operator_and_of_the_job(kafka: KafkaHarness, tmp_path: Path) -> None:
    config = tmp_path / "chronos.yaml"
    config.write_text("dispatcher: {kafka: {required_acks: 0, retry_max: 3}}")
    target = kafka.target()
    own: list[dict[str, Any]] = [{}, {"acks": 1}, {"required_acks": "all"}, {"acks": -1}]
    jobs = {f"job-{number}": target | keys for number, keys in enumerate(own)}
    result = run_all(tmp_path, jobs, env={"CHRONOS_CONFIG": str(config)})
    assert result.code == 0
    unconfirmed, *confirmed = result.report["results"]
    assert "unconfirmed" in unconfirmed["message"]
    assert unconfirmed["receipt"]["offset"] is None
    for each in confirmed:
        assert each["message"] == ""
        assert each["receipt"]["offset"] is not None
    assert len(kafka.messages(target["topic"])) == 4


def test_login_over_tls(kafka: KafkaHarness, certificates: Certificates, tmp_path: Path) -> None:
    target = kafka.bad_credentials("")
    assert target is not None
    mechanisms = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
    jobs = {name: target | {"sasl": kafka.login(name)} for name in mechanisms}
    assert run_all(tmp_path, jobs).code == 0
    assert len(kafka.messages(target["topic"])) == 3


def test_client_certificate(kafka: KafkaHarness, certificates: Certificates, run: Run) -> None:
    ca = {"ca": str(certificates.ca)}
    target = {"brokers": kafka.broker.mutual_ssl, "topic": kafka.topic(), "tls": ca}
    assert_failed(run(target), "rejected", 4, 1, "TLS", "certificate")
    identity = certificates.client
    ours = {"cert": str(identity.certificate), "key": str(identity.key)}
    assert run(target | {"tls": ca | ours}).code == 0


def test_dry_run_shows_the_message(tmp_path: Path) -> None:
    target = {"brokers": "kafka:9092", "topic": "orders", "partition": 1, "headers": {"a": None}}
    result = chronos("run", "--dry-run", job_file(tmp_path, target, payload="hello"))
    assert result.code == 0
    for words in ("PRODUCE orders partition 1, key job", "orders on kafka:9092", "hello"):
        assert words in result.out


# What fails


def test_refused_and_unknown_host(kafka: KafkaHarness, tmp_path: Path, closed_port: int) -> None:
    refused = kafka.at_port(closed_port)
    unknown = refused | {"brokers": ["nosuch.invalid:9092"]}
    result = run_all(tmp_path, {"refused": refused, "unknown": unknown})
    assert (result.code, result.err) == (5, "")
    for only, words in zip(
        result.report["results"],
        (f"connection refused (127.0.0.1:{closed_port})", "cannot resolve the host name"),
        strict=True,
    ):
        assert (only["status"], len(only["attempts"])) == ("unreachable", 2)
        assert words in only["message"]
        assert only["duration_ms"] < 5000


def test_one_of_several_brokers_is_enough(kafka: KafkaHarness, run: Run, closed_port: int) -> None:
    target = kafka.target()
    brokers = f"127.0.0.1:{closed_port}, nosuch.invalid:9092 ,{kafka.broker.plaintext}"
    result = run(target | {"brokers": brokers})
    assert (result.code, len(result.only["attempts"])) == (0, 1)


REJECTED: list[tuple[dict[str, Any], str]] = [
    ({"topic": "missing"}, "the topic does not exist"),
    ({"partition": 7}, "no such partition"),
    ({"properties": {"no.such": 1}}, "no.such"),
    ({"properties": {"retry.backoff.ms": "soon"}}, "retry.backoff.ms"),
    ({"tls": {"ca": "/nowhere/ca.pem"}}, "/nowhere/ca.pem"),
    ({"value": None}, "both a payload and 'value: null'"),
]
TOO_LARGE: list[tuple[dict[str, Any], str]] = [
    ({}, "too large"),
    ({"properties": {"message.max.bytes": 5_000_000}}, "too large"),
]


@pytest.mark.parametrize(("rows", "size"), [(REJECTED, 1), (TOO_LARGE, 2_000_000)])
def test_rejected_at_once(
    kafka: KafkaHarness, tmp_path: Path, rows: list[tuple[dict[str, Any], str]], size: int
) -> None:
    (tmp_path / "raw.bin").write_bytes(b"x" * size)
    jobs = {f"job-{number}": kafka.target() | keys for number, (keys, _) in enumerate(rows)}
    result = run_all(tmp_path, jobs, payload_file="raw.bin")
    assert (result.code, result.err) == (4, "")
    for only, (_, words) in zip(result.report["results"], rows, strict=True):
        assert (only["status"], len(only["attempts"])) == ("rejected", 1)
        assert words in only["message"]
        assert only["duration_ms"] < 2500
    assert all(not kafka.messages(target["topic"]) for target in list(jobs.values())[1:])


@pytest.mark.parametrize(
    ("config", "bad", "words"),
    [
        ({"max.message.bytes": "2000"}, {"headers": {"long": "x" * 3000}}, "too large"),
        ({"cleanup.policy": "compact"}, {"key": None}, "key"),
    ],
    ids=["too large", "without a key"],
)
def test_a_refused_message_takes_no_other_with_it(
    kafka: KafkaHarness,
    tmp_path: Path,
    config: dict[str, str],
    bad: dict[str, Any],
    words: str,
) -> None:
    topic = kafka.topic(config=config)
    target = {"brokers": [kafka.broker.plaintext], "topic": topic}
    targets = {f"good-{number}": target for number in range(30)}
    targets["bad"] = target | bad
    targets |= {f"more-{number}": target for number in range(30)}
    result = run_all(tmp_path, targets)
    assert (result.code, result.err) == (7, "")
    for only in result.report["results"]:
        assert len(only["attempts"]) == 1
        expected = "rejected" if only["job_id"] == "bad" else "succeeded"
        assert only["status"] == expected, only
        assert expected == "succeeded" or words in only["message"].lower()
    assert len(kafka.messages(topic)) == 60


def test_an_error_names_the_topic_of_its_own_job(kafka: KafkaHarness, tmp_path: Path) -> None:
    target = kafka.target()
    rows = {
        "good": target,
        "missing": target | {"topic": "no-such-topic"},
        "partition": kafka.target() | {"partition": 7},
    }
    result = run_all(tmp_path, rows)
    assert result.code == 7
    for name, only in zip(rows, result.report["results"], strict=True):
        if name != "good":
            assert f"({rows[name]['topic']} on " in only["message"]


def test_wrong_login(kafka: KafkaHarness, certificates: Certificates, run: Run) -> None:
    target = kafka.bad_credentials("wrong-word-of-ours")
    assert target is not None
    result = run(target)
    assert_failed(result, "rejected", 4, 1, "invalid credentials")
    assert "wrong-word-of-ours" not in result.out
    limited = kafka.login(username=kafka.broker.limited_user)
    assert_failed(run(target | {"sasl": limited}), "rejected", 4, 1, "may not write")


def test_certificates_that_do_not_do(
    kafka: KafkaHarness, certificates: Certificates, run: Run
) -> None:
    unknown = kafka.tls(certificates.other_ca)
    assert unknown is not None
    assert_failed(run(unknown), "rejected", 4, 1, "TLS", "certificate verify failed")
    known = {"tls": {"ca": str(certificates.ca)}}
    assert run(unknown | known).code == 0
    elsewhere = unknown | known | {"brokers": kafka.broker.wrong_host_ssl}
    assert_failed(run(elsewhere), "rejected", 4, 1, "TLS", "certificate verify failed")
    assert run(elsewhere | {"tls": {"insecure_skip_verify": True}}).code == 0


def test_plaintext_to_a_port_of_tls(kafka: KafkaHarness, run: Run) -> None:
    target = {"brokers": kafka.broker.ssl, "topic": "jobs"}
    assert_failed(run(target), "unreachable", 5, 2, "does this port want TLS?")


def test_tls_to_a_port_of_plaintext(kafka: KafkaHarness, run: Run) -> None:
    """Such a port only hangs up, as a broker that restarts does."""
    assert_failed(run(kafka.target() | {"tls": {}}), "unreachable", 5, 2, "PLAINTEXT")


def test_token_server_is_away(kafka: KafkaHarness, run: Run, closed_port: int) -> None:
    endpoint = f"http://127.0.0.1:{closed_port}/token"
    login = {"mechanism": "OAUTHBEARER", "token_endpoint": endpoint, "client_id": "chronos"}
    target = kafka.target() | {"sasl": login | {"client_secret": "word-of-the-client"}}
    result = run(target)
    assert_failed(result, "unreachable", 5, 2, "OAUTHBEARER token", str(closed_port))
    assert "word-of-the-client" not in result.out


def test_token_server_says_no(kafka: KafkaHarness, run: Run, server: HttpServer) -> None:
    login = {"mechanism": "OAUTHBEARER", "token_endpoint": f"{server.url}/status/401"}
    target = kafka.target() | {"sasl": {**login, "client_id": "chronos", "client_secret": "abcd"}}
    assert_failed(run(target), "rejected", 4, 1, "OAUTHBEARER token", "401")


def test_timeout_tells_what_went_wrong(run: Run, silent_port: int, closed_port: int) -> None:
    brokers = [f"127.0.0.1:{closed_port}", f"127.0.0.1:{silent_port}"]
    result = run({"brokers": brokers, "topic": "jobs"}, timeout="1500ms")
    words = f"last error: connection refused (127.0.0.1:{closed_port})"
    assert_failed(result, "timed_out", 6, 2, "no answer within 1.5s", words)


def test_silent_port(kafka: KafkaHarness, run: Run, silent_port: int) -> None:
    result = run(kafka.at_port(silent_port), timeout="700ms")
    only = assert_failed(result, "timed_out", 6, 2, "no answer within 700ms")
    assert all(700 <= attempt["duration_ms"] < 900 for attempt in only["attempts"])


def test_frozen_broker(kafka: KafkaHarness, run: Run) -> None:
    target = kafka.target()
    with kafka.broker.paused():
        result = run(target, timeout="700ms")
    only = assert_failed(result, "timed_out", 6, 2)
    assert all(700 <= attempt["duration_ms"] < 900 for attempt in only["attempts"])


def load(folder: Path, target: dict[str, Any], **more: Any) -> Callable[[], Execution]:
    (job,) = load_workspace([job_file(folder, target, **more)], None).jobs

    def execution() -> Execution:
        return Execution(new_id(), job, in_zone(job, SystemClock().now()), {}, Trace.start())

    return execution


# A dispatcher as the registry hands it out: its Target is no wider than its own.
async def outcome_of(execution: Execution, dispatcher: Any) -> Outcome:
    return await Attempts(SystemClock(), execution, dispatcher).outcome()


Talk = Callable[[Any], Awaitable[None]]


def with_dispatcher(talk: Talk) -> None:
    async def run() -> None:
        dispatcher = KafkaDispatcher(KafkaSettings())
        try:
            await talk(dispatcher)
        finally:
            began = time.monotonic()
            await dispatcher.close()
            assert time.monotonic() - began < 0.5
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run(), debug=True)


def connections_of(pid: int, port: int) -> int:
    """How many established connections this process has to a port."""
    wanted = f"0100007F:{port:04X} 01"
    sockets = {
        str(entry.readlink())[8:-1]
        for entry in Path(f"/proc/{pid}/fd").iterdir()
        if entry.is_socket()
    }
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(f"{row[2]} {row[3]}" == wanted and row[9] in sockets for row in rows)


def test_many_messages_over_one_connection(kafka: KafkaHarness, tmp_path: Path) -> None:
    target = kafka.target()
    execution = load(tmp_path, target)

    async def talk(dispatcher: Any) -> None:
        outcomes = await asyncio.gather(*(outcome_of(execution(), dispatcher) for _ in range(500)))
        assert {outcome.status for outcome in outcomes} == {Status.SUCCEEDED}
        assert sorted(outcome.receipt["offset"] for outcome in outcomes) == list(range(500))
        port = int(kafka.broker.plaintext.rpartition(":")[2])
        # librdkafka keeps the connection that it asked first beside the one to the leader.
        assert connections_of(os.getpid(), port) <= 2

    with_dispatcher(talk)
    assert len(kafka.messages(target["topic"])) == 500


def test_cancelled_message_does_not_arrive_later(kafka: KafkaHarness, tmp_path: Path) -> None:
    target = kafka.target()
    execution = load(tmp_path, target, timeout="300ms", retry_policy={"max_attempts": 1})

    async def talk(dispatcher: Any) -> None:
        with kafka.broker.paused():
            outcome = await outcome_of(execution(), dispatcher)
        assert outcome.status is Status.TIMED_OUT
        assert (await outcome_of(execution(), dispatcher)).status is Status.SUCCEEDED

    with_dispatcher(talk)
    assert len(kafka.messages(target["topic"])) == 1


def test_broker_killed_between_send_and_ack(kafka: KafkaHarness, tmp_path: Path) -> None:
    target = kafka.target()
    policy = {"max_attempts": 60, "initial_interval": "200ms", "multiplier": 1, "jitter": 0}
    execution = load(tmp_path, target, timeout="60s", retry_policy=policy)

    async def talk(dispatcher: Any) -> None:
        assert (await outcome_of(execution(), dispatcher)).status is Status.SUCCEEDED
        kafka.broker.process.pause()
        second = asyncio.create_task(outcome_of(execution(), dispatcher))
        await asyncio.sleep(0.3)
        kafka.broker.process.kill()
        await asyncio.sleep(1.5)
        kafka.broker.start()
        outcome: Outcome = await second
        assert outcome.status is Status.SUCCEEDED
        assert len(outcome.attempts) > 1
        assert {attempt.status for attempt in outcome.attempts[:-1]} == {Status.UNREACHABLE}
        received = kafka.received(target)
        ids = [message.headers["x-chronos-execution-id"] for message in received]
        assert outcome.execution_id in ids

    with_dispatcher(talk)


# What a broker may answer


def on_mock(mock: MockCluster, **more: Any) -> dict[str, Any]:
    return {"brokers": mock.address, "topic": "orders", **more}


def test_passing_errors_are_tried_again_inside_the_attempt(mock: MockCluster, run: Run) -> None:
    mock.fail_next(NOT_ENOUGH_REPLICAS, NOT_LEADER)
    result = run(on_mock(mock))
    assert (result.code, len(result.only["attempts"])) == (0, 1)
    assert len(consume(mock.address, "orders")) == 1


def test_too_few_replicas(mock: MockCluster, run: Run) -> None:
    mock.fail_next(*[NOT_ENOUGH_REPLICAS] * 20)
    only = assert_failed(run(on_mock(mock)), "unreachable", 5, 2, "too few replicas")
    assert only["code"] == "NOT_ENOUGH_REPLICAS"


def test_too_few_replicas_for_a_while(mock: MockCluster, run: Run) -> None:
    mock.fail_next(*[NOT_ENOUGH_REPLICAS] * 4)
    result = run(on_mock(mock))
    statuses = [attempt["status"] for attempt in result.only["attempts"]]
    assert (result.code, statuses) == (0, ["unreachable", "succeeded"])
    assert len(consume(mock.address, "orders")) == 1


@pytest.mark.parametrize(
    ("code", "status", "exit_code", "attempts"),
    [(NO_RIGHT, "rejected", 4, 1), (TOO_SLOW, "timed_out", 6, 2)],
)
def test_answer_of_the_broker(  # noqa: PLR0917
    mock: MockCluster, run: Run, code: int, status: str, exit_code: int, attempts: int
) -> None:
    mock.fail_next(*[code] * 20)
    assert_failed(run(on_mock(mock)), status, exit_code, attempts)


@pytest.mark.parametrize("code", [TOO_LARGE_FOR_BROKER, INVALID_RECORD])
def test_messages_of_a_refused_batch_are_sent_again_alone(
    mock: MockCluster, tmp_path: Path, code: int
) -> None:
    mock.fail_next(code, code)
    result = run_all(tmp_path, {f"job-{number}": on_mock(mock) for number in range(30)})
    assert (result.code, result.err) == (0, "")
    assert {len(only["attempts"]) for only in result.report["results"]} == {1}
    keys = [message.key() for message in consume(mock.address, "orders")]
    assert len(keys) == len(set(keys)) == 30


@pytest.mark.parametrize("code", [TOO_LARGE_FOR_BROKER, INVALID_RECORD])
def test_a_message_that_is_refused_alone_is_not_sent_again(
    mock: MockCluster, run: Run, code: int
) -> None:
    mock.fail_next(code)
    assert_failed(run(on_mock(mock)), "rejected", 4, 1)
    assert run(on_mock(mock)).code == 0
    assert len(consume(mock.address, "orders")) == 1


def test_connection_lost_with_the_message_on_its_way(mock: MockCluster, tmp_path: Path) -> None:
    execution = load(tmp_path, on_mock(mock), retry_policy={"max_attempts": 1})

    async def talk(dispatcher: Any) -> None:
        assert (await outcome_of(execution(), dispatcher)).status is Status.SUCCEEDED
        mock.slow(500)
        lost = asyncio.create_task(outcome_of(execution(), dispatcher))
        await asyncio.sleep(0.1)
        mock.down()
        assert (await lost).status is Status.UNREACHABLE
        mock.slow(0)
        mock.up()
        assert (await outcome_of(execution(), dispatcher)).status is Status.SUCCEEDED

    with_dispatcher(talk)


def test_broker_that_is_back_soon_is_not_given_up(mock: MockCluster, tmp_path: Path) -> None:
    execution = load(tmp_path, on_mock(mock), retry_policy={"max_attempts": 1})

    async def talk(dispatcher: Any) -> None:
        mock.down()
        waiting = asyncio.create_task(outcome_of(execution(), dispatcher))
        await asyncio.sleep(0.2)
        mock.up()
        assert (await waiting).status is Status.SUCCEEDED

    with_dispatcher(talk)


def test_broker_that_is_slow_is_not_down(mock: MockCluster, run: Run) -> None:
    mock.slow(400)
    result = run(on_mock(mock))
    assert (result.code, len(result.only["attempts"])) == (0, 1)


def test_checks(kafka: KafkaHarness, certificates: Certificates) -> None:
    """The login, the topic, its partition, our right; no topic is made by asking for it."""
    good = kafka.target()
    result = check("kafka", good)
    way = ["loaded", "resolve", "connect", "kafka", "login"]
    steps = [*way, "topic", "partition", "write", "message"]
    assert (result.status, names(result)) == ("succeeded", steps)
    assert step(result, "topic").message == f"{good['topic']}: 1 partition, 1 replica"
    assert step(result, "write").message == "allowed"

    absent = f"jobs-{uuid4()}"
    for _ in range(2):  # had it been made, the second would find it
        status, name, message = failed(check("kafka", {**good, "topic": absent}))
        assert (status, name, "does not exist" in message) == ("rejected", "topic", True)
    status, name, message = failed(check("kafka", {**good, "partition": 7}))
    assert (status, name, "no partition 7" in message) == ("rejected", "partition", True)

    secured = kafka.login_target()
    assert secured is not None
    result = check("kafka", secured)
    assert (result.status, step(result, "tls").status) == ("succeeded", "succeeded")
    assert step(result, "login").message == "PLAIN accepted; 1 broker"
    limited = {**secured, "sasl": kafka.login(username=kafka.broker.limited_user)}
    status, name, message = failed(check("kafka", limited))
    assert (status, name, "may not write" in message) == ("rejected", "topic", True)
    wrong = {**secured, "sasl": kafka.login(password="not-it")}
    assert failed(check("kafka", wrong))[:2] == ("rejected", "login")


@pytest.mark.parametrize(
    ("config", "keys", "words"),
    [
        ({"max.message.bytes": "2000"}, {"headers": {"long": "x" * 3000}}, "message is too large"),
        ({}, {"properties": {"message.max.bytes": 1000}, "key": "x" * 1000}, "too large"),
        ({"cleanup.policy": "compact,delete"}, {"key": None}, "key"),
        ({}, {"value": None}, "both a payload and 'value: null'"),
    ],
    ids=["too large", "too large for us", "without a key", "two values"],
)
def test_a_check_of_a_message_that_is_refused(
    kafka: KafkaHarness, run: Run, config: dict[str, str], keys: dict[str, Any], words: str
) -> None:
    target = {"brokers": kafka.broker.plaintext, "topic": kafka.topic(config=config), **keys}
    status, name, message = failed(check("kafka", target, payload="x"))
    assert (status, name, words in message) == ("rejected", "message", True), message
    assert_failed(run(target, payload="x"), "rejected", 4, 1, words)


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ({"max.message.bytes": "2000"}, {"headers": {"long": "x" * 1000}}),
        ({"max.message.bytes": "2000"}, {"headers": {"a": "x" * 3000}, "compression": "gzip"}),
        ({"cleanup.policy": "compact"}, {"key": ""}),
        ({"min.insync.replicas": "2"}, {}),
    ],
    ids=["small enough", "compressed", "with a key", "no more replicas than there are"],
)
def test_a_check_of_a_message_that_is_taken(
    kafka: KafkaHarness, run: Run, config: dict[str, str], keys: dict[str, Any]
) -> None:
    target = {"brokers": kafka.broker.plaintext, "topic": kafka.topic(config=config), **keys}
    assert check("kafka", target).status == "succeeded"
    assert run(target).code == 0


def test_a_check_without_the_right_to_read_the_configuration(kafka: KafkaHarness) -> None:
    """Who may write need not have it, so what it would tell is not known."""
    secured = kafka.login_target()
    assert secured is not None
    user = kafka.broker.limited_user
    kafka.allow(user, secured["topic"], AclOperation.WRITE)
    target = {**secured, "sasl": kafka.login(username=user)}
    result = check("kafka", target)
    assert (result.status, step(result, "write").message) == ("succeeded", "allowed")
    assert "not known: we may not read" in step(result, "message").message
    kafka.allow(user, secured["topic"], AclOperation.DESCRIBE_CONFIGS)
    assert "not known" not in step(check("kafka", target), "message").message


def partition(number: int, in_sync: int) -> Any:
    node = SimpleNamespace(id=1)
    return SimpleNamespace(id=number, leader=node, replicas=[node] * 3, isr=[node] * in_sync)


@pytest.mark.parametrize(
    ("in_sync", "needed", "expected"),
    [
        ((3, 3), 3, (StepStatus.SUCCEEDED, "all have leaders")),
        ((2, 3), 3, (StepStatus.WARNING, "replicas are not in sync in 0")),
        ((2, 2), 2, (StepStatus.WARNING, "replicas are not in sync in 0, 1")),
        ((2, 1), 3, (StepStatus.UNREACHABLE, "fewer than 3 replicas are in sync in 0, 1")),
        ((3, 3), 5, (StepStatus.SUCCEEDED, "all have leaders")),
    ],
)
def test_replicas_that_are_in_sync(
    in_sync: tuple[int, int], needed: int, expected: tuple[StepStatus, str]
) -> None:
    topic = SimpleNamespace(partitions=[partition(*one) for one in enumerate(in_sync)])
    target = KafkaTarget(brokers="127.0.0.1:9092", topic="jobs")
    steps = Steps(SystemClock(), 0)
    with suppress(UnreachableError), steps.step("partition") as judged:
        judge_partitions(judged, topic, target, needed)
    (found,) = steps.taken
    assert (found.status, expected[1] in found.message) == (expected[0], True), found
