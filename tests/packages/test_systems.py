"""The Debian package and the image, made from the package index: `make packages`."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chronos_cli import __version__
from tests.packages.dockerfile import Steps
from tests.packages.environments import call
from tests.support import ROOT

pytestmark = [
    pytest.mark.packages,
    pytest.mark.skipif(os.geteuid() != 0, reason="files of root are made"),
]
_NOBODY = "65532"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deb")
    call([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
    (wheel,) = folder.glob("*.whl")
    build = ["/usr/bin/python3", str(ROOT / "scripts/build_deb.py"), str(wheel), str(folder)]
    subprocess.run(build, check=True)
    (found,) = folder.glob("*.deb")
    return found


def test_the_debian_package(package: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("info", "updates"):
        (root / "var/lib/dpkg" / name).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    dpkg = ["dpkg", f"--root={root}", "--force-script-chrootless", "--force-depends"]
    call([*dpkg, "-i", str(package)], tmp_path)
    program = root / "usr/bin/chronos"
    assert call([str(program), "--version"], tmp_path) == f"chronos {__version__}\n"
    assert "succeeded" in call([str(program), "demo"], tmp_path)
    assert "kafka" in call([str(program), "protocols"], tmp_path)
    unit = "/usr/lib/systemd/system/chronos.service"
    assert "ExecStart=/usr/bin/chronos cron " in (root / unit[1:]).read_text()
    assert call([*dpkg[:2], "-L", "chronos"], tmp_path).count("/etc/chronos/chronos.yaml") == 1
    # What the administrator wrote outlives the package.
    (root / "etc/chronos/jobs/mine.yaml").write_text("name: mine\n")
    call([*dpkg, "-r", "chronos"], tmp_path)
    assert not (root / "usr/lib/chronos").exists()
    assert (root / "etc/chronos/jobs/mine.yaml").exists()


def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    """With the real program where the unit looks for it, and the units that it names."""
    unit = (ROOT / "scripts/chronos.service").read_text()
    program = shutil.which("true") or "/bin/true"
    (tmp_path / "chronos.service").write_text(unit.replace("/usr/bin/chronos", program))
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "chronos.service")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stderr == ""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may look into; those of pytest are their owner's alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_the_image(open_folder: Path) -> None:
    arguments = {
        "SOURCE": str(open_folder / "source"),
        "PREFIX": str(open_folder / "opt/chronos"),
        "STATE": str(open_folder / "state"),
    }
    steps = Steps((ROOT / "Dockerfile").read_text(), ROOT, arguments)
    assert steps.said["USER"] == [f"{_NOBODY}:{_NOBODY}"]
    shutil.rmtree(open_folder / "source")
    as_nobody = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
    chronos = [*as_nobody, *steps.said["ENTRYPOINT"][0].strip('[]"').split()]
    assert call([*chronos, "--version"], open_folder, variables=steps.environment)
    assert "succeeded" in call([*chronos, "demo"], open_folder, variables=steps.environment)
    hello = str(ROOT / "jobs/hello.yaml")
    call([*chronos, "run", hello], open_folder, 5, variables=steps.environment)
    assert (open_folder / "state/chronos/state.sqlite").stat().st_uid == int(_NOBODY)
