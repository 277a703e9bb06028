"""Running the real program, and asking the test servers what they saw."""

import json
import os
import signal
import ssl
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chronos_cli.testing.ports import SilentPort
from chronos_cli.testing.program import Result, chronos, command, environment, finish, start

__all__ = [
    "ROOT",
    "HttpServer",
    "Result",
    "SilentPort",
    "chronos",
    "command",
    "environment",
    "finish",
    "headers",
    "in_zone",
    "start",
    "write",
]

ROOT = Path(__file__).parents[1]


@contextmanager
def in_zone(name: str) -> Iterator[None]:
    """Let this process's machine stand in a zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()


def write(folder: Path, text: str, name: str = "job.yaml") -> str:
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return str(path)


class HttpServer:
    """The test server of `servers/http_server.py`, in its own process."""

    def __init__(self, *tls_files: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/servers/http_server.py"), *tls_files],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.url = f"http{'s' if tls_files else ''}://127.0.0.1:{self.port}"

    def requests(self, path: str | None = None) -> list[dict[str, Any]]:
        """What came in, oldest first."""
        context = ssl._create_unverified_context() if self.url.startswith("https") else None
        where = f"{self.url}/_requests"
        with urllib.request.urlopen(where, timeout=10, context=context) as answer:
            seen: list[dict[str, Any]] = json.load(answer)
        return [request for request in seen if path is None or request["path"] == path]

    def wait_for(self, path: str, count: int = 1, limit: float = 15) -> None:
        end = time.monotonic() + limit
        while len(self.requests(path)) < count:
            assert time.monotonic() < end, f"{path} was not requested {count} times"
            time.sleep(0.02)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate(timeout=10)


def headers(request: dict[str, Any]) -> dict[str, str]:
    pairs: Sequence[Sequence[str]] = request["headers"]
    return {name.lower(): value for name, value in pairs}
