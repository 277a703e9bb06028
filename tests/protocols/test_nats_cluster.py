"""NATS: a cluster of three whose stream loses its leader."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.process import free_ports
from tests.protocols.nats_support import OwnServer, outcome, run
from tests.servers.nats_wire import Wire


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[dict[str, OwnServer]]:
    """Three servers by their names, with routes to each other."""
    names, ports = ("n1", "n2", "n3"), free_ports(3)
    routes = json.dumps([f"nats://127.0.0.1:{port}" for port in ports])
    with ExitStack() as running:
        servers = {}
        for name, port in zip(names, ports, strict=True):
            extra = (
                f"server_name: {name}\n"
                f'cluster {{name: c, listen: "127.0.0.1:{port}", routes: {routes}}}\n'
            )
            servers[name] = running.enter_context(OwnServer(tmp_path / name, extra))
        yield servers


def eventually(wire: Wire, subject: str, body: Any = None, limit: float = 30) -> Any:
    """Ask JetStream until it answers; it chooses a leader of its own first."""
    end = time.monotonic() + limit
    wire.subscribe("_INBOX.wire")
    while time.monotonic() < end:
        wire.publish(subject, json.dumps(body or {}).encode(), "_INBOX.wire")
        for message in wire.wait(1):
            reply = json.loads(message.body or b'{"error": "nobody"}')
            if "error" not in reply:
                return reply
        wire.messages.clear()
        time.sleep(0.1)
    raise AssertionError(f"no answer on {subject}")


def test_a_killed_leader_is_no_missing_stream(
    cluster: dict[str, OwnServer], tmp_path: Path
) -> None:
    wire = Wire(cluster["n1"].url)
    stream = {"name": "S", "subjects": ["S.>"], "num_replicas": 3, "storage": "memory"}
    leader = eventually(wire, "$JS.API.STREAM.CREATE.S", stream)["cluster"]["leader"]
    wire.close()
    # Those who are left, in the order in which they are tried.
    left = [server.url for name, server in cluster.items() if name != leader]
    once: dict[str, Any] = {"retry_policy": {"max_attempts": 1}, "timeout": "10s"}
    here = {"servers": left, "mode": "jetstream"}
    stored = run(tmp_path, {**here, "subject": "S.x"}, **once)
    assert stored.only["receipt"]["stream"] == "S"
    nobodys = run(tmp_path, {**here, "subject": "T.x"}, **once)
    assert outcome(nobodys)[:2] == ("rejected", "NO_STREAM")

    cluster[leader].process.kill()
    failed = run(tmp_path, {**here, "subject": "S.x"}, **once)
    assert failed.only["status"] == "unreachable"
    assert failed.only["code"] in {"NO_LEADER", "NO_STREAM", "503"}
    # And by the job's own retries it arrives, once a leader is chosen.
    patient = {"max_attempts": 60, "initial_interval": "200ms", "multiplier": 1}
    back = run(
        tmp_path, {**here, "subject": "S.x"}, retry_policy=patient, timeout="3s", deadline="40s"
    )
    assert back.only["status"] == "succeeded"
