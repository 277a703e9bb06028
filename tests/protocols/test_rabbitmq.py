"""RabbitMQ by the real program on a real broker, with a bare client to look at what arrived."""

import contextlib
import json
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.protocols.checking import check, failed, names, step
from tests.protocols.harness_rabbitmq import RabbitNode, bare_channel, declare_queue, take_all
from tests.servers.cutting_proxy import CuttingProxy
from tests.support import Result, chronos

_RETRY = {"max_attempts": 3, "initial_interval": "20ms", "jitter": 0}
# Of the exchanges that each virtual host has.
KINDS = ("direct", "fanout", "topic", "headers")


def run(folder: Path, target: dict[str, Any], *options: str, **keys: Any) -> Result:
    return run_all(folder, [job(target, **keys)], *options)


def job(target: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"name": "job", "timeout": "5s", "retry_policy": _RETRY, "rabbitmq": target, **keys}


def run_all(folder: Path, jobs: Sequence[dict[str, Any]], *options: str) -> Result:
    path = folder / "jobs.yaml"
    path.write_text(json.dumps({"jobs": list(jobs)}))
    return chronos("run", str(path), "--output", "json", *options)


def ended(result: Result) -> tuple[int, str, str | None, int]:
    only = result.only
    return result.code, only["status"], only["code"], len(only["attempts"])


def missing_name() -> str:
    return f"missing-{uuid.uuid4().hex[:8]}"


@contextlib.contextmanager
def consuming(url: str) -> Iterator[tuple[BlockingChannel, list[bytes], str]]:
    """A consumer of a queue to which all that the exchanges of these kinds get for it comes."""
    arrived: list[bytes] = []
    with bare_channel(url) as channel:
        queue = channel.queue_declare("", exclusive=True).method.queue
        for kind in KINDS:
            keys = {"x-match": "all"} if kind == "headers" else None
            channel.queue_bind(queue, f"amq.{kind}", "#" if kind == "topic" else queue, keys)
        channel.basic_consume(
            queue, lambda _channel, _method, _properties, body: arrived.append(body), auto_ack=True
        )
        yield channel, arrived, queue


