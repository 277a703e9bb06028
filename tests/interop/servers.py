"""Programs of others as far sides: found or skipped with the reason, started, and asked."""

import json
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.process import ServerProcess, answers, free_ports, inherited_environment
from tests.interop import provision

_START_LIMIT, _CONSUME_LIMIT = 30.0, 60.0
NODE_SCRIPTS = provision.NODE
Command = Sequence[str | Path]


def need(name: str) -> Path:
    """Find a program; without it the test is skipped, and its row gives the reason."""
    found = provision.program(name)
    if isinstance(found, str):
        pytest.skip(found)
    return found


def need_modules(name: str) -> dict[str, str]:
    """Return an environment in which Node finds npm's packages."""
    need("node")
    found = provision.modules()
    if isinstance(found, str):
        pytest.skip(f"{name}: {found}")
    return {**inherited_environment(), "NODE_PATH": str(found)}


def module_version(name: str) -> str:
    package = provision.MODULES / name / "package.json"
    version: str = json.loads(package.read_text(encoding="utf-8"))["version"]
    return version


def go_version(module: str) -> str:
    """Tell with which version of a module (or of `go` itself) the Go far sides were built."""
    versions = json.loads(_output([need("farside"), "version"]))
    return str(versions[module]).removeprefix("go").removeprefix("v")


def version(*command: str | Path) -> str:
    """Find the first version number in what a program prints."""
    found = re.search(r"\d+\.\d+(\.\d+)?", _output([*command]))
    return found[0] if found else "?"


def _output(command: list[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr


def free_port() -> int:
    return free_ports(1)[0]


@contextmanager
def running(
    command: Command, port: int, log: Path, environment: dict[str, str] | None = None
) -> Iterator[ServerProcess]:
    """Start a server, wait until it accepts on its port, and end it after use."""
    process = ServerProcess(command, log, environment)
    process.wait_ready(lambda: answers(port), _START_LIMIT)
    try:
        yield process
    finally:
        process.stop()


@contextmanager
def go_server(kind: str, folder: Path, *options: str) -> Iterator[tuple[int, ServerProcess]]:
    """Run one of the servers of tests/interop/go on a free port."""
    port = free_port()
    command: Command = [need("farside"), kind, "-listen", f"127.0.0.1:{port}", *options]
    with running(command, port, folder / f"{kind}-{port}.log") as process:
        yield port, process


def lines(process: ServerProcess) -> list[dict[str, Any]]:
    """What a far side of ours has printed, but for "ready"."""
    printed = process.log_text().splitlines()
    return [json.loads(line) for line in printed if line.startswith("{")]


@contextmanager
def consuming(
    command: Command, log: Path, environment: dict[str, str] | None = None
) -> Iterator["Consumer"]:
    """Start a consumer that ends by itself, and wait until it says "ready"."""
    process = ServerProcess(command, log, environment)
    process.wait_ready(lambda: '"ready"' in process.log_text(), _START_LIMIT)
    try:
        yield Consumer(process)
    finally:
        process.stop()


class Consumer:
    """A program that prints each message that it reads."""

    def __init__(self, process: ServerProcess) -> None:
        self._process = process

    def messages(self, count: int) -> list[dict[str, Any]]:
        end = time.monotonic() + _CONSUME_LIMIT
        while len(found := lines(self._process)) < count:
            assert time.monotonic() < end, self._process.log_tail()
            time.sleep(0.05)
        return found


def consumed(command: Command) -> list[dict[str, Any]]:
    """Run a consumer that reads what is there already; return what it read."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_CONSUME_LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def node(name: str, script: str, *arguments: str, stdin: str = "") -> str:
    """Run a script of tests/interop/node to its end; return what it printed."""
    done = subprocess.run(
        [need("node"), str(NODE_SCRIPTS / script), *arguments],
        env=need_modules(name),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=_CONSUME_LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
