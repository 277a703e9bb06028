"""NATS, the whole program against real servers: what is sent, and what each failure is."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.brokers.nats import LIMITED_USER, PASSWORD, TOKEN, USER, NatsServer, SecuredNats
from tests.protocols.nats_support import OwnServer, add_stream, fresh, outcome, run
from tests.servers.nats_keys import jwt_server, user_key
from tests.servers.nats_wire import Wire, is_execution_id, responder
from tests.support import chronos, finish, start, write

REJECTED, UNREACHABLE, TIMED_OUT = 4, 5, 6
QUICK_MS = 1000


@pytest.fixture
def wire(nats_server: NatsServer) -> Iterator[Wire]:
    wire = Wire(nats_server.url)
    yield wire
    wire.close()


# What arrives


def test_publish_arrives_byte_for_byte(nats_server: NatsServer, wire: Wire, tmp_path: Path) -> None:
    subject = fresh()
    wire.subscribe(subject)
    body = bytes(range(256)) * 3
    (tmp_path / "body.bin").write_bytes(body)
    headers = {"X-Team": "Grün & Söhne: 1", "X-Empty": ""}
    target = {"url": nats_server.url, "subject": subject, "headers": headers, "reply": "jobs.back"}
    result = run(tmp_path, target, payload_file="body.bin")
    assert outcome(result) == ("succeeded", None, 1, 0)
    assert list(result.only["receipt"]) == ["server"]
    (message,) = wire.settle()
    assert (message.subject, message.reply, message.body) == (subject, "jobs.back", body)
    got = dict(message.header_lines)
    execution_id = result.only["execution_id"]
    assert is_execution_id(execution_id)
    assert got["Nats-Msg-Id"] == got["X-Chronos-Execution-ID"] == execution_id
    assert got["Content-Type"] == "application/octet-stream"
    assert got.items() >= headers.items()
    assert {"X-Chronos-Job-ID", "X-Chronos-Scheduled-Time", "traceparent"} <= got.keys()
    assert got["X-Chronos-Attempt"] == "1"
    assert len(got) == len(message.header_lines) == 9


def test_templates_and_own_message_id(nats_server: NatsServer, wire: Wire, tmp_path: Path) -> None:
    subject = fresh()
    wire.subscribe(f"{subject}.>")
    target = {
        "url": nats_server.url,
        "subject": subject + ".{{ job.id }}",
        "headers": {"nats-msg-id": "mine-{{ attempt }}"},
    }
    assert run(tmp_path, target).code == 0
    (message,) = wire.settle()
    assert message.subject == f"{subject}.job"
    assert message.headers["nats-msg-id"] == "mine-1"
    assert json.loads(message.body)["job_id"] == "job"


def test_request_gives_the_reply(nats_server: NatsServer, tmp_path: Path) -> None:
    subject = fresh()
    target = {"url": nats_server.url, "subject": subject, "mode": "request"}
    with responder(nats_server.url, subject, lambda m: b"got " + m.body) as asked:
        result = run(tmp_path, target, payload="ping")
        assert outcome(result) == ("succeeded", None, 1, 0)
        assert result.only["receipt"] == {"reply": "got ping"}
        good = {"expect": {"reply": "^got p.ng$", "contains": "ping"}}
        assert run(tmp_path, {**target, **good}, payload="ping").code == 0
        for miss in ({"reply": "^pong"}, {"contains": "pong"}):
            result = run(tmp_path, {**target, "expect": miss}, payload="ping")
            assert outcome(result) == ("rejected", None, 1, REJECTED)
            assert result.only["receipt"] == {"reply": "got ping"}
            assert "got ping" in result.only["message"]
    assert len(asked) == 4


def test_a_slow_search_in_a_reply_holds_nobody_up(nats_server: NatsServer) -> None:
    subject = fresh()
    target = {"url": nats_server.url, "subject": subject, "mode": "request"}
    slow = {**target, "expect": {"reply": "(a+)+$"}}
    jobs: list[dict[str, Any]] = [{"name": f"slow-{n}", "nats": slow} for n in range(8)]
    jobs.append({"name": "quick", "timeout": "2s", "nats": target})
    document = {"defaults": {"retry_policy": {"max_attempts": 1}}, "jobs": jobs}
    with responder(nats_server.url, subject, lambda _: b"a" * 40_000 + b"!"):
        result = chronos("run", "-", "-o", "json", stdin=json.dumps(document))
    *searched, quick = result.report["results"]
    assert (quick["status"], result.err) == ("succeeded", "")
    for one in searched:
        assert one["status"] == "rejected"
        assert "the search for '(a+)+$' in the reply took too long" in one["message"]


def test_retry_on_expectation(nats_server: NatsServer, tmp_path: Path) -> None:
    subject, replies = fresh(), iter([b"wait", b"wait", b"done"])
    target = {"url": nats_server.url, "subject": subject, "mode": "request"}
    policy = {"max_attempts": 3, "initial_interval": "1ms", "retry_on": ["expectation"]}
    with responder(nats_server.url, subject, lambda _: next(replies)) as asked:
        expecting = {**target, "expect": {"contains": "done"}}
        result = run(tmp_path, expecting, retry_policy=policy)
    assert outcome(result) == ("succeeded", None, 3, 0)
    assert [message.headers["x-chronos-attempt"] for message in asked] == ["1", "2", "3"]
    assert len({message.headers["nats-msg-id"] for message in asked}) == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [("400", ("rejected", "400", 1, REJECTED)), ("500", ("unreachable", "500", 3, UNREACHABLE))],
)
def test_service_error(
    nats_server: NatsServer, tmp_path: Path, code: str, expected: tuple[Any, ...]
) -> None:
    subject = fresh()
    head = f"NATS/1.0\r\nNats-Service-Error: no way\r\nNats-Service-Error-Code: {code}\r\n\r\n"
    target = {"url": nats_server.url, "subject": subject, "mode": "request"}
    with responder(nats_server.url, subject, lambda _: b"", head.encode()):
        result = run(tmp_path, target)
    assert outcome(result) == expected
    assert "no way" in result.only["message"]


def test_jetstream_stores_once(nats_server: NatsServer, wire: Wire, tmp_path: Path) -> None:
    stream = add_stream(nats_server.url)
    target = {"url": nats_server.url, "subject": f"{stream}.a", "mode": "jetstream"}
    target["stream"] = stream
    identity = ("--execution-id", "one-and-the-same")
    first = run(tmp_path, {**target, "expected_last_sequence": 0}, *identity, payload="x")
    assert outcome(first) == ("succeeded", None, 1, 0)
    assert first.only["receipt"] == {"stream": stream, "seq": 1, "duplicate": False}
    again = run(tmp_path, target, *identity, payload="x")
    assert again.only["receipt"] == {"stream": stream, "seq": 1, "duplicate": True}
    (info,) = [wire.request(f"$JS.API.STREAM.INFO.{stream}")]
    assert info["state"]["messages"] == 1


# What each failure is


def table(server: NatsServer, secured: SecuredNats, case: str) -> tuple[dict[str, Any], str]:
    """A target that the server says no to, and the code that the report has for it."""
    here, users = {"url": server.url, "subject": fresh()}, {"url": secured.users.url}
    limited = {**users, "user": LIMITED_USER, "password": PASSWORD, "subject": "elsewhere.x"}
    stream = add_stream(server.url)
    stored = {"url": server.url, "subject": f"{stream}.x", "mode": "jetstream"}
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "wrong password": (
            {**users, "user": USER, "password": "not-it", "subject": "jobs.x"},
            "AUTHORIZATION",
        ),
        "wrong token": (
            {"url": secured.token.url, "token": "not-it", "subject": "x"},
            "AUTHORIZATION",
        ),
        "no login": ({**users, "subject": "x"}, "AUTHORIZATION"),
        "subject": (limited, "PERMISSIONS"),
        "subject of a request": ({**limited, "mode": "request"}, "PERMISSIONS"),
        "subject of a stream": ({**limited, "mode": "jetstream"}, "PERMISSIONS"),
        "no responder": ({**here, "mode": "request"}, "NO_RESPONDERS"),
        "no stream": ({**here, "mode": "jetstream"}, "NO_STREAM"),
        "wrong sequence": ({**stored, "expected_last_sequence": 7}, "10071"),
        "wrong stream": ({**stored, "stream": "OTHER"}, "10060"),
    }
    return cases[case]


@pytest.mark.parametrize(
    "case",
    [
        "wrong password",
        "wrong token",
        "no login",
        "subject",
        "subject of a request",
        "subject of a stream",
        "no responder",
        "no stream",
        "wrong sequence",
        "wrong stream",
    ],
)
def test_rejected_at_once(
    nats_server: NatsServer, nats_secured: SecuredNats, tmp_path: Path, case: str
) -> None:
    target, code = table(nats_server, nats_secured, case)
    result = run(tmp_path, target)
    assert outcome(result) == ("rejected", code, 1, REJECTED)
    assert result.only["duration_ms"] < QUICK_MS
    assert "not-it" not in result.out + result.err
    message = result.only["message"]
    advice = ("does the server know this '", "set 'user' and 'password'")
    assert (code == "AUTHORIZATION") == any(words in message for words in advice)


@pytest.mark.parametrize("mode", ["publish", "request", "jetstream"])
def test_payload_over_the_limit(
    nats_server: NatsServer, wire: Wire, tmp_path: Path, mode: str
) -> None:
    subject = fresh()
    wire.subscribe(subject)
    target = {"url": nats_server.url, "subject": subject, "mode": mode}
    # The payload alone would fit: the server counts the headers too.
    (tmp_path / "body.bin").write_bytes(b"x" * 1024 * 1024)
    result = run(tmp_path, target, payload_file="body.bin")
    assert outcome(result) == ("rejected", "MAX_PAYLOAD", 1, REJECTED)
    assert result.only["duration_ms"] < QUICK_MS
    assert wire.settle() == []


def test_payload_just_within_the_limit(nats_server: NatsServer, wire: Wire, tmp_path: Path) -> None:
    subject = fresh()
    wire.subscribe(subject)
    body = b"x" * (1024 * 1024 - 1000)
    (tmp_path / "body.bin").write_bytes(body)
    result = run(tmp_path, {"url": nats_server.url, "subject": subject}, payload_file="body.bin")
    assert result.code == 0
    assert [len(message.body) for message in wire.settle()] == [len(body)]


def test_no_responders_can_be_retried(nats_server: NatsServer, tmp_path: Path) -> None:
    policy = {"max_attempts": 3, "initial_interval": "1ms", "retry_on": ["NO_RESPONDERS"]}
    target = {"url": nats_server.url, "subject": fresh(), "mode": "request"}
    result = run(tmp_path, target, retry_policy=policy)
    assert outcome(result) == ("rejected", "NO_RESPONDERS", 3, REJECTED)


def test_full_stream_is_not_now(nats_server: NatsServer, tmp_path: Path) -> None:
    stream = add_stream(nats_server.url, max_msgs=1, discard="new")
    target = {"url": nats_server.url, "subject": f"{stream}.a", "mode": "jetstream"}
    assert run(tmp_path, target).code == 0
    result = run(tmp_path, target)
    assert outcome(result) == ("unreachable", "10077", 3, UNREACHABLE)
    assert "maximum messages" in result.only["message"]


@pytest.mark.parametrize("answer", [b"thanks", b"{}", b'{"stream": "X"}', b"[]", b""])
def test_an_answer_that_is_no_stream(
    nats_server: NatsServer, tmp_path: Path, answer: bytes
) -> None:
    subject = fresh()
    target = {"url": nats_server.url, "subject": subject, "mode": "jetstream"}
    with responder(nats_server.url, subject, lambda _: answer):
        result = run(tmp_path, target)
    assert outcome(result) == ("rejected", "NO_STREAM", 1, REJECTED)


def test_refused(tmp_path: Path, closed_port: int) -> None:
    result = run(tmp_path, {"url": f"nats://127.0.0.1:{closed_port}", "subject": "x"})
    assert outcome(result) == ("unreachable", "ECONNREFUSED", 3, UNREACHABLE)
    assert f"127.0.0.1:{closed_port}" in result.only["message"]


def test_unknown_host(tmp_path: Path) -> None:
    result = run(tmp_path, {"url": "nats://u:secret-pw@nowhere.invalid", "subject": "x"})
    assert outcome(result) == ("unreachable", "DNS", 3, UNREACHABLE)
    assert "secret-pw" not in result.out


def test_silent_port(tmp_path: Path, silent_port: int) -> None:
    target = {"url": f"nats://127.0.0.1:{silent_port}", "subject": "x"}
    result = run(tmp_path, target, timeout="500ms")
    assert outcome(result) == ("timed_out", None, 3, TIMED_OUT)
    assert all(500 <= each["duration_ms"] < 800 for each in result.only["attempts"])
    assert result.seconds < 4


@pytest.mark.parametrize("mode", ["publish", "request", "jetstream"])
def test_frozen_server(nats_secured: SecuredNats, tmp_path: Path, mode: str) -> None:
    server = nats_secured.users
    target = {"url": server.url, "user": USER, "password": PASSWORD, "mode": mode}
    with server.paused():
        result = run(tmp_path, {**target, "subject": "jobs.x"}, timeout="300ms")
    assert outcome(result) == ("timed_out", None, 3, TIMED_OUT)
    assert result.seconds < 4


def test_responder_that_never_answers(nats_server: NatsServer, tmp_path: Path) -> None:
    subject = fresh()
    target = {"url": nats_server.url, "subject": subject, "mode": "request"}
    with responder(nats_server.url, subject, lambda _: None) as asked:
        result = run(tmp_path, target, timeout="300ms")
    assert outcome(result) == ("timed_out", None, 3, TIMED_OUT)
    assert len(asked) == 3


def test_server_killed_in_mid_flight(tmp_path: Path) -> None:
    with OwnServer(tmp_path / "server") as server:
        subject = fresh()
        target = {"url": server.url, "subject": subject, "mode": "request"}
        with responder(server.url, subject, lambda _: server.process.kill()):
            result = run(tmp_path, target)
    assert outcome(result) == ("unreachable", "ECONNREFUSED", 3, UNREACHABLE)
    assert result.only["attempts"][0]["code"] == "CONNECTION_LOST"
    assert result.only["duration_ms"] < QUICK_MS


def test_server_that_hangs_up_at_login(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        document = {"name": "job", "retry_policy": {"max_attempts": 1}}
        document["nats"] = {"url": f"nats://127.0.0.1:{port}", "subject": "x"}
        process = start("run", write(tmp_path, json.dumps(document)), "-o", "json")
        connection, _ = listener.accept()
        connection.sendall(b'INFO {"server_id":"x","max_payload":100,"headers":true}\r\n')
        while b"PING" not in connection.recv(4096):
            pass
        connection.close()
        result = finish(process)
    assert outcome(result) == ("unreachable", None, 1, UNREACHABLE)
    assert "closed the connection at login" in result.only["message"]


# Logins, TLS, several servers


def test_user_in_the_url_and_token(nats_secured: SecuredNats, tmp_path: Path) -> None:
    url = nats_secured.users.url.replace("//", "//chronos:s3cret%20word@")
    result = run(tmp_path, {"url": url, "subject": "jobs.x"})
    assert outcome(result) == ("succeeded", None, 1, 0)
    assert "s3cret" not in result.out
    target = {"url": nats_secured.token.url, "subject": "jobs.x"}
    assert run(tmp_path, {**target, "token": TOKEN}).code == 0
    assert run(tmp_path, {**target, "url": target["url"].replace("//", f"//{TOKEN}@")}).code == 0


def test_credentials_file(tmp_path: Path) -> None:
    path = tmp_path / "user.creds"
    with OwnServer(tmp_path / "server", jwt_server(path)) as server:
        target = {"url": server.url, "subject": "x", "credentials": "user.creds"}
        assert outcome(run(tmp_path, target)) == ("succeeded", None, 1, 0)
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        assert run(tmp_path, target).code == 0
        jwt_server(path)
        result = run(tmp_path, target)
        assert outcome(result) == ("rejected", "AUTHORIZATION", 1, REJECTED)
    for content in (b"", b"SUA no creds", b"\xff\xfe", path.read_bytes().replace(b"\nSU", b"\nSX")):
        path.write_bytes(content)
        result = run(tmp_path, target)
        assert outcome(result) == ("rejected", "CREDENTIALS", 1, REJECTED)
    path.unlink()
    assert run(tmp_path, target).only["code"] == "CREDENTIALS"


def test_nkey_seed(tmp_path: Path) -> None:
    key = user_key()
    users = f"authorization {{users: [{{nkey: {key.public}}}]}}\n"
    seed = key.seed.decode()
    (tmp_path / "user.nk").write_text(f"{seed}\n")
    with OwnServer(tmp_path / "server", users) as server:
        target = {"url": server.url, "subject": "x"}
        for given in ("user.nk", seed):
            result = run(tmp_path, {**target, "nkey_seed": given})
            assert outcome(result) == ("succeeded", None, 1, 0)
        other = user_key().seed.decode()
        result = run(tmp_path, {**target, "nkey_seed": other})
        assert outcome(result) == ("rejected", "AUTHORIZATION", 1, REJECTED)
        result = run(tmp_path, {**target, "nkey_seed": other[:-1]})
        assert outcome(result) == ("rejected", "CREDENTIALS", 1, REJECTED)
        assert other[:-1] not in result.out


def test_tls(nats_secured: SecuredNats, certificates: Certificates, tmp_path: Path) -> None:
    ca, client = str(certificates.ca), certificates.client
    wire = Wire(nats_secured.tls.url, ca).subscribe("jobs.tls")
    target = {"url": nats_secured.tls.url, "subject": "jobs.tls"}
    assert run(tmp_path, {**target, "tls": {"ca": ca}}).code == 0
    assert run(tmp_path, {**target, "tls": {"insecure_skip_verify": True}}).code == 0
    assert len(wire.settle()) == 2
    wire.close()
    shown = {"ca": ca, "cert": str(client.certificate), "key": str(client.key)}
    target = {"url": nats_secured.mutual_tls.url, "subject": "jobs.tls"}
    assert run(tmp_path, {**target, "tls": shown}).code == 0
    wrong_host = {"ca": ca, "server_name": "elsewhere.example"}
    target["url"] = nats_secured.wrong_host.url
    assert run(tmp_path, {**target, "tls": wrong_host}).code == 0


@pytest.mark.parametrize("case", ["unknown ca", "wrong host", "no certificate", "plain", "off"])
def test_tls_that_fails(
    nats_server: NatsServer,
    nats_secured: SecuredNats,
    certificates: Certificates,
    tmp_path: Path,
    case: str,
) -> None:
    ca, plain = {"ca": str(certificates.ca)}, nats_server.url
    url, tls = {
        "unknown ca": (nats_secured.tls.url, {"ca": str(certificates.other_ca)}),
        "wrong host": (nats_secured.wrong_host.url, ca),
        "no certificate": (nats_secured.mutual_tls.url, ca),
        "plain": (plain, ca),
        "off": (nats_secured.tls.url.replace("tls:", "nats:"), {"enabled": False}),
    }[case]
    result = run(tmp_path, {"url": url, "subject": "x", "tls": tls})
    assert outcome(result) == ("rejected", "TLS", 1, REJECTED)
    assert "TLS" in result.only["message"]
    assert result.only["duration_ms"] < QUICK_MS


def test_the_next_server_is_tried(
    nats_server: NatsServer, tmp_path: Path, closed_port: int, silent_port: int
) -> None:
    dead, silent = (f"nats://127.0.0.1:{port}" for port in (closed_port, silent_port))
    result = run(tmp_path, {"servers": [dead, silent, nats_server.url], "subject": "x"})
    assert outcome(result) == ("succeeded", None, 1, 0)
    result = run(tmp_path, {"servers": [dead, dead], "subject": "x"})
    assert outcome(result) == ("unreachable", "ECONNREFUSED", 3, UNREACHABLE)


def test_servers_share_what_is_left_of_the_deadline(
    nats_server: NatsServer, tmp_path: Path, silent_port: int
) -> None:
    servers = [f"nats://127.0.0.1:{silent_port}", nats_server.url]
    target = {"servers": servers, "subject": fresh()}
    result = run(tmp_path, target, timeout="30s", deadline="1500ms")
    assert outcome(result) == ("succeeded", None, 1, 0)
    assert result.only["duration_ms"] < 1500
