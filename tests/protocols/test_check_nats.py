"""Checks of NATS, with and without JetStream, and of several servers at once."""

import socket
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chronos_cli.testing import ports
from tests.brokers.certificates import Certificates
from tests.brokers.nats import LIMITED_USER, PASSWORD, USER, NatsServer, SecuredNats
from tests.protocols.checking import check, failed, names, step
from tests.protocols.nats_support import OwnServer, add_stream, run
from tests.servers.nats_wire import Wire


def test_a_subject(nats_server: NatsServer) -> None:
    subject = f"jobs.{uuid4().hex}"
    listener = Wire(nats_server.url).subscribe(subject)
    result = check("nats", {"url": nats_server.url, "subject": subject})
    assert names(result) == ["loaded", "resolve", "connect", "login", "message", "permission"]
    assert (result.status, step(result, "login").status) == ("succeeded", "succeeded")
    assert listener.wait(0.1) == []
    listener.close()


def test_a_login_that_is_wrong(nats_secured: SecuredNats) -> None:
    target = {"url": nats_secured.users.url, "user": LIMITED_USER, "password": "not-it"}
    status, name, message = failed(check("nats", {**target, "subject": "jobs.x"}))
    assert (status, name, "authorization" in message.lower()) == ("rejected", "login", True)


def test_a_permission(nats_secured: SecuredNats) -> None:
    """The server says it of a message that it has to refuse for another reason besides."""
    login = {"url": nats_secured.users.url, "user": LIMITED_USER, "password": PASSWORD}
    subject = f"jobs.{uuid4().hex}"
    listener = Wire(nats_secured.users.url, login={"user": USER, "pass": PASSWORD})
    listener.subscribe(subject)
    result = check("nats", {**login, "subject": subject})
    assert step(result, "permission").message == f"may publish to {subject}"
    assert listener.wait(0.1) == []
    listener.close()
    for mode in ("publish", "request", "jetstream"):
        refused = failed(check("nats", {**login, "subject": "elsewhere.x", "mode": mode}))
        assert refused[:2] == ("rejected", "permission")
        assert 'publish to "elsewhere.x"' in refused[2]


def test_a_user_who_may_not_ask_for_streams(nats_secured: SecuredNats) -> None:
    """No failure, since he may publish; and nothing is said that was not seen."""
    login = {"url": nats_secured.users.url, "user": LIMITED_USER, "password": PASSWORD}
    result = check("nats", {**login, "subject": "jobs.x", "mode": "jetstream"})
    assert result.status == "succeeded", result
    assert step(result, "stream").message.startswith("not known: we may not ask")


