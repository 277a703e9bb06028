"""A `chronos cron`, or another scheduler, that runs while it is looked at."""

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.benchmarks.measure import FailureError

_TICKS = os.sysconf("SC_CLK_TCK")


class Running:
    """A process whose stderr is read line by line. It is ended by SIGTERM on leaving."""

    def __init__(self, command: Sequence[str | Path], env: Mapping[str, str], cwd: Path) -> None:
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
            cwd=cwd,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for_event(self, name: str, limit: float) -> float:
        """Wait for an event in a JSON log; return the seconds since the process was started."""
        end = time.monotonic() + limit
        last = ""
        while (line := self._next(end)) is not None:
            last = line
            if _event(line) == name:
                return time.perf_counter() - self.began
        raise FailureError(f"no event '{name}' within {limit:g} s; the log ends with: {last!r}")

    def events(self) -> list[str]:
        """Return the names of the events that were logged since."""
        lines = [self._lines.get() for _ in range(self._lines.qsize())]
        return [_event(line) for line in lines if line]

    def cpu(self) -> float:
        """Return the seconds of CPU of the process and of the children that it has waited for."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS  # utime, stime, cutime, cstime

    def memory(self) -> float:
        """Return the memory that the process holds, in KiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return float(status.partition("VmRSS:")[2].split()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(None)

    def _next(self, end: float) -> str | None:
        try:
            return self._lines.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return None


def _event(line: str) -> str:
    try:
        document: dict[str, Any] = json.loads(line)
    except ValueError:
        return ""
    return str(document.get("event", ""))
