"""NATS in the shared contract suite: core publishes, seen by a subscriber of our own."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chronos_cli.testing.harness import Harness, Received, port_of, raising, with_port
from tests.brokers.nats import PASSWORD, USER
from tests.servers.nats_wire import Wire


class NatsHarness(Harness):
    key = "nats"

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request
        self.authorities = request.getfixturevalue("certificates").authorities
        self._subscribers: dict[str, Wire] = {}

    def target(self) -> dict[str, Any]:
        return self._watched(self._request.getfixturevalue("nats_server").url)

    def received(self, target: dict[str, Any], limit: float = 10.0) -> list[Received]:
        messages = self._subscribers[target["subject"]].wait(limit)
        return [Received(message.body, message.headers) for message in messages]

    def at_port(self, port: int) -> dict[str, Any]:
        return {"url": f"nats://127.0.0.1:{port}", "subject": "jobs.nowhere"}

    def bad_credentials(self, secret: str) -> dict[str, Any] | None:
        server = self._request.getfixturevalue("nats_secured").users
        login = {"user": "chronos", "password": secret}
        return {"url": server.url, "subject": "jobs.refused", **login}

    def tls(self, ca: Path) -> dict[str, Any] | None:
        server = self._request.getfixturevalue("nats_secured").tls
        trusted = str(self._request.getfixturevalue("certificates").ca)
        return {**self._watched(server.url, trusted), "tls": {"ca": str(ca)}}

    def login_target(self) -> dict[str, Any]:
        server = self._request.getfixturevalue("nats_secured").users
        target = self._watched(server.url, login={"user": USER, "pass": PASSWORD})
        return {**target, "user": USER, "password": PASSWORD}

    def server_port(self, target: dict[str, Any]) -> int:
        return port_of(target["url"])

    def rerouted(self, target: dict[str, Any], port: int) -> dict[str, Any]:
        return {**target, "url": with_port(target["url"], port)}

    def break_client(self, patch: pytest.MonkeyPatch, error: Exception) -> bool:
        patch.setattr("chronos_cli.protocols.nats.client.Client.write", raising(error))
        return True

    def _watched(
        self, url: str, ca: str | None = None, login: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """A subject with its subscriber in place: what nobody listens to is gone."""
        subject = f"jobs.contract.{uuid4().hex}"
        wire = self._subscribers[subject] = Wire(url, ca, login or {}).subscribe(subject)
        self._request.addfinalizer(wire.close)
        return {"url": url, "subject": subject}


def open_harness(folder: Path, request: pytest.FixtureRequest) -> Harness:
    return NatsHarness(request)