def test_a_server_of_another_kind_is_sent_nothing() -> None:
    """Only nats-server is known to refuse what the question for a permission is."""
    taken: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()  # the way
        client.close()
        client, _ = listener.accept()
        with client, client.makefile("rwb", buffering=0) as stream:
            stream.write(b'INFO {"server_name": "other", "version": "9.9.9", "headers": true}\r\n')
            for line in stream:
                taken.append(line)
                if line.startswith(b"PING"):
                    stream.write(b"PONG\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve, args=(listener,), daemon=True)
        serving.start()
        url = f"nats://127.0.0.1:{listener.getsockname()[1]}"
        result = check("nats", {"url": url, "subject": "jobs.x"})
        serving.join(10)
    assert (result.status, step(result, "permission").message[:9]) == ("succeeded", "not known")
    assert not [line for line in taken if line.startswith((b"PUB", b"HPUB"))]


def stored(server: NatsServer, **configuration: Any) -> dict[str, Any]:
    name = add_stream(server.url, **configuration)
    return {"url": server.url, "subject": f"{name}.x", "mode": "jetstream"}


def test_streams(nats_server: NatsServer) -> None:
    target = stored(nats_server)
    in_memory = step(check("nats", target), "stream")
    wire = Wire(nats_server.url)
    info = wire.request(f"$JS.API.STREAM.INFO.{target['subject'].removesuffix('.x')}")
    wire.close()
    assert info["state"]["messages"] == 0
    assert (in_memory.status, "in memory" in in_memory.message) == ("warning", True)
    one_replica = step(check("nats", stored(nats_server, storage="file")), "stream")
    assert (one_replica.status, "before it syncs" in one_replica.message) == ("warning", True)
    assert "in memory" not in one_replica.message

    other = failed(check("nats", {**stored(nats_server), "stream": "OTHER"}))
    assert (*other[:2], "expected OTHER" in other[2]) == ("rejected", "stream", True)
    subject = f"nobody.{uuid4().hex}"
    missing = {"url": nats_server.url, "subject": subject, "mode": "jetstream"}
    status, name, message = failed(check("nats", missing))
    assert (status, name, "no stream stores" in message) == ("rejected", "stream", True)


# Configuration, what is stored before, keys of the job, and how the dispatch and the check end.
REFUSING: dict[str, tuple[dict[str, Any], int, dict[str, Any], str, str]] = {
    "messages": ({"discard": "new", "max_msgs": 2}, 2, {}, "unreachable", "messages exceeded"),
    "bytes": ({"discard": "new", "max_bytes": 400}, 1, {}, "unreachable", "bytes exceeded"),
    "of the subject": (
        {"discard": "new", "max_msgs_per_subject": 1, "discard_new_per_subject": True},
        1,
        {},
        "unreachable",
        "messages per subject exceeded",
    ),
    "size": ({"max_msg_size": 250}, 0, {}, "rejected", "message size exceeds maximum"),
    "sequence": ({}, 2, {"expected_last_sequence": 1}, "rejected", "wrong last sequence"),
    "rollup": ({}, 0, {"headers": {"Nats-Rollup": "sub"}}, "unreachable", "rollup not permitted"),
}


@pytest.mark.parametrize("case", REFUSING)
def test_a_stream_that_refuses_the_message(
    nats_server: NatsServer, tmp_path: Path, case: str
) -> None:
    """The check ends as the dispatch does, and its words have those of the server."""
    configuration, count, keys, expected, words = REFUSING[case]
    target = {**stored(nats_server, **configuration), **keys}
    fill(nats_server, target["subject"], count)
    status, name, message = failed(check("nats", target))
    assert (status, name, words in message) == (expected, "stream", True), message
    sent = run(tmp_path, target)
    assert (sent.only["status"], words in sent.only["message"]) == (expected, True), sent.only


@pytest.mark.parametrize(
    ("configuration", "keys"),
    [
        ({"max_msgs": 1}, {}),
        ({"discard": "new", "max_msgs": 1, "max_msgs_per_subject": 1}, {}),
        ({"discard": "new", "max_msgs_per_subject": 1}, {}),
        ({"discard": "new", "max_msgs": 2, "max_bytes": 9000, "max_msg_size": 2000}, {}),
        ({}, {"expected_last_sequence": 1}),
        ({"allow_rollup_hdrs": True}, {"headers": {"Nats-Rollup": "sub"}}),
    ],
)
def test_a_stream_that_makes_room(
    nats_server: NatsServer, tmp_path: Path, configuration: dict[str, Any], keys: dict[str, Any]
) -> None:
    target = {**stored(nats_server, **configuration), **keys}
    fill(nats_server, target["subject"], 1)
    assert check("nats", target).status == "succeeded"
    assert run(tmp_path, target).code == 0


def test_a_stream_that_acknowledges_nothing(nats_server: NatsServer) -> None:
    status, name, message = failed(check("nats", stored(nats_server, no_ack=True)))
    assert (status, name, "no_ack" in message) == ("rejected", "stream", True)


def test_what_is_odd_about_a_stream(nats_server: NatsServer) -> None:
    kept_by_none = step(check("nats", stored(nats_server, retention="interest")), "stream")
    assert (kept_by_none.status, "no consumer" in kept_by_none.message) == ("warning", True)
    ahead = {**stored(nats_server), "expected_last_sequence": 7}
    message = step(check("nats", ahead), "stream").message
    assert "its last sequence is 0, and the job expects 7" in message


def test_a_message_that_is_too_large_for_the_server(tmp_path: Path) -> None:
    with OwnServer(tmp_path, "max_payload: 1000\n") as server:
        target = {"url": server.url, "subject": "jobs.x"}
        assert "bytes with headers, of 1000" in step(check("nats", target), "message").message
        for mode in ("publish", "request", "jetstream"):
            large = check("nats", {**target, "mode": mode}, payload="x" * 900)
            status, name, message = failed(large)
            assert (status, name, "1000 at most" in message) == ("rejected", "message", True)


def fill(server: NatsServer, subject: str, count: int) -> None:
    wire = Wire(server.url)
    for _ in range(count):
        wire.subscribe("_INBOX.fill").publish(subject, b"x" * 200, "_INBOX.fill")
        assert b"error" not in wire.next().body
    wire.close()


def test_a_server_without_jetstream(tmp_path: Path) -> None:
    class Plain(OwnServer):
        def _configuration(self, port: int) -> str:
            return f'listen: "127.0.0.1:{port}"\n'

    with Plain(tmp_path) as server:
        target = {"url": server.url, "subject": "jobs.x", "mode": "jetstream"}
        status, name, message = failed(check("nats", target))
    assert (status, name, "no JetStream" in message) == ("rejected", "stream", True)


def test_tls(nats_secured: SecuredNats, certificates: Certificates) -> None:
    tls = {"ca": str(certificates.ca)}
    result = check("nats", {"url": nats_secured.tls.url, "subject": "jobs.x", "tls": tls})
    assert names(result)[2:5] == ["connect", "tls", "login"]
    target = {"url": nats_secured.mutual_tls.url, "subject": "jobs.x", "tls": tls}
    status, name, message = failed(check("nats", target))
    assert (status, name, "certificate" in message.lower()) == ("rejected", "tls", True)


def test_tls_that_the_server_asks_for(
    nats_secured: SecuredNats, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `nats://` and no `tls` block the server decides; the login shows its certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    url = nats_secured.tls.url.replace("tls://", "nats://")
    result = check("nats", {"url": url, "subject": "jobs.x"})
    assert names(result)[2:5] == ["connect", "login", "tls"]
    assert "the certificate ends on" in step(result, "tls").message


def test_one_of_several_servers_is_away(nats_server: NatsServer) -> None:
    closed = f"nats://127.0.0.1:{ports.closed_port()}"
    result = check("nats", {"servers": [closed, nats_server.url], "subject": "jobs.x"})
    assert (result.status, step(result, "connect").status) == ("succeeded", "warning")
    assert "connection refused" in step(result, "connect").message
    nowhere = failed(check("nats", {"servers": [closed, closed], "subject": "jobs.x"}))
    assert nowhere[:2] == ("unreachable", "connect")


def test_one_of_several_names_is_unknown(nats_server: NatsServer) -> None:
    servers = ["nats://no-such-name.invalid:4222", nats_server.url]
    result = check("nats", {"servers": servers, "subject": "jobs.x"})
    resolved = step(result, "resolve")
    assert (result.status, resolved.status) == ("succeeded", "warning")
    assert resolved.message.startswith("127.0.0.1; cannot resolve the host name")
