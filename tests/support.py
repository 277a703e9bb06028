"""Running the real program, and asking the test servers what they saw."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[1]

# Where the program under test keeps its state: removed when the tests end.
_STATE_HOME = tempfile.TemporaryDirectory(prefix="chronos-tests-", ignore_cleanup_errors=True)


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str
    seconds: float

    @property
    def report(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def only(self) -> dict[str, Any]:
        """The one result of a JSON report."""
        (result,) = self.report["results"]
        assert isinstance(result, dict)
        return result


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CHRONOS_DEMO", "TRACE"))}
    ours = {
        "XDG_CONFIG_HOME": "/nonexistent",
        "XDG_STATE_HOME": _STATE_HOME.name,
        "COLUMNS": "80",
    }
    return {**kept, **ours, **(extra or {})}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "chronos_cli", *arguments]


def chronos(
    *arguments: str,
    stdin: str | bytes = "",
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    limit: float = 60,
) -> Result:
    """Run the program to its end."""
    raw = stdin.encode() if isinstance(stdin, str) else stdin
    began = time.monotonic()
    done = subprocess.run(
        command(*arguments),
        input=raw,
        capture_output=True,
        env=environment(env),
        cwd=cwd,
        timeout=limit,
        check=False,
    )
    seconds = time.monotonic() - began
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode(), seconds)


def start(*arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(env),
    )


def finish(process: subprocess.Popen[str], limit: float = 30) -> Result:
    began = time.monotonic()
    out, err = process.communicate(timeout=limit)
    return Result(process.returncode, out, err, time.monotonic() - began)


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


class SilentPort(int):
    """The number of a port that accepts and never answers."""

    _listener: socket.socket

    @classmethod
    def of(cls, listener: socket.socket) -> Self:
        port = cls(listener.getsockname()[1])
        port._listener = listener
        return port

    def wait_for_client(self, limit: float = 30) -> socket.socket:
        """Return the connection of a client that has got so far."""
        self._listener.settimeout(limit)
        return self._listener.accept()[0]


def headers(request: dict[str, Any]) -> dict[str, str]:
    pairs: Sequence[Sequence[str]] = request["headers"]
    return {name.lower(): value for name, value in pairs}
