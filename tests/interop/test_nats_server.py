"""nats-server of today: how it lets clients in, and three nodes that lose one."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.brokers.process import ServerProcess
from tests.interop.load import Load, failures, fire
from tests.interop.nats import jetstream_cluster, nats_server
from tests.interop.runs import send
from tests.interop.servers import need, version
from tests.servers.nats_keys import jwt_server, user_key

pytestmark = pytest.mark.interop

_SUBJECT = {"subject": "jobs.a"}
Form = tuple[str, str, dict[str, Any], dict[str, Any]]


def forms(folder: Path, certificates: Certificates) -> list[Form]:
    """Scheme, the server's settings, the keys that let a job in, and keys that do not."""
    identity, client = certificates.server, certificates.client
    pair = user_key()
    (folder / "seed").write_bytes(pair.seed)
    (folder / "other-seed").write_bytes(user_key().seed)
    for name in ("seed", "other-seed"):
        (folder / name).chmod(0o600)
    jwt = jwt_server(folder / "user.creds")
    jwt_server(folder / "other.creds")
    for name in ("user.creds", "other.creds"):
        (folder / name).chmod(0o600)
    files = f'cert_file: "{identity.certificate}", key_file: "{identity.key}"'
    trusted = {"ca": str(certificates.ca)}
    ours = {**trusted, "cert": str(client.certificate), "key": str(client.key)}
    with_clients = f'tls {{{files}, ca_file: "{certificates.ca}", verify: true}}'
    user = "authorization {user: a, password: s3cret}"
    return [
        ("nats", user, {"user": "a", "password": "s3cret"}, {"user": "a", "password": "x"}),
        ("nats", "authorization {token: t0ken}", {"token": "t0ken"}, {"token": "x"}),
        (
            "nats",
            f"authorization {{users: [{{nkey: {pair.public}}}]}}",
            {"nkey_seed": str(folder / "seed")},
            {"nkey_seed": str(folder / "other-seed")},
        ),
        (
            "nats",
            jwt,
            {"credentials": str(folder / "user.creds")},
            {"credentials": str(folder / "other.creds")},
        ),
        ("tls", f"tls {{{files}}}", {"tls": trusted}, {"tls": {"ca": str(certificates.other_ca)}}),
        ("tls", with_clients, {"tls": ours}, {"tls": trusted}),
    ]


