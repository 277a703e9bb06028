"""The server of `servers/grpc_server.py` as a process of the tests' own."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import grpc

from tests.support import ROOT

BEHAVIOUR = "test.v1.Behaviour"


class GrpcServer:
    def __init__(self, *arguments: str) -> None:
        self._command = [sys.executable, str(ROOT / "tests/servers/grpc_server.py"), *arguments]
        self.port = 0
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, or start it again on the port that it had."""
        again = ["--port", str(self.port)] if self.port else []
        self.process = subprocess.Popen([*self._command, *again], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=10)

    def seen(self, method: str, ca: Path | None = None) -> list[dict[str, Any]]:
        """What came in by a method, oldest first; asked for without any of our own code.

        `ca` is the authority of a server that speaks TLS.
        """
        if ca is None:
            opened = grpc.insecure_channel(self.address)
        else:
            trusted = grpc.ssl_channel_credentials(ca.read_bytes())
            opened = grpc.secure_channel(self.address, trusted)
        with opened as channel:
            listing: Any = channel.unary_unary("/test.Seen/List")
            raw = listing(b"", timeout=10)
        return [call for call in json.loads(raw) if call["method"] == method]

    def wait_for(self, method: str, count: int = 1, limit: float = 10) -> list[dict[str, Any]]:
        end = time.monotonic() + limit
        while len(found := self.seen(method)) < count:
            assert time.monotonic() < end, f"{method} was not called {count} times"
            time.sleep(0.02)
        return found
