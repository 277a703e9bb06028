"""A stranger's package, installed beside Chronos into an environment that has nothing else.

What a stranger has is there: the wheels of both, and the libraries that Chronos depends on without
any of its extras but `testing`. Those libraries are taken from the environment of the tests, so
that no registry is asked.
"""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support import ROOT, environment

PACKAGE = ROOT / "tests/plugin_package"
CHRONOS = "chronos-dispatch"


class Installed:
    """The environment, with the source of the package beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "venv/bin/python"

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a module of Python there, far from any checkout; return what it printed."""
        return call([str(self.python), "-m", *arguments], self.folder, code)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("stranger")
    found = Installed(folder)
    call([sys.executable, "-m", "venv", "--without-pip", "venv"], folder)
    (libraries,) = folder.glob("venv/lib/python*/site-packages")
    for library in dependencies(distribution(CHRONOS), {"testing"}):
        link(library, libraries)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    call([*pip, *build, str(ROOT), str(PACKAGE)], folder)
    wheels = [str(path) for path in folder.glob("*.whl")]
    assert len(wheels) == 2
    call([*pip, "--python", str(found.python), "install", "--no-deps", *wheels], folder)
    (folder / "test_line.py").write_text((PACKAGE / "tests/test_line.py").read_text())
    return found


def test_it_is_listed_and_described(installed: Installed) -> None:
    listed = installed.run("chronos_cli", "protocols")
    assert "line         line         chronos-line 1.0\n" in listed
    assert "What the far side knows us by" in installed.run("chronos_cli", "schema")


def test_it_is_well_typed(installed: Installed) -> None:
    """Seen from outside: both packages tell that they have types, and the types agree."""
    cache = f"--cache-dir={installed.folder / 'mypy'}"
    where = ["--python-executable", str(installed.python), cache, "--strict"]
    checked = ["-p", "chronos_line", "-m", "test_line"]
    out = call([sys.executable, "-m", "mypy", *where, *checked], installed.folder)
    assert out == "Success: no issues found in 2 source files\n"


def test_it_keeps_the_contract(installed: Installed) -> None:
    out = installed.run("pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_line.py")
    # It has no TLS, no target with a login besides, and everything else.
    assert " passed, 5 skipped in " in out


def test_one_that_breaks_the_contract_is_found_out(installed: Installed) -> None:
    """The same package, when it takes every answer for a yes."""
    (module,) = installed.folder.glob("venv/lib/python*/site-packages/chronos_line/__init__.py")
    good = module.read_text()
    careless = good.replace('if said != "ok":', "if False:")
    assert careless != good
    module.write_text(careless)
    try:
        chosen = ["-k", "bad_credentials or nonsense", "test_line.py"]
        out = installed.run("pytest", "-q", "-p", "no:cacheprovider", *chosen, code=1)
    finally:
        module.write_text(good)
    assert "2 failed" in out
    # The shipped assertions tell what they saw, as those of a test file do.
    assert "assert (0, 'succeeded') == (4, 'rejected')" in out


def dependencies(root: Distribution, extras: set[str]) -> Iterator[Distribution]:
    """Yield everything that a distribution needs, with some extras of its own."""
    waiting, seen = [(root, extras)], {root.name}
    while waiting:
        current, wanted = waiting.pop()
        for text in current.requires or ():
            needed = Requirement(text)
            marker = needed.marker
            if needed.name in seen or (
                marker and not any(marker.evaluate({"extra": one}) for one in ("", *wanted))
            ):
                continue
            seen.add(needed.name)
            library = distribution(needed.name)
            waiting.append((library, needed.extras))
            yield library


def link(library: Distribution, folder: Path) -> None:
    """Let a distribution of this environment be seen in another one, by links."""
    for path in {file.parts[0] for file in library.files or () if file.parts[0] != ".."}:
        if path != "__pycache__" and not (folder / path).exists():
            (folder / path).symlink_to(str(library.locate_file(path)))


def call(command: list[str], folder: Path, code: int = 0) -> str:
    variables = {k: v for k, v in environment().items() if k not in {"PYTHONPATH", "MYPYPATH"}}
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout
