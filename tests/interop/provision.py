"""Gets the far sides of ``make interop``: ``python -m tests.interop.provision``.

Debian's packages are installed; what Go, npm and Maven bring goes into the checkout's
`.cache/interop`.
What cannot be had is named, and noted for the tests, whose rows then give the reason.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.brokers import provision as brokers
from tests.brokers.provision import find_program, provide_jars, run, say

HERE = Path(__file__).resolve().parent
GO, NODE, JAVA = HERE / "go", HERE / "node", HERE / "java"
CACHE = HERE.parents[1] / ".cache" / "interop"
BIN, MODULES = CACHE / "bin", CACHE / "node" / "node_modules"
JARS = CACHE / "java" / "jars"
_REASONS = CACHE / "reasons.json"
_PACKAGES = {
    "haproxy": "haproxy",
    "squid": "squid",
    "caddy": "caddy",
    "golang-go": "go",
    "default-jdk-headless": "javac",
    "maven": "mvn",
    "nodejs": "node",
    "npm": "npm",
}
_FARSIDE, _NATS, _GRPC_JAVA = "farside", "nats-server", "grpc-java"


def main() -> int:
    """Get everything that is missing, one line for each thing."""
    brokers.main()
    CACHE.mkdir(parents=True, exist_ok=True)
    reasons = {**_packages(), **_built("Go programs", _go, GO), **_built("npm", _npm, NODE)}
    if refusal := provide_jars("grpc-java's", JAVA / "pom.xml", JARS):
        reasons[_GRPC_JAVA] = refusal
    _REASONS.write_text(json.dumps(reasons, indent=1), encoding="utf-8")
    return 0


def nats_server() -> Path | str:
    """Build the nats-server of today, with Go; else return why there is none."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return _built("Go programs", _go, GO).get(_NATS) or program(_NATS)


def program(name: str) -> Path | str:
    """Find a program; else return why there is none."""
    built = BIN / name
    place = built if name in (_FARSIDE, _NATS) else find_program(name)
    if place is not None and place.exists():
        return place
    return reason(name)


def modules() -> Path | str:
    """Find the folder of npm's packages; else return why there is none."""
    return MODULES if MODULES.exists() else reason("npm")


def jars() -> Path | str:
    """Find the folder of grpc-java's jars; else return why there is none."""
    return JARS if JARS.exists() else reason(_GRPC_JAVA)


def reason(name: str) -> str:
    """Say why something is not there."""
    with suppress(OSError, ValueError):
        reasons: dict[str, str] = json.loads(_REASONS.read_text(encoding="utf-8"))
        if name in reasons:
            return reasons[name]
    return f"{name} is not there; run: python -m tests.interop.provision"


def _packages() -> dict[str, str]:
    lacking = {name: tool for name, tool in _PACKAGES.items() if find_program(tool) is None}
    refusal = brokers.install(list(lacking)) if lacking else None
    reasons = {}
    for package, tool in _PACKAGES.items():
        if place := find_program(tool):
            say(f"have {package} ({place})")
        else:
            reasons[tool] = f"{package}: {refusal or 'apt-get gave none'}"
            say(f"could not install {reasons[tool]}")
    return reasons


def _built(what: str, build: Callable[[], str | None], sources: Path) -> dict[str, str]:
    """Build what the sources have changed for; return the reason for each thing that is lacking."""
    stamp = CACHE / f"{sources.name}.sha256"
    digest = _digest(sources)
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        say(f"have {what} ({CACHE})")
        return {}
    try:
        refusal = build()
    except OSError as error:
        refusal = str(error)
    if refusal is None:
        stamp.write_text(digest, encoding="ascii")
        say(f"built {what} ({CACHE})")
        return {}
    say(f"could not build {what}: {refusal}")
    return dict.fromkeys((_FARSIDE, _NATS) if sources == GO else ("npm",), refusal)


def _go() -> str | None:
    go = find_program("go")
    if go is None:
        return "there is no go"
    environment = {**os.environ, "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "auto"}
    for output, package in ((_FARSIDE, "."), (_NATS, "github.com/nats-io/nats-server/v2")):
        command = [str(go), "build", "-C", str(GO), "-trimpath", "-o", str(BIN / output), package]
        if refusal := run(command, environment):
            return refusal
    return None


def _npm() -> str | None:
    npm = find_program("npm")
    if npm is None:
        return "there is no npm"
    folder = MODULES.parent
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(NODE / name, folder)
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    return run([str(npm), "ci", "--prefix", str(folder), *options], dict(os.environ))


def _digest(sources: Path) -> str:
    parts = [part for part in sorted(sources.iterdir()) if part.suffix in (".go", ".mod", ".json")]
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
