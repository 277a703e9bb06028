"""grpc-go: connections that it ends, reflection, streams, clients' certificates."""

from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.interop.load import Load, assert_held, failures, fire
from tests.interop.runs import call
from tests.interop.servers import go_server, go_version, lines
from tests.interop.test_go_http import options

pytestmark = pytest.mark.interop

_MODULE = "google.golang.org/grpc"
_SERVICE = "grpc.testing.TestService"


@pytest.mark.far_side("grpc-go", "MaxConnectionIdle 1 s, jobs @every 1s; MaxConnectionAge 1 s")
def test_connections(tmp_path: Path, record_property: Any) -> None:
    record_property("version", go_version(_MODULE))
    load = Load()
    with (
        go_server("grpc", tmp_path, "-idle", "1s") as (idle, one),
        go_server("grpc", tmp_path, "-age", "1s") as (age, other),
    ):
        targets = {
            name: {"grpc": {"address": f"127.0.0.1:{port}", "method": f"{_SERVICE}/EmptyCall"}}
            for name, port in (("idle", idle), ("age", age))
        }
        found = fire(tmp_path, targets, load)
        arrived = [line["ids"][0] for process in (one, other) for line in lines(process)]
    held = assert_held(found, load)
    ids = [event["execution_id"] for events in found.values() for event in events]
    assert sorted(arrived) == sorted(ids), failures(found["age"])
    record_property("held", f"{held}; each arrived once")


@pytest.mark.far_side(
    "grpc-go",
    "reflection, unary with a payload, stream of replies, a status, clients' certificates",
)
def test_calls(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    record_property("version", go_version(_MODULE))
    client, other = certificates.client, certificates.other_client
    trusted = {"ca": str(certificates.ca)}
    ours = {**trusted, "cert": str(client.certificate), "key": str(client.key)}
    foreign = {**trusted, "cert": str(other.certificate), "key": str(other.key)}
    with go_server("grpc", tmp_path, *options(certificates, clients=True)) as (port, _):
        address = f"127.0.0.1:{port}"
        unary = {"response_size": 3, "payload": {"body": "eA=="}}
        result = call(address, f"{_SERVICE}/UnaryCall", unary, tls=ours)
        assert result.code == 0, result.out
        assert result.only["receipt"]["reply"]["payload"] == {"body": "AAAA"}
        stream = {"response_parameters": [{"size": 1}, {"size": 2}]}
        result = call(address, f"{_SERVICE}/StreamingOutputCall", stream, tls=ours)
        assert result.code == 0, result.out
        failing = {"response_status": {"code": 5, "message": "no such thing"}}
        result = call(address, f"{_SERVICE}/UnaryCall", failing, tls=ours)
        assert (result.code, result.only["code"]) == (4, "NOT_FOUND"), result.out
        result = call(address, f"{_SERVICE}/NoSuchCall", {}, tls=ours)
        assert result.code == 4, result.out
        for tls in (trusted, foreign):
            result = call(address, f"{_SERVICE}/UnaryCall", unary, tls=tls)
            assert result.code == 4, result.out
    record_property("held", "6 of 6")
