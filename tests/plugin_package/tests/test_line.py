"""The contract of Chronos, kept against a real server of lines."""

import json
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from chronos_cli.testing.contract import Contract
from chronos_cli.testing.harness import Harness, Received, raising
from chronos_cli.testing.hostile_contract import HostileContract


class LineServer(ThreadingTCPServer):
    """Keeps the lines that come, but for those with a token that it does not know."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lines: list[dict[str, Any]] = []
        self.port: int = self.socket.getsockname()[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(StreamRequestHandler):
    server: LineServer

    def handle(self) -> None:
        text = self.rfile.readline()
        if not text.endswith(b"\n"):
            return
        line = json.loads(text)
        if line["headers"].get("Token", "right") != "right":
            self.wfile.write(b"unknown token\n")
            return
        if not line.get("check"):
            self.server.lines.append(line)
        self.wfile.write(b"ok\n")


class LineHarness(Harness):
    """Each destination is a server of its own."""

    key = "line"

    def __init__(self) -> None:
        self.servers: dict[int, LineServer] = {}

    def target(self) -> dict[str, Any]:
        server = LineServer()
        self.servers[server.port] = server
        return self.at_port(server.port)

    def at_port(self, port: int) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": port}

    def received(self, target: dict[str, Any], limit: float = 10.0) -> list[Received]:
        server, end = self.servers[target["port"]], time.monotonic() + limit
        while not server.lines and time.monotonic() < end:
            time.sleep(0.01)
        return [
            Received(
                body=b64decode(line["body"]),
                headers={name.lower(): value for name, value in line["headers"].items()},
            )
            for line in server.lines
        ]

    def bad_credentials(self, secret: str) -> dict[str, Any]:
        return {**self.target(), "token": secret}

    def server_port(self, target: dict[str, Any]) -> int:
        port: int = target["port"]
        return port

    def rerouted(self, target: dict[str, Any], port: int) -> dict[str, Any]:
        return {**target, "port": port}

    def break_client(self, patch: pytest.MonkeyPatch, error: Exception) -> bool:
        patch.setattr("asyncio.open_connection", raising(error))
        return True


@pytest.fixture(scope="module")
def harness() -> Iterator[LineHarness]:
    opened = LineHarness()
    yield opened
    for server in opened.servers.values():
        server.shutdown()
        server.server_close()


class TestContract(Contract):
    """All its tests, with the fixture `harness` of this module."""


class TestHostile(HostileContract):
    """The same with far sides that cut, flood and garble."""
