"""A stranger's package, installed beside Chronos into an environment that has nothing else.

What a stranger has is there: the wheels of both, and the libraries that Chronos depends on without
any of its extras but `testing`. Those libraries are taken from the environment of the tests, so
that no registry is asked.
"""

import re
import sys

import pytest

from tests.packages.environments import PIP, Installed, call
from tests.support import ROOT

PACKAGE = ROOT / "tests/plugin_package"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("stranger")
    found = Installed(folder, {"testing"})
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    call([*PIP, *build, str(ROOT), str(PACKAGE)], folder)
    wheels = list(folder.glob("*.whl"))
    assert len(wheels) == 2
    found.install(*wheels)
    (folder / "test_line.py").write_text((PACKAGE / "tests/test_line.py").read_text())
    return found


def test_it_is_listed_and_described(installed: Installed) -> None:
    listed = installed.run("chronos_cli", "protocols")
    assert re.search(r"^line +line +chronos-line 1\.0 +installed$", listed, re.MULTILINE)
    assert "What the far side knows us by" in installed.run("chronos_cli", "schema")


@pytest.mark.packages
def test_it_is_well_typed(installed: Installed) -> None:
    """Seen from outside: both packages tell that they have types, and the types agree."""
    cache = f"--cache-dir={installed.folder / 'mypy'}"
    where = ["--python-executable", str(installed.python), cache, "--strict"]
    checked = ["-p", "chronos_line", "-m", "test_line"]
    out = call([sys.executable, "-m", "mypy", *where, *checked], installed.folder)
    assert out == "Success: no issues found in 2 source files\n"


@pytest.mark.packages
def test_it_keeps_the_contract(installed: Installed) -> None:
    out = installed.run("pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_line.py")
    # It has no TLS, no target with a login besides, and everything else.
    assert " passed, 7 skipped in " in out


@pytest.mark.packages
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
    assert "4 failed" in out
    # The shipped assertions tell what they saw, as those of a test file do.
    assert "assert (0, 'succeeded') == (4, 'rejected')" in out