@contextlib.contextmanager
def renamed(port: int, old: bytes, new: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A way to a port by which what comes from there has other words; and what was sent to it."""
    sent: list[bytes] = []

    def carry(source: socket.socket, sink: socket.socket, *, is_ours: bool) -> None:
        with contextlib.suppress(OSError), source:
            while data := source.recv(65536):
                if is_ours:
                    sent.append(data)
                sink.sendall(data if is_ours else data.replace(old, new))
            sink.shutdown(socket.SHUT_WR)

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours = listener.accept()[0]
                theirs = socket.create_connection(("127.0.0.1", port))
                for source, sink, is_ours in ((ours, theirs, True), (theirs, ours, False)):
                    words = {"is_ours": is_ours}
                    threading.Thread(
                        target=carry, args=(source, sink), kwargs=words, daemon=True
                    ).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1], sent


def test_consumer_finds_every_property_and_typed_header(
    rabbitmq_broker: RabbitNode, tmp_path: Path
) -> None:
    queue = declare_queue(rabbitmq_broker.url, {"x-max-priority": 10})
    headers = {
        "text": "grün",
        "int": 7,
        "large": 2**40,
        "negative": -3,
        "yes": True,
        "nothing": None,
        "list": ["a", 1, False, {"deep": 1}],
        "map": {"k": {"kk": [1, None]}},
        "run": "{{ execution.id }}",
    }
    target = {
        "url": rabbitmq_broker.url,
        "queue": queue,
        "priority": 5,
        "expiration": "1m30s",
        "content_type": "text/x-test",
        "content_encoding": "identity",
        "correlation_id": "c-{{ attempt }}",
        "reply_to": "answers",
        "type": "a.type",
        "app_id": "an-app",
        "user_id": "guest",
        "heartbeat": "20s",
        "headers": headers,
    }
    before = int(time.time())
    result = run(tmp_path, target, payload="grüße\n", id="all")
    assert (result.code, result.err) == (0, "")
    assert result.only["receipt"] == {"confirmed": True}
    assert result.only["message"] == ""
    execution = result.only["execution_id"]

    ((method, properties, body),) = take_all(rabbitmq_broker.url, queue)
    assert body == "grüße\n".encode()
    assert (method.exchange, method.routing_key) == ("", queue)
    got = properties.headers
    assert got.pop("X-Chronos-Job-ID") == "all"
    assert got.pop("X-Chronos-Execution-ID") == execution
    assert got.pop("X-Chronos-Attempt") == "1"
    assert got.pop("X-Chronos-Scheduled-Time") == result.only["scheduled_time"]
    assert got.pop("traceparent").startswith("00-")
    assert got == {**headers, "run": execution}
    assert {name: type(got[name]) for name in ("yes", "int")} == {"yes": bool, "int": int}
    assert before <= properties.timestamp <= time.time()
    expected = {
        "priority": 5,
        "expiration": "90000",
        "content_type": "text/x-test",
        "content_encoding": "identity",
        "correlation_id": "c-1",
        "reply_to": "answers",
        "type": "a.type",
        "app_id": "an-app",
        "user_id": "guest",
        "delivery_mode": 2,
        "message_id": execution,
    }
    assert {name: getattr(properties, name) for name in expected} == expected


def test_defaults_and_transient(rabbitmq_broker: RabbitNode, tmp_path: Path) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    target = {
        "url": rabbitmq_broker.url,
        "queue": queue,
        "persistent": False,
        "message_id": "mine",
    }
    assert run(tmp_path, target).code == 0
    ((_, properties, body),) = take_all(rabbitmq_broker.url, queue)
    assert json.loads(body)["job_id"] == "job"
    assert (properties.delivery_mode, properties.message_id) == (1, "mine")
    assert properties.content_type == "application/json"
    assert properties.expiration is None


def test_large_body_over_many_frames(rabbitmq_broker: RabbitNode, tmp_path: Path) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    body = bytes(range(256)) * 4096 * 3
    (tmp_path / "body").write_bytes(body)
    target = {"url": rabbitmq_broker.url, "queue": queue}
    assert run(tmp_path, target, payload_file="body").code == 0
    assert take_all(rabbitmq_broker.url, queue)[0][2] == body


def test_exchange_and_routing_key(rabbitmq_broker: RabbitNode, tmp_path: Path) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    with bare_channel(rabbitmq_broker.url) as channel:
        channel.queue_bind(queue, "amq.topic", "a.*.c")
    target = {"url": rabbitmq_broker.url, "exchange": "amq.topic", "routing_key": "a.b.c"}
    assert run(tmp_path, target).code == 0
    assert len(take_all(rabbitmq_broker.url, queue)) == 1
    unbound = run(tmp_path, {**target, "routing_key": "a.c"})
    assert ended(unbound) == (4, "rejected", "312 NO_ROUTE", 1)
    assert "no queue is bound for routing key 'a.c' at 'amq.topic'" in unbound.only["message"]


@pytest.mark.parametrize("confirm_mode", [True, False])
@pytest.mark.parametrize(
    "wrong",
    [
        ({"queue": "no-queue"}, "312 NO_ROUTE", "there is no queue 'no-queue'"),
        ({"exchange": "no-exchange"}, "404 NOT_FOUND", "no exchange 'no-exchange'"),
        ({"exchange": "amq.topic", "user_id": "eve"}, "406 PRECONDITION_FAILED", "user_id"),
    ],
)
def test_what_the_broker_will_not_have(
    rabbitmq_broker: RabbitNode,
    tmp_path: Path,
    wrong: tuple[dict[str, Any], str, str],
    confirm_mode: bool,
) -> None:
    block, code, told = wrong
    target = {"url": rabbitmq_broker.url, "confirm_mode": confirm_mode, **block}
    result = run(tmp_path, target)
    assert ended(result) == (4, "rejected", code, 1)
    assert told in result.only["message"]
    assert (result.err, result.only["receipt"]) == ("", {})


def test_wrong_password_and_missing_vhost(rabbitmq_broker: RabbitNode, tmp_path: Path) -> None:
    place = rabbitmq_broker.url.rpartition("@")[2]
    login = {"url": f"amqp://{place}", "username": "guest", "password": "s3cret-wrong"}
    denied = run(tmp_path, {**login, "queue": "q"})
    assert ended(denied) == (4, "rejected", "403 ACCESS_REFUSED", 1)
    assert "s3cret-wrong" not in denied.out + denied.err
    host = place.partition("/")[0]
    lost = run(tmp_path, {"url": f"amqp://guest:guest@{host}/none", "queue": "q"})
    assert ended(lost) == (4, "rejected", "530 NOT_ALLOWED", 1)
    assert "vhost none not found" in lost.only["message"]


def test_vhost_of_url_is_percent_decoded(rabbitmq_broker: RabbitNode, tmp_path: Path) -> None:
    rabbitmq_broker.control("add_vhost", "team/a b")
    rabbitmq_broker.control("set_permissions", "-p", "team/a b", "guest", ".*", ".*", ".*")
    host = rabbitmq_broker.url.rpartition("@")[2].partition("/")[0]
    url = f"amqp://guest:guest@{host}/team%2Fa%20b"
    queue = declare_queue(url)
    assert run(tmp_path, {"url": url, "queue": queue}).code == 0
    listed = {"hosts": [host], "vhost": "team/a b", "queue": queue}
    assert run(tmp_path, listed).code == 0
    assert len(take_all(url, queue, 2)) == 2


def test_full_queue_nacks(rabbitmq_broker: RabbitNode, tmp_path: Path) -> None:
    limits = {"x-max-length": 1, "x-overflow": "reject-publish"}
    queue = declare_queue(rabbitmq_broker.url, limits)
    target = {"url": rabbitmq_broker.url, "queue": queue}
    assert run(tmp_path, target).code == 0
    full = run(tmp_path, target)
    assert ended(full) == (5, "unreachable", "NACK", 3)
    assert len(take_all(rabbitmq_broker.url, queue)) == 1


def test_refused(closed_port: int, tmp_path: Path) -> None:
    target = {"url": f"amqp://guest:guest@127.0.0.1:{closed_port}/", "queue": "q"}
    result = run(tmp_path, target)
    assert ended(result) == (5, "unreachable", "ECONNREFUSED", 3)
    assert f"connection refused (127.0.0.1:{closed_port})" in result.only["message"]


def test_unknown_host(tmp_path: Path) -> None:
    result = run(tmp_path, {"url": "amqp://nowhere.invalid/", "queue": "q"})
    assert ended(result) == (5, "unreachable", "DNS", 3)


@pytest.mark.parametrize("cuts", [1, 3])
def test_connection_killed_between_publish_and_confirm(
    rabbitmq_broker: RabbitNode, tmp_path: Path, cuts: int
) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    port = int(rabbitmq_broker.url.rpartition(":")[2].partition("/")[0])
    proxy = CuttingProxy(port, b"cut-me-here", cuts)
    target = {"url": f"amqp://guest:guest@127.0.0.1:{proxy.port}/", "queue": queue}
    result = run(tmp_path, target, payload="cut-me-here")
    proxy.stop()
    assert result.err == ""
    if cuts == 1:
        assert ended(result) == (0, "succeeded", None, 2)
        assert result.only["attempts"][0]["status"] == "unreachable"
        assert proxy.connections == 2
        ((_, properties, _body),) = take_all(rabbitmq_broker.url, queue)
        assert properties.message_id == result.only["execution_id"]
        assert properties.headers["X-Chronos-Attempt"] == "2"
    else:
        assert (result.code, result.only["status"]) == (5, "unreachable")
        assert len(result.only["attempts"]) == 3
        assert take_all(rabbitmq_broker.url, queue, 0) == []


def test_silent_port_times_out_at_the_limit(silent_port: int, tmp_path: Path) -> None:
    target = {"url": f"amqp://guest:guest@127.0.0.1:{silent_port}/", "queue": "q"}
    result = run(tmp_path, target, timeout="300ms", retry_policy={"max_attempts": 2})
    assert ended(result) == (6, "timed_out", None, 2)
    assert all(250 < attempt["duration_ms"] < 600 for attempt in result.only["attempts"])
    assert result.err == ""


def test_silent_tls_port(silent_port: int, tmp_path: Path) -> None:
    target = {"url": f"amqps://guest:guest@127.0.0.1:{silent_port}/", "queue": "q"}
    result = run(tmp_path, target, timeout="300ms", retry_policy={"max_attempts": 1})
    assert (ended(result), result.err) == ((6, "timed_out", None, 1), "")
    assert result.seconds < 3


def test_frozen_broker(rabbitmq_broker: RabbitNode, tmp_path: Path) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    target = {"url": rabbitmq_broker.url, "queue": queue}
    with rabbitmq_broker.paused():
        result = run(tmp_path, target, timeout="400ms", retry_policy={"max_attempts": 1})
    assert (ended(result), result.err) == ((6, "timed_out", None, 1), "")
    assert result.only["duration_ms"] < 800
    assert result.seconds < 3


def test_memory_alarm_blocks_until_the_limit(rabbitmq_broker: RabbitNode, tmp_path: Path) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    jobs = [
        job(
            {"url": rabbitmq_broker.url, "queue": queue, "confirm_mode": confirmed},
            timeout="500ms",
            retry_policy={"max_attempts": 2, "initial_interval": "10ms"},
            id=f"alarm-{confirmed}",
        )
        for confirmed in (True, False)
    ]
    rabbitmq_broker.alarm()
    try:
        result = run_all(tmp_path, jobs)
    finally:
        rabbitmq_broker.clear_alarm()
    assert (result.code, result.err) == (6, "")
    for one in result.report["results"]:
        assert (one["status"], len(one["attempts"])) == ("timed_out", 2)
        assert all(450 < attempt["duration_ms"] < 900 for attempt in one["attempts"])
        assert "the broker blocks publishers: low on memory" in one["message"]
    assert result.seconds < 4
    assert run(tmp_path, {"url": rabbitmq_broker.url, "queue": queue}).code == 0


def test_two_thousand_confirmed_at_once(rabbitmq_broker: RabbitNode, tmp_path: Path) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    target = {"url": rabbitmq_broker.url, "queue": queue}
    jobs = [job(target, id=f"j{number}", timeout="30s") for number in range(2000)]
    result = run_all(tmp_path, jobs, "--concurrency", "2000")
    assert (result.code, result.err) == (0, "")
    assert result.report["summary"]["succeeded"] == 2000
    sent = {one["execution_id"] for one in result.report["results"]}
    with bare_channel(rabbitmq_broker.url) as channel:
        count = channel.queue_declare(queue, passive=True).method.message_count
        got = set()
        for _, properties, _body in channel.consume(queue, auto_ack=True, inactivity_timeout=5):
            assert properties is not None
            got.add(properties.message_id)
            if len(got) == count:
                break
        channel.cancel()
    assert (count, got) == (2000, sent)


def test_each_of_many_on_one_connection_gets_its_true_outcome(
    rabbitmq_broker: RabbitNode, tmp_path: Path
) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    kinds: dict[str, dict[str, Any]] = {
        "good": {"queue": queue},
        # The same exchange as the good ones, and closes their channel.
        "forged": {"queue": queue, "user_id": "eve"},
        "unroutable": {"queue": missing_name()},
        "lost": {"exchange": missing_name()},
        "unconfirmed": {"queue": queue, "confirm_mode": False},
    }
    jobs = [
        # All with one message ID: nothing may be told apart by that.
        job({"url": rabbitmq_broker.url, "message_id": "one", **target}, id=f"{kind}.{number}")
        for number in range(60)
        for kind, target in kinds.items()
    ]
    result = run_all(tmp_path, jobs, "--concurrency", "300")
    assert (result.code, result.err) == (7, "")
    told = Counter(
        (one["job_id"].partition(".")[0], one["status"], one["code"], len(one["attempts"]))
        for one in result.report["results"]
    )
    assert told == {
        ("good", "succeeded", None, 1): 60,
        ("forged", "rejected", "406 PRECONDITION_FAILED", 1): 60,
        ("unroutable", "rejected", "312 NO_ROUTE", 1): 60,
        ("lost", "rejected", "404 NOT_FOUND", 1): 60,
        ("unconfirmed", "succeeded", None, 1): 60,
    }
    found = take_all(rabbitmq_broker.url, queue, 120)
    arrived = {properties.headers["X-Chronos-Job-ID"] for _, properties, _ in found}
    assert arrived == {f"{kind}.{n}" for kind in ("good", "unconfirmed") for n in range(60)}


@pytest.mark.parametrize("where", ["job", "config"])
def test_confirm_mode_off_is_labelled(
    rabbitmq_broker: RabbitNode, tmp_path: Path, where: str
) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    target: dict[str, Any] = {"url": rabbitmq_broker.url, "queue": queue}
    config = tmp_path / "chronos.yaml"
    config.write_text(json.dumps({"dispatcher": {"rabbitmq": {"confirm_mode": where != "config"}}}))
    if where == "job":
        target["confirm_mode"] = False
    result = run(tmp_path, target, "--config", str(config))
    assert ended(result) == (0, "succeeded", None, 1)
    assert result.only["receipt"] == {"confirmed": False}
    assert "unconfirmed" in result.only["message"]
    assert len(take_all(rabbitmq_broker.url, queue)) == 1


def test_not_mandatory(rabbitmq_broker: RabbitNode, tmp_path: Path) -> None:
    target = {"url": rabbitmq_broker.url, "queue": missing_name(), "mandatory": False}
    assert ended(run(tmp_path, target)) == (0, "succeeded", None, 1)


def test_hosts_are_tried_in_turn(
    rabbitmq_broker: RabbitNode, closed_port: int, silent_port: int, tmp_path: Path
) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    good = rabbitmq_broker.url.rpartition("@")[2].partition("/")[0]
    bad = [f"127.0.0.1:{closed_port}", "nowhere.invalid", f"127.0.0.1:{silent_port}"]
    login = {"username": "guest", "password": "guest", "queue": queue}
    result = run(tmp_path, {"hosts": [*bad, good], **login}, timeout="2s")
    assert (ended(result), result.err) == ((0, "succeeded", None, 1), "")
    none = run(tmp_path, {"hosts": bad[:2], **login}, timeout="2s")
    assert ended(none) == (5, "unreachable", None, 3)
    assert "connection refused" in none.only["message"]
    assert "cannot resolve the host name (nowhere.invalid:5672)" in none.only["message"]


def test_hosts_share_what_is_left_of_the_deadline(
    rabbitmq_broker: RabbitNode, silent_port: int, tmp_path: Path
) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    good = rabbitmq_broker.url.rpartition("@")[2].partition("/")[0]
    target = {"hosts": [f"127.0.0.1:{silent_port}", good], "queue": queue}
    # The first one opens the connection, and has much more time than the second.
    jobs = [job(target, id=f"{limit}", timeout="30s", deadline=limit) for limit in ("60s", "2s")]
    result = run_all(tmp_path, jobs)
    assert (result.code, result.err) == (0, ""), result.out
    for one in result.report["results"]:
        assert len(one["attempts"]) == 1
        assert one["duration_ms"] < 2500


def test_tls(rabbitmq_broker: RabbitNode, certificates: Any, tmp_path: Path) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    assert rabbitmq_broker.tls_url is not None
    target = {"url": rabbitmq_broker.tls_url, "queue": queue}
    good = {**target, "tls": {"ca": str(certificates.ca)}}
    assert ended(run(tmp_path, good)) == (0, "succeeded", None, 1)
    plain_place = rabbitmq_broker.url.rpartition("@")[2]
    tls_place = rabbitmq_broker.tls_url.rpartition("@")[2]
    by_name = {**good, "tls": {"ca": str(certificates.ca), "server_name": "else.where"}}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({**target, "tls": {"ca": str(certificates.other_ca)}}, "certificate was not accepted"),
        (target, "certificate was not accepted"),
        (by_name, "else.where"),
        ({**good, "url": f"amqps://guest:guest@{plain_place}"}, "TLS: "),
        ({"url": f"amqp://guest:guest@{tls_place}", "queue": queue}, "the port wants TLS"),
    ]
    jobs = [job(one, id=f"w{number}") for number, (one, _) in enumerate(wrong)]
    result = run_all(tmp_path, jobs)
    assert (result.code, result.err) == (4, "")
    for one, (_, told) in zip(result.report["results"], wrong, strict=True):
        assert (one["status"], one["code"], len(one["attempts"])) == ("rejected", "TLS", 1)
        assert told in one["message"]
    skipped = {**target, "tls": {"insecure_skip_verify": True}}
    listed = {"hosts": [tls_place.partition("/")[0]], "queue": queue, "tls": good["tls"]}
    assert [run(tmp_path, one).code for one in (skipped, listed)] == [0, 0]
    assert len(take_all(rabbitmq_broker.url, queue, 3)) == 3


@pytest.mark.parametrize(
    ("greeting", "status", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "rejected", "does not speak AMQP 0-9-1"),
        (b"AMQP\0\1\0\0", "rejected", "does not speak AMQP 0-9-1"),
        (b"\1\0\0\0\0\0\4\0\x0a\0\x0aXXXX", "unreachable", "sent what is not AMQP"),
        (b"", "unreachable", "closed before the broker's greeting"),
    ],
)
def test_a_server_that_is_no_broker(
    tmp_path: Path, greeting: bytes, status: str, told: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.recv(8)
                        client.sendall(greeting)
                        if greeting:
                            client.recv(1)

        threading.Thread(target=greet, daemon=True).start()
        url = f"amqp://guest:guest@127.0.0.1:{listener.getsockname()[1]}/"
        result = run(tmp_path, {"url": url, "queue": "q"})
    assert (result.only["status"], result.err) == (status, "")
    assert told in result.only["message"]


def test_many_jobs_share_one_connection(rabbitmq_broker: RabbitNode, tmp_path: Path) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    port = int(rabbitmq_broker.url.rpartition(":")[2].partition("/")[0])
    proxy = CuttingProxy(port, b"never", 0)
    target = {"url": f"amqp://guest:guest@127.0.0.1:{proxy.port}/", "queue": queue}
    result = run_all(tmp_path, [job(target, id=f"j{number}") for number in range(50)])
    proxy.stop()
    assert (result.code, proxy.connections) == (0, 1)


def test_dry_run_shows_the_message_and_no_secret(tmp_path: Path) -> None:
    target = {
        "url": "amqp://me:hunter22@127.0.0.1:1/",
        "queue": "q",
        "headers": {"api-token": "t0psecret", "n": 1, "flag": True, "word": "größe"},
    }
    result = run(tmp_path, target, "--dry-run")
    assert (result.code, result.err) == (0, "")
    shown = dict(result.only["request"]["headers"])
    assert (shown["n"], shown["flag"], shown["word"]) == ("1", "true", "größe")
    assert "publish to queue 'q'" in result.out
    assert "hunter22" not in result.out
    assert "t0psecret" not in result.out


def test_checks(rabbitmq_broker: RabbitNode) -> None:
    """Exchange and queue are declared passively: what is absent is not made."""
    url, queue = rabbitmq_broker.url, declare_queue(rabbitmq_broker.url)
    result = check("rabbitmq", {"url": url, "queue": queue})
    assert names(result) == ["loaded", "resolve", "connect", "login", "queue", "permission"]
    assert step(result, "queue").message == f"'{queue}' is there; 0 ready, 0 consuming"
    result = check("rabbitmq", {"url": url, "exchange": "amq.topic", "routing_key": "a"})
    assert (result.status, names(result)[-2:]) == ("succeeded", ["exchange", "permission"])

    for kind in ("queue", "exchange"):
        absent = {kind: missing_name(), **({"routing_key": "a"} if kind == "exchange" else {})}
        for _ in range(2):  # had it been made, the second would find it
            status, name, message = failed(check("rabbitmq", {"url": url, **absent}))
            assert (status, name, absent[kind] in message) == ("rejected", kind, True)
    nowhere = {"url": url.rstrip("/"), "vhost": "nowhere", "queue": queue}
    nowhere["url"] = url.rpartition("/")[0]
    assert failed(check("rabbitmq", nowhere))[:2] == ("rejected", "login")

    with bare_channel(url) as channel:
        channel.queue_declare(own := missing_name(), exclusive=True)
        locked = check("rabbitmq", {"url": url, "queue": own})
        assert locked.status == "succeeded"
        assert "one consumer alone" in step(locked, "queue").message


def test_a_check_of_the_right_to_write(rabbitmq_broker: RabbitNode) -> None:
    """It is told by a message that the broker refuses, and no consumer gets anything."""
    user, place = missing_name(), rabbitmq_broker.url.rpartition("@")[2]
    rabbitmq_broker.control("add_user", user, "pass")
    inner = missing_name()
    with consuming(rabbitmq_broker.url) as (channel, arrived, queue):
        channel.exchange_declare(inner, "fanout", internal=True)
        channel.queue_bind(queue, inner)
        routes: list[dict[str, str]] = [
            {"queue": queue},
            *({"exchange": f"amq.{kind}", "routing_key": queue} for kind in KINDS),
        ]

        def checks(url: str) -> list[tuple[str, str, str]]:
            results = [check("rabbitmq", {"url": url, **route}) for route in routes]
            last = [result.steps[-1] for result in results]
            return [(one.status.value, one.name, one.message) for one in last]

        allowed = checks(rabbitmq_broker.url)
        assert [one[:2] for one in allowed] == [("succeeded", "permission")] * len(routes)
        assert allowed[0][2] == "may publish to queues, by the default exchange"
        assert allowed[1][2] == "may publish to exchange 'amq.direct'"

        rabbitmq_broker.control("set_permissions", user, "^$", "^$", ".*")
        refused = checks(f"amqp://{user}:pass@{place}")
        assert [one[:2] for one in refused] == [("rejected", "permission")] * len(routes)
        assert "access to exchange 'amq.default'" in refused[0][2]
        internal = {"exchange": inner, "routing_key": ""}
        status, name, message = failed(check("rabbitmq", {"url": rabbitmq_broker.url, **internal}))
        assert (status, name) == ("rejected", "permission")
        assert "cannot publish to internal exchange" in message
        forged = {"url": rabbitmq_broker.url, "queue": queue, "user_id": user}
        assert "user_id" in failed(check("rabbitmq", forged))[2]

        # What is published now overtakes nothing that came before it.
        for route in routes:
            channel.basic_publish(route.get("exchange", ""), queue, b"after")
        while len(arrived) < len(routes):
            channel.connection.process_data_events(time_limit=1)
        assert set(arrived) == {b"after"}


def test_a_check_of_the_right_to_a_topic(rabbitmq_broker: RabbitNode) -> None:
    user, place = missing_name(), rabbitmq_broker.url.rpartition("@")[2]
    rabbitmq_broker.control("add_user", user, "pass")
    rabbitmq_broker.control("set_permissions", user, "", ".*", "")
    rabbitmq_broker.control("set_topic_permissions", user, "amq.topic", "^mine", "")
    target = {"url": f"amqp://{user}:pass@{place}", "exchange": "amq.topic"}
    assert check("rabbitmq", {**target, "routing_key": "mine.a"}).status == "succeeded"
    refused = failed(check("rabbitmq", {**target, "routing_key": "other.a"}))
    assert refused[:2] == ("rejected", "permission")
    assert "access to topic 'other.a'" in refused[2]


def test_a_check_while_publishers_are_blocked(rabbitmq_broker: RabbitNode) -> None:
    target = {"url": rabbitmq_broker.url, "queue": declare_queue(rabbitmq_broker.url)}
    rabbitmq_broker.alarm()
    try:
        status, name, message = failed(check("rabbitmq", target, timeout="500ms"))
    finally:
        rabbitmq_broker.clear_alarm()
    assert (status, name) == ("timed_out", "permission")
    assert "the broker blocks publishers: low on memory" in message


def test_a_check_sends_no_message_to_a_broker_of_another_kind(rabbitmq_broker: RabbitNode) -> None:
    """Only RabbitMQ is known to refuse what the question for a permission is."""
    target = {"queue": declare_queue(rabbitmq_broker.url)}
    port = int(rabbitmq_broker.url.rpartition(":")[2].partition("/")[0])
    with renamed(port, b"RabbitMQ", b"OtherMQ_") as (at, sent):
        result = check("rabbitmq", {**target, "url": f"amqp://guest:guest@127.0.0.1:{at}/"})
    assert (result.status, step(result, "permission").message[:9]) == ("succeeded", "not known")
    assert b"chronos-check" not in b"".join(sent)
