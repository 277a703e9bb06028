"""HTTP's far sides: the test server, plain and over TLS."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.brokers.certificates import Certificates
from tests.protocols.harness import Received
from tests.support import HttpServer, headers


class WebhookHarness:
    key = "webhook"

    def __init__(self, plain: HttpServer, secured: HttpServer) -> None:
        self._plain = plain
        self._secured = secured

    def target(self) -> dict[str, Any]:
        return {"url": f"{self._plain.url}/status/200?contract={uuid4().hex}"}

    def received(self, target: dict[str, Any], limit: float = 10.0) -> list[Received]:
        server = self._secured if target["url"].startswith("https") else self._plain
        path = target["url"].removeprefix(server.url)
        return [
            Received(request["body"].encode(), headers(request))
            for request in server.requests(path)
        ]

    def refused(self, port: int) -> dict[str, Any]:
        return {"url": f"http://127.0.0.1:{port}/"}

    silent = refused

    def bad_credentials(self, secret: str) -> dict[str, Any]:
        url = self._plain.url.replace("//", f"//user:{secret}@")
        return {"url": f"{url}/auth/x"}

    def tls(self, ca: str) -> dict[str, Any]:
        url = f"{self._secured.url}/status/200?contract={uuid4().hex}"
        return {"url": url, "tls": {"ca": ca}}


def open_harness(folder: Path, request: pytest.FixtureRequest) -> WebhookHarness:
    certificates: Certificates = request.getfixturevalue("certificates")
    identity = certificates.server
    secured = HttpServer(str(identity.certificate), str(identity.key))
    request.addfinalizer(secured.stop)
    return WebhookHarness(request.getfixturevalue("server"), secured)
