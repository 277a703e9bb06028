"""gRPC for the contract suite: a real grpcio server, plaintext and TLS."""

import json
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chronos_cli.testing.harness import Harness, Received, port_of, raising, with_port
from tests.brokers.certificates import Certificates
from tests.protocols.grpc_servers import BEHAVIOUR, GrpcServer


class GrpcHarness(Harness):
    """A target's destination is the value of its metadata `x-destination`."""

    key = "grpc"

    def __init__(self, plain: GrpcServer, secure: GrpcServer, certificates: Certificates) -> None:
        self._plain = plain
        self._secure = secure
        self._ca = certificates.ca
        self.authorities = certificates.authorities

    def target(self) -> dict[str, Any]:
        return self._to(self._plain.address)

    def received(self, target: dict[str, Any], limit: float = 10.0) -> list[Received]:
        destination = target["metadata"]["x-destination"]
        end = time.monotonic() + limit
        is_secure = target["address"] == self._secure.address
        server, ca = (self._secure, self._ca) if is_secure else (self._plain, None)
        while True:
            calls = [(dict(one["metadata"]), one["request"]) for one in server.seen("Free", ca)]
            found = [call for call in calls if call[0].get("x-destination") == destination]
            if found or time.monotonic() > end:
                return [
                    Received(json.dumps(_whole(request)).encode(), metadata)
                    for metadata, request in found
                ]
            time.sleep(0.02)

    def at_port(self, port: int) -> dict[str, Any]:
        return self._to(f"127.0.0.1:{port}")

    def bad_credentials(self, secret: str) -> dict[str, Any] | None:
        return {**self.target(), "token": secret}

    def tls(self, ca: Path) -> dict[str, Any] | None:
        return {**self._to(self._secure.address), "tls": {"ca": str(ca)}}

    def server_port(self, target: dict[str, Any]) -> int:
        return port_of(target["address"])

    def rerouted(self, target: dict[str, Any], port: int) -> dict[str, Any]:
        return {**target, "address": with_port(target["address"], port)}

    def break_client(self, patch: pytest.MonkeyPatch, error: Exception) -> bool:
        patch.setattr("grpc.aio.insecure_channel", raising(error))
        return True

    def event_target(self) -> dict[str, Any]:
        return {**self.target(), "method": "test.v1.Events/Take"}

    def event_attributes(self, target: dict[str, Any]) -> Mapping[str, str]:
        ((_, event),) = self.events(target)
        inner = {name: next(iter(value.values())) for name, value in event["attributes"].items()}
        outer = {name: event[name] for name in ("id", "source", "type")}
        return {**inner, **outer, "specversion": event["spec_version"]}

    def events(self, target: dict[str, Any]) -> list[tuple[dict[str, str], dict[str, Any]]]:
        """Metadata and request of each event there, as the server's own protobuf reads them."""
        destination = target["metadata"]["x-destination"]
        calls = [(dict(one["metadata"]), one["request"]) for one in self._plain.seen("Event")]
        return [one for one in calls if one[0]["x-destination"] == destination]

    def _to(self, address: str) -> dict[str, Any]:
        metadata = {"x-destination": uuid.uuid4().hex}
        return {"address": address, "method": f"{BEHAVIOUR}/Free", "metadata": metadata}


def open_harness(folder: Path, request: pytest.FixtureRequest) -> GrpcHarness:
    """Start the servers; they end with the test that asked."""
    certificates = request.getfixturevalue("certificates")
    identity = certificates.server
    files = ["--certificate", str(identity.certificate), "--key", str(identity.key)]
    plain, secure = GrpcServer(), GrpcServer(*files)
    request.addfinalizer(plain.stop)
    request.addfinalizer(secure.stop)
    return GrpcHarness(plain, secure, certificates)


def _whole(value: Any) -> Any:
    """A Struct knows floats only: make whole numbers of those that are."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
