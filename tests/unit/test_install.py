"""The command that brings what is missing fits to where the package came from."""

import json
import shlex
import sys
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from chronos_cli.dispatch import install
from chronos_cli.dispatch.install import install_command

METADATA = """\
Metadata-Version: 2.4
Name: pigeon-post
Version: 1.0
Requires-Dist: feed>=2
Requires-Dist: grain>=1.5,<2 ; extra == 'grain'
Requires-Dist: husk>=0.1 ; (python_version >= "3.8") and extra == "grain"
Provides-Extra: grain
"""


@pytest.fixture
def active(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an environment that is active: its pip is the first on the path."""
    folder = tmp_path / "env" / "bin"
    folder.mkdir(parents=True)
    (folder / "pip").write_text("#!/bin/sh\n")
    (folder / "pip").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setattr(sys, "prefix", str(folder.parent))
    return folder


def package(folder: Path, came_from: object, metadata: str = METADATA) -> Distribution:
    info = folder / "pigeon_post-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(metadata)
    if came_from is not None:
        (info / "direct_url.json").write_text(json.dumps(came_from))
    return Distribution.at(info)


def command(folder: Path, came_from: object) -> str:
    return install_command("pigeon-post", "grain", package(folder, came_from))


@pytest.mark.usefixtures("active")
def test_from_a_folder(tmp_path: Path) -> None:
    source = tmp_path / "the pigeons"
    source.mkdir()
    came = {"url": source.as_uri(), "dir_info": {}}
    assert command(tmp_path, came) == f"pip install '{source}[grain]'"


@pytest.mark.usefixtures("active")
def test_from_a_checkout_that_is_edited(tmp_path: Path) -> None:
    came = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    found = command(tmp_path, came)
    assert shlex.split(found) == ["pip", "install", "-e", f"{tmp_path}[grain]"]


@pytest.mark.usefixtures("active")
def test_from_a_wheel(tmp_path: Path) -> None:
    wheel = tmp_path / "pigeon_post-1.0-py3-none-any.whl"
    wheel.touch()
    came = {"url": wheel.as_uri(), "archive_info": {}}
    assert command(tmp_path, came) == f"pip install 'pigeon-post[grain] @ {wheel.as_uri()}'"


@pytest.mark.usefixtures("active")
def test_from_a_repository(tmp_path: Path) -> None:
    came = {"url": "https://example.com/p.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    assert command(tmp_path, came) == (
        "pip install 'pigeon-post[grain] @ git+https://example.com/p.git@abc'"
    )


@pytest.mark.usefixtures("active")
@pytest.mark.parametrize(
    "came",
    [None, {"url": "file:///no/such/folder", "dir_info": {}}, "odd", {"url": "file:///no.whl"}],
)
def test_what_the_extra_brings_where_the_origin_is_gone(tmp_path: Path, came: object) -> None:
    assert command(tmp_path, came) == "pip install 'grain>=1.5,<2' 'husk>=0.1'"


@pytest.mark.usefixtures("active")
def test_by_name_where_nothing_is_known(tmp_path: Path) -> None:
    bare = package(tmp_path, None, "Metadata-Version: 2.4\nName: pigeon-post\nVersion: 1.0\n")
    assert install_command("pigeon-post", "grain", bare) == "pip install 'pigeon-post[grain]'"
    assert install_command("pigeon-post", None, bare) == "pip install 'pigeon-post'"
    assert install_command("no-such-package", "x") == "pip install 'no-such-package[x]'"


def test_pipx_injects(active: Path, tmp_path: Path) -> None:
    (active.parent / "pipx_metadata.json").write_text("{}")
    assert command(tmp_path, None) == "pipx inject env 'grain>=1.5,<2' 'husk>=0.1'"


def test_the_pip_of_this_environment(
    active: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / "python"
    monkeypatch.setattr(sys, "executable", str(other))
    assert command(tmp_path, None).startswith(f"{other} -m pip install 'grain")
    monkeypatch.setattr(install, "find_spec", lambda _name: None)
    assert install_command("no-such-package", None) == (
        f"uv pip install --python {other} 'no-such-package'"
    )
    monkeypatch.setattr(sys, "executable", str(active / "python"))
    assert install_command("no-such-package", None) == "uv pip install 'no-such-package'"
