"""grpc-java: connections that it ends, reflection, a stream, clients' certificates."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.brokers.process import ServerProcess
from tests.interop import provision
from tests.interop.load import Load, assert_held, fire
from tests.interop.runs import call
from tests.interop.servers import Command, free_port, lines, need, running
from tests.servers.grpc_server import descriptors

pytestmark = pytest.mark.interop

_SERVICE = "test.v1.Behaviour"


@contextmanager
def java_server(folder: Path, *words: str) -> Iterator[tuple[int, ServerProcess]]:
    """Run the server of tests/interop/java on a free port."""
    need("javac")
    jars, port = provision.jars(), free_port()
    if isinstance(jars, str):
        pytest.skip(jars)
    folder.mkdir(exist_ok=True)
    descriptors(folder / "set")
    source = provision.JAVA / "GrpcFarSide.java"
    command: Command = ["java", "-cp", f"{jars}/*", source, str(port), folder / "set", *words]
    with running(command, port, folder / "java.log") as process:
        yield port, process


def version() -> str:
    """Tell the version of grpc-java, once it is there."""
    (jar,) = provision.JARS.glob("grpc-api-*.jar")
    return jar.stem.removeprefix("grpc-api-")


@pytest.mark.far_side("grpc-java", "maxConnectionIdle 1 s, jobs @every 1s; maxConnectionAge 1 s")
def test_connections(tmp_path: Path, record_property: Any) -> None:
    load = Load()
    with (
        java_server(tmp_path / "idle", "idle") as (idle, one),
        java_server(tmp_path / "age", "age") as (age, other),
    ):
        record_property("version", version())
        targets = {
            name: {"grpc": {"address": f"127.0.0.1:{port}", "method": f"{_SERVICE}/Take"}}
            for name, port in (("idle", idle), ("age", age))
        }
        found = fire(tmp_path, targets, load)
        arrived = [line["id"] for process in (one, other) for line in lines(process)]
    held = assert_held(found, load)
    ids = [event["execution_id"] for events in found.values() for event in events]
    assert sorted(arrived) == sorted(ids)
    record_property("held", f"{held}; each arrived once")


@pytest.mark.far_side(
    "grpc-java",
    "reflection; bytes, maps, 64-bit numbers, a stream, a status; clients' certificates",
    needs="`tls: {ca, cert, key}` where it asks for them",
)
def test_calls(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    identity, client, other = certificates.server, certificates.client, certificates.other_client
    files = [str(file) for file in (identity.certificate, identity.key, certificates.ca)]
    trusted = {"ca": str(certificates.ca)}
    ours = {**trusted, "cert": str(client.certificate), "key": str(client.key)}
    foreign = {**trusted, "cert": str(other.certificate), "key": str(other.key)}
    with java_server(tmp_path, "idle", *files) as (port, process):
        record_property("version", version())
        address = f"127.0.0.1:{port}"
        payload = {"raw": "AAEC", "limits": {"a": "9007199254740993"}, "flag": True, "left": "l"}
        result = call(address, f"{_SERVICE}/Take", payload, tls=ours)
        assert result.code == 0, result.out
        reply = {"accepted": True, "number": "9007199254740993", "blob": "AAEC"}
        assert result.only["receipt"]["reply"] == reply
        (seen,) = lines(process)
        assert seen["request"] == payload
        result = call(address, f"{_SERVICE}/Count", {"size": 3}, tls=ours)
        assert result.code == 0, result.out
        result = call(address, f"{_SERVICE}/Status", {"code": 5, "message": "no"}, tls=ours)
        assert (result.code, result.only["code"]) == (4, "NOT_FOUND"), result.out
        for tls in (trusted, foreign):
            result = call(address, f"{_SERVICE}/Take", payload, tls=tls)
            assert result.code == 4, result.out
    record_property("held", "5 of 5")
