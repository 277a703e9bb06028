#!/usr/bin/env python3
"""Builds a Debian package from a wheel: `build_deb.py dist/chronos_dispatch-….whl dist/`.

The package brings Chronos with all its protocols under /usr/lib/chronos, the command, a systemd
unit that is neither enabled nor started, and /etc/chronos. Libraries come from the package index
that pip is set up for; compiled ones fit the Python that runs this, so the package asks for it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

HERE = Path(__file__).resolve().parent

# `chronos` of the wheel, told where its libraries are. Isolated, so that no PYTHONPATH and no file
# of the working directory takes their place.
LAUNCHER = """#!/bin/sh
exec /usr/bin/python3 -I -c '
import sys
sys.path.insert(0, sys.argv.pop(1))
sys.argv[0] = "chronos"
exec(compile(open(sys.path[0] + "/bin/chronos").read(), "chronos", "exec"))
' "$(dirname "$(readlink -f "$0")")/../lib/chronos" "$@"
"""

# Users cannot write beside the sources: without this every start would compile them again.
AFTER_INSTALLATION = """#!/bin/sh
set -e
/usr/bin/python3 -m compileall -q "$DPKG_ROOT/usr/lib/chronos" || true
if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
"""

BEFORE_REMOVAL = """#!/bin/sh
set -e
if [ -z "$DPKG_ROOT" ] && [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now chronos.service
fi
find "$DPKG_ROOT/usr/lib/chronos" -name __pycache__ -type d -prune -exec rm -r {} +
"""

EXAMPLE = """# Settings of the operator; `chronos explain scheduler` tells what there is.
# scheduler:
#   max_concurrent_jobs: 100
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path, help="where the package is written")
    parser.add_argument("--date", type=int, default=int(os.environ.get("SOURCE_DATE_EPOCH", "0")))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        fill(root, options.wheel)
        print(build(root, options.folder, options.date))


def fill(root: Path, wheel: Path) -> None:
    """Lay out everything that the package installs."""
    install(wheel, root / "usr/lib/chronos")
    write(root / "usr/bin/chronos", LAUNCHER, 0o755)
    write(root / "usr/lib/systemd/system/chronos.service", (HERE / "chronos.service").read_text())
    write(root / "etc/chronos/chronos.yaml", EXAMPLE)
    (root / "etc/chronos/jobs").mkdir()
    copyright_of = HERE.parent / "LICENSE"
    write(root / "usr/share/doc/chronos/copyright", copyright_of.read_text())
    completions = root / "usr/share/bash-completion/completions/chronos"
    write(completions, (HERE.parent / "completions/chronos.bash").read_text())
    metadata = describe(wheel, root)
    write(root / "DEBIAN/control", metadata)
    write(root / "DEBIAN/conffiles", "/etc/chronos/chronos.yaml\n")
    write(root / "DEBIAN/postinst", AFTER_INSTALLATION, 0o755)
    write(root / "DEBIAN/prerm", BEFORE_REMOVAL, 0o755)


def install(wheel: Path, folder: Path) -> None:
    """Install a wheel and what it needs into a folder."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip.append("--root-user-action=ignore")
    named = f"chronos-dispatch[all] @ {wheel.resolve().as_uri()}"
    subprocess.run([*pip, "--no-compile", "--target", str(folder), named], check=True)
    # Where it was built is nobody's business, and would differ from one machine to another.
    for record in folder.glob("*.dist-info/direct_url.json"):
        record.unlink()


def describe(wheel: Path, root: Path) -> str:
    """Return the control file."""
    with ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        known = HeaderParser().parsestr(archive.read(name).decode())
    major, minor = sys.version_info[:2]
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    return (
        "Package: chronos\n"
        f"Version: {known['Version']}\n"
        f"Architecture: {output('dpkg', '--print-architecture')}\n"
        "Maintainer: The Chronos authors <chronos@localhost>\n"
        f"Installed-Size: {size // 1024}\n"
        f"Depends: python3 (>= {major}.{minor}), python3 (<< {major}.{minor + 1}~)\n"
        "Recommends: ca-certificates\n"
        "Section: admin\n"
        "Priority: optional\n"
        f"Description: {known['Summary']}\n"
    )


def build(root: Path, folder: Path, date: int) -> Path:
    """Make the package of a tree; it is the same, byte for byte, whenever it is made."""
    for path in [root, *root.rglob("*")]:
        shutil.rmtree(path) if path.name == "__pycache__" else os.utime(path, (date, date))
    folder.mkdir(parents=True, exist_ok=True)
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(folder)]
    variables = {**os.environ, "SOURCE_DATE_EPOCH": str(date)}
    subprocess.run(command, check=True, env=variables, stdout=subprocess.DEVNULL)
    return max(folder.glob("chronos_*.deb"), key=lambda path: path.stat().st_mtime)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
