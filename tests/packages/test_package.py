"""The wheel and the source package, as they would be published."""

import re
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from chronos_cli import __version__
from tests.packages.environments import Installed, call
from tests.support import ROOT

NAME = f"chronos_dispatch-{__version__}"
WHEEL, SOURCE = f"{NAME}-py3-none-any.whl", f"{NAME}.tar.gz"


def built(folder: Path, seed: str) -> Path:
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    call(build, ROOT, variables={"PYTHONHASHSEED": seed})
    return folder


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("dist"), "1")


def test_it_is_the_same_whenever_it_is_built(dist: Path, tmp_path: Path) -> None:
    again = built(tmp_path, "2")
    for name in (WHEEL, SOURCE):
        assert (dist / name).read_bytes() == (again / name).read_bytes()


def test_an_index_would_take_it(dist: Path) -> None:
    files = [str(dist / name) for name in (WHEEL, SOURCE)]
    said = call([sys.executable, "-m", "twine", "--no-color", "check", "--strict", *files], dist)
    assert said.count("PASSED") == 2


def test_the_wheel_holds_the_program_alone(dist: Path) -> None:
    with ZipFile(dist / WHEEL) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"chronos_cli", f"{NAME}.data", f"{NAME}.dist-info"}
    assert "chronos_cli/py.typed" in names
    assert "chronos_cli/samples/hello.yaml" in names


def test_the_source_holds_no_trace_of_where_it_was_built(dist: Path) -> None:
    with tarfile.open(dist / SOURCE) as archive:
        names = archive.getnames()
        metadata = archive.extractfile(f"{NAME}/PKG-INFO")
        assert metadata is not None
        assert str(ROOT) not in metadata.read().decode()
    kept = {name.split("/")[1] for name in names if "/" in name}
    assert not kept & {".venv", ".cache", ".git", "dist"}
    assert {"chronos_cli", "tests", "docs", "Makefile"} <= kept


def test_the_wheel_alone_is_enough_for_the_demo(dist: Path, tmp_path: Path) -> None:
    installed = Installed(tmp_path, {"all"})
    installed.install(dist / WHEEL)
    program = str(installed.python.parent / "chronos")
    assert call([program, "--version"], tmp_path) == f"chronos {__version__}\n"
    said = call([program, "demo"], tmp_path)
    assert "succeeded" in said


def test_the_changelog_keeps_to_its_form() -> None:
    """Keep a Changelog 1.1: the newest first, a date for what was released, known headings."""
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    heads = [line for line in lines if line.startswith("## ")]
    assert heads[0] == "## [Unreleased]"
    released = re.compile(r"## \[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}")
    assert all(released.fullmatch(head) for head in heads[1:])
    kinds = {line for line in lines if line.startswith("### ")}
    assert kinds <= {
        f"### {kind}" for kind in ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
    }
    assert kinds
