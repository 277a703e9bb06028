"""Runs the real program in a process of its own, as a user would."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from msgspec import Struct

# Where the program under test keeps its state: removed when the tests end.
_STATE_HOME = tempfile.TemporaryDirectory(prefix="chronos-tests-", ignore_cleanup_errors=True)


class Result(Struct, frozen=True):
    """What a run of the program left behind; `seconds` is how long the caller waited for it."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def report(self) -> dict[str, Any]:
        """What it printed, read as JSON."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def only(self) -> dict[str, Any]:
        """The one result of a JSON report."""
        (result,) = self.report["results"]
        assert isinstance(result, dict)
        return result


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """Return the variables that the program gets: no configuration or state of the user's own."""
    foreign = ("CHRONOS_DEMO", "TRACE", "OTEL_", "GITHUB_", "FORCE_COLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    ours = {
        "XDG_CONFIG_HOME": "/nonexistent",
        "XDG_STATE_HOME": _STATE_HOME.name,
        "COLUMNS": "80",
    }
    return {**kept, **ours, **(extra or {})}


def command(*arguments: str) -> list[str]:
    """Return the command line of the program that this interpreter has installed."""
    return [sys.executable, "-m", "chronos_cli", *arguments]


def chronos(
    *arguments: str,
    stdin: str | bytes = "",
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    limit: float = 60,
) -> Result:
    """Run the program to its end; subprocess.TimeoutExpired after `limit` seconds."""
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
    """Start the program; `finish` waits for its end."""
    return subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(env),
    )


def finish(process: subprocess.Popen[str], limit: float = 30) -> Result:
    """Wait for a program's end; subprocess.TimeoutExpired after `limit` seconds."""
    began = time.monotonic()
    out, err = process.communicate(timeout=limit)
    return Result(process.returncode, out, err, time.monotonic() - began)
