"""Running the real loop as a process, and reading its log."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from tests.support import HttpServer, command, environment, headers


def wait_until(condition: Callable[[], bool], limit: float = 20) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


class Cron:
    """`chronos cron` as a process; its log is JSON in a file."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        env: dict[str, str] | None = None,
        log: str = "log.jsonl",
        log_format: str = "json",
        stdin: Path = Path(os.devnull),
    ) -> None:
        self.log = folder / log
        self._stderr = self.log.open("ab")
        self._began = self._read_to = self.log.stat().st_size
        self._events: list[dict[str, Any]] = []
        given = {"--state", "--cluster"}.intersection(arguments)
        state = () if given else ("--state", str(folder / "state.sqlite"))
        with stdin.open("rb") as stream:
            self.process = subprocess.Popen(
                self._command("cron", *arguments, *state, "--log-format", log_format),
                stdin=stream,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                env=environment(env),
                cwd=folder,
            )

    def _command(self, *arguments: str) -> list[str]:
        return command(*arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=10)
        self._stderr.close()

    @property
    def text(self) -> str:
        """What this process has written."""
        with self.log.open("rb") as stream:
            stream.seek(self._began)
            return stream.read().decode()

    def events(self, kind: str) -> list[dict[str, Any]]:
        self._read_on()
        return [event for event in self._events if event["event"] == kind]

    def _read_on(self) -> None:
        """Read the lines that have come; all of them each time would keep a core from the loop."""
        with self.log.open("rb") as stream:
            stream.seek(self._read_to)
            # Of what is just being written, half may be there.
            whole, end, _ = stream.read().rpartition(b"\n")
        self._read_to += len(whole) + len(end)
        self._events += [json.loads(line) for line in whole.splitlines() if line[:1] == b"{"]

    def wait_for(self, kind: str, count: int = 1, limit: float = 30) -> list[dict[str, Any]]:
        end = time.monotonic() + limit
        while len(found := self.events(kind)) < count:
            assert time.monotonic() < end, f"no {kind} in {limit} s:\n{self.text}"
            assert self.process.poll() is None, f"ended before {kind}:\n{self.text}"
            time.sleep(0.02)
        return found

    def send(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def stop(self, number: int = signal.SIGTERM, limit: float = 30) -> int:
        """Send a signal; return the exit code."""
        self.send(number)
        return self.wait(limit)

    def wait(self, limit: float = 30) -> int:
        return self.process.wait(timeout=limit)


def deliveries(server: HttpServer, paths: Sequence[str]) -> dict[str, list[tuple[datetime, str]]]:
    """Scheduled time and execution ID of every request, by path, in the order of arrival."""
    found: dict[str, list[tuple[datetime, str]]] = {path: [] for path in paths}
    for request in server.requests():
        if request["path"] in found:
            sent = headers(request)
            moment = datetime.fromisoformat(sent["x-chronos-scheduled-time"])
            found[request["path"]].append((moment, sent["x-chronos-execution-id"]))
    return found
