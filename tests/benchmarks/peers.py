"""The programs that chronos is measured against, installed into a cache when they are missing."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.measure import UnavailableError
from tests.brokers.provision import find_program, install
from tests.support import ROOT

CACHE = ROOT / ".cache" / "bench"
_PYPI = ("httpie", "aiohttp", "check-jsonschema")
_GO = {
    "supercronic": "github.com/aptible/supercronic@latest",
    "grpcurl": "github.com/fullstorydev/grpcurl/cmd/grpcurl@latest",
}
_LIMIT = 600.0


class Peers:
    """Finds peers, and installs what is missing unless told not to. Each is tried once.

    Every method raises UnavailableError, with the reason, for a peer that cannot be had.
    """

    def __init__(self, cache: Path = CACHE, *, may_install: bool = True) -> None:
        self._cache = cache
        self._may_install = may_install
        self._refused: dict[str, str] = {}

    def from_pypi(self, program: str) -> Path:
        """Return a program of the environment that holds the peers written in Python."""
        path = self._cache / "venv" / "bin" / program
        # The stamp comes last: an installation that was cut short is made again.
        stamp = self._cache / "venv" / ".installed"
        if not stamp.exists():
            commands = [
                [sys.executable, "-m", "venv", str(self._cache / "venv")],
                [str(path.parent / "python"), "-m", "pip", "install", "--quiet", *_PYPI],
            ]
            self._install("peers of PyPI", commands)
            stamp.touch()
        return path

    def from_debian(self, program: str) -> Path:
        """Return a program of a Debian package with its name."""
        if (found := find_program(program)) is None:
            self._try(program, lambda: install([program]))
            found = find_program(program)
        if found is None:
            raise UnavailableError(f"{program} is not installed")
        return found

    def from_go(self, program: str) -> Path:
        """Return a program that Go has built."""
        path = self._cache / "bin" / program
        if path.exists():
            return path
        if found := find_program(program):
            return found
        go = find_program("go") or Path("/usr/local/go/bin/go")
        if not go.exists():
            raise UnavailableError(f"{program} is not installed, and there is no Go to build it")
        gobin = f"GOBIN={self._cache / 'bin'}"
        self._install(program, [["env", gobin, str(go), "install", _GO[program]]])
        return path

    def _install(self, what: str, commands: Sequence[Sequence[str]]) -> None:
        def carry_out() -> str | None:
            return next((reason for command in commands if (reason := _flaw(command))), None)

        self._try(what, carry_out)

    def _try(self, what: str, carry_out: Callable[[], str | None]) -> None:
        if not self._may_install:
            raise UnavailableError(f"{what}: not installed, and nothing is to be installed now")
        if what not in self._refused:
            self._cache.mkdir(parents=True, exist_ok=True)
            self._refused[what] = carry_out() or ""
        if reason := self._refused[what]:
            raise UnavailableError(f"{what} could not be installed: {reason}")


def _flaw(command: Sequence[str]) -> str | None:
    """Run a command; return the last line that it printed if it failed."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
    return f"{Path(command[0]).name} ended with {done.returncode}: {lines[-1]}"
