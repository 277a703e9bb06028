"""Environments that hold only what a test puts there, without asking a registry."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.support import environment

CHRONOS = "chronos-dispatch"
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


class Installed:
    """An environment in a folder, which has the libraries of Chronos with some extras.

    They are taken from the environment of the tests, by links.
    """

    def __init__(self, folder: Path, extras: set[str]) -> None:
        self.folder = folder
        self.python = folder / "venv/bin/python"
        call([sys.executable, "-m", "venv", "--without-pip", "venv"], folder)
        (libraries,) = folder.glob("venv/lib/python*/site-packages")
        for library in _dependencies(distribution(CHRONOS), extras):
            _link(library, libraries)

    def install(self, *wheels: Path) -> None:
        """Install wheels, and nothing that they depend on."""
        paths = [str(wheel) for wheel in wheels]
        call([*PIP, "--python", str(self.python), "install", "--no-deps", *paths], self.folder)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a module of Python there, far from any checkout; return what it printed."""
        return call([str(self.python), "-m", *arguments], self.folder, code)


def call(
    command: list[str], folder: Path, code: int = 0, variables: Mapping[str, str] | None = None
) -> str:
    """Run a program as outside of a checkout, and return what it printed."""
    known = {k: v for k, v in environment().items() if k not in {"PYTHONPATH", "MYPYPATH"}}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**known, **(variables or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def _dependencies(root: Distribution, extras: set[str]) -> Iterator[Distribution]:
    """Yield everything that a distribution needs, with some extras of its own."""
    waiting, seen = [(root, extras)], {(root.name, frozenset(extras))}
    while waiting:
        current, wanted = waiting.pop()
        for text in current.requires or ():
            needed = Requirement(text)
            marker = needed.marker
            if marker and not any(marker.evaluate({"extra": one}) for one in ("", *wanted)):
                continue
            library = distribution(needed.name)
            if (key := (needed.name, frozenset(needed.extras))) not in seen:
                seen.add(key)
                waiting.append((library, needed.extras))
                yield library


def _link(library: Distribution, folder: Path) -> None:
    for path in {file.parts[0] for file in library.files or () if file.parts[0] != ".."}:
        if path != "__pycache__" and not (folder / path).exists():
            (folder / path).symlink_to(str(library.locate_file(path)))