@pytest.mark.far_side(
    "nats-server",
    "user, token, nkey, JWT credentials, TLS, clients' certificates; each with a wrong one too",
    needs="`user`/`password`, `token`, `nkey_seed`, `credentials`, `tls: {ca, cert, key}`",
)
def test_logins(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    record_property("version", version(need("nats-server"), "--version"))
    tried = forms(tmp_path, certificates)
    for number, (scheme, settings, right, wrong) in enumerate(tried):
        with nats_server(tmp_path / str(number), settings) as port:
            target = {"url": f"{scheme}://127.0.0.1:{port}", **_SUBJECT}
            result = send({"nats": {**target, **right}})
            assert result.code == 0, result.out
            result = send({"nats": {**target, **wrong}})
            assert result.code == 4, result.out
    record_property("held", f"{len(tried)} of {len(tried)}; {len(tried)} wrong ones rejected")


@pytest.mark.far_side("nats-server", "handshake_first: true", needs="`tls: {first: true}`")
def test_handshake_first(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    record_property("version", version(need("nats-server"), "--version"))
    identity, trusted = certificates.server, {"ca": str(certificates.ca)}
    files = f'cert_file: "{identity.certificate}", key_file: "{identity.key}"'
    with nats_server(tmp_path, f"tls {{{files}, handshake_first: true}}") as port:
        target = {"url": f"tls://127.0.0.1:{port}", **_SUBJECT}
        result = send({"nats": {**target, "tls": {**trusted, "first": True}}})
        assert result.code == 0, result.err + result.out
        hinted = send({"nats": {**target, "tls": trusted}}, timeout="3s")
        assert hinted.code in (4, 5, 6), hinted.out
        assert "first" in hinted.out
    record_property("held", "yes; without the key a hint names it")


@pytest.mark.far_side(
    "nats-server",
    "a user whose inbox is _INBOX_x.>, request",
    needs="`inbox_prefix`",
)
def test_inbox(tmp_path: Path, record_property: Any) -> None:
    record_property("version", version(need("nats-server"), "--version"))
    allowed = '{publish: ["jobs.>"], subscribe: ["_INBOX_x.>"]}'
    settings = (
        "authorization {users: ["
        f"{{user: a, password: s3cret, permissions: {allowed}}}, {{user: b, password: s3cret}}]}}"
    )
    with nats_server(tmp_path, settings) as port:
        login = {"user": "a", "password": "s3cret", "mode": "request", **_SUBJECT}
        target = {"url": f"nats://127.0.0.1:{port}", **login}
        # Nobody answers: what counts is that the reply's subject is let through.
        result = send({"nats": {**target, "inbox_prefix": "_INBOX_x"}})
        assert (result.code, result.only["code"]) == (4, "NO_RESPONDERS"), result.err + result.out
        hinted = send({"nats": target})
        assert hinted.code == 4
        assert "inbox_prefix" in hinted.out, hinted.out
    record_property("held", "yes; without the key a hint names it")


@pytest.mark.far_side(
    "nats-server, three nodes",
    "the node that leads a stream of three replicas killed while jobs tick, @every 1s",
    needs="`mode: jetstream`; retries, as an election takes seconds",
)
def test_leader_killed(tmp_path: Path, record_property: Any) -> None:
    record_property("version", version(need("nats-server"), "--version"))
    load = Load(jobs=20, full_rounds=20, attempts=10)
    with jetstream_cluster(tmp_path / "nodes") as nodes:
        ports = {name: port for name, (port, _) in nodes.items()}
        leader = asyncio.run(_make_stream(ports))
        others = [port for name, port in ports.items() if name != leader]
        target = {"url": f"nats://127.0.0.1:{others[0]}", "mode": "jetstream", **_SUBJECT}
        process: ServerProcess = nodes[leader][1]
        found = fire(tmp_path, {"a": {"nats": target}}, load, between=process.kill)
        stored = asyncio.run(_stored(others[0]))
    assert failures(found["a"]) == []
    assert {event["execution_id"] for event in found["a"]} <= stored
    retried = sum(event["attempts"] > 1 for event in found["a"])
    assert retried, "the election was over before a tick came"
    record_property("held", f"{len(found['a'])} ticks, all stored")


async def _make_stream(ports: dict[str, int]) -> str:
    """Make a stream on three nodes; return the name of the one that leads it."""
    import nats
    from nats.errors import Error
    from nats.js.api import StreamConfig

    client = await nats.connect(f"nats://127.0.0.1:{next(iter(ports.values()))}")
    stream = client.jetstream()
    end = time.monotonic() + 30
    while True:
        try:
            config = StreamConfig(name="JOBS", subjects=["jobs.>"], num_replicas=3)
            made = await stream.add_stream(config)
            break
        except Error:
            assert time.monotonic() < end, "the nodes did not find each other"
            await asyncio.sleep(0.2)
    while made.cluster is None or made.cluster.leader not in ports:
        assert time.monotonic() < end, "the stream has no leader"
        await asyncio.sleep(0.1)
        made = await stream.stream_info("JOBS")
    await client.close()
    return str(made.cluster.leader)


async def _stored(port: int) -> set[str]:
    import nats
    from nats.errors import Error

    client = await nats.connect(f"nats://127.0.0.1:{port}")
    stream = client.jetstream(timeout=1)
    for _ in range(30):  # who asks amid an election gets no answer
        with suppress(Error):
            count = (await stream.stream_info("JOBS")).state.messages
            subscription = await stream.subscribe("jobs.>", ordered_consumer=True)
            break
    found = set()
    for _ in range(count):
        message = await subscription.next_msg(timeout=10)
        found.add((message.headers or {})["X-Chronos-Execution-ID"])
    await client.close()
    return found
