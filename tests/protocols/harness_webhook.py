"""HTTP's far sides: the test server, plain and over TLS."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chronos_cli.testing.harness import Authorities, Harness, Received, port_of, raising, with_port
from tests.brokers.certificates import Certificates
from tests.support import HttpServer, headers


class WebhookHarness(Harness):
    key = "webhook"

    def __init__(self, plain: HttpServer, secured: HttpServer, authorities: Authorities) -> None:
        self._plain = plain
        self._secured = secured
        self.authorities = authorities

    def target(self) -> dict[str, Any]:
        return {"url": f"{self._plain.url}/status/200?contract={uuid4().hex}"}

    def received(self, target: dict[str, Any], limit: float = 10.0) -> list[Received]:
        server = self._secured if target["url"].startswith("https") else self._plain
        path = target["url"].removeprefix(server.url)
        return [
            Received(request["body"].encode(), headers(request))
            for request in server.requests(path)
        ]

    def at_port(self, port: int) -> dict[str, Any]:
        return {"url": f"http://127.0.0.1:{port}/"}

    def bad_credentials(self, secret: str) -> dict[str, Any]:
        url = self._plain.url.replace("//", f"//user:{secret}@")
        return {"url": f"{url}/auth/x"}

    def checked(self, target: dict[str, Any]) -> dict[str, Any]:
        return {**target, "check": "OPTIONS"}

    def tls(self, ca: Path) -> dict[str, Any]:
        url = f"{self._secured.url}/status/200?contract={uuid4().hex}"
        return {"url": url, "tls": {"ca": str(ca)}}

    def server_port(self, target: dict[str, Any]) -> int:
        return port_of(target["url"])

    def rerouted(self, target: dict[str, Any], port: int) -> dict[str, Any]:
        return {**target, "url": with_port(target["url"], port)}

    def break_client(self, patch: pytest.MonkeyPatch, error: Exception) -> bool:
        patch.setattr("chronos_cli.protocols.http.http1.written", raising(error))
        return True


def open_harness(folder: Path, request: pytest.FixtureRequest) -> WebhookHarness:
    certificates: Certificates = request.getfixturevalue("certificates")
    identity = certificates.server
    secured = HttpServer(str(identity.certificate), str(identity.key))
    request.addfinalizer(secured.stop)
    server = request.getfixturevalue("server")
    return WebhookHarness(server, secured, certificates.authorities)
