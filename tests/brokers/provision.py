"""Installs the brokers that the tests start: ``python -m tests.brokers.provision``.

It uses the standard library alone, so that it can run before anything else is installed. What it
cannot get it names and leaves: the tests decide whether to skip or to fail without a broker.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
POM = HERE / "pom.xml"
JAVA_AT_LEAST = 17
DEBIAN_RABBITMQ = Path("/usr/lib/rabbitmq/bin")
_POLICY = Path("/usr/sbin/policy-rc.d")
_POLICY_KEPT = Path("/usr/sbin/policy-rc.d.before-provision")
_MARK = "CHRONOS_PROVISION_RUN"
_STAMP = "pom.sha256"


def find_program(name: str) -> Path | None:
    """Find a program on PATH, or where Debian puts servers (not on every user's PATH)."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    found = shutil.which(name, path=search)
    return Path(found) if found else None


def find_java() -> Path | None:
    """Find a java new enough for Kafka, on PATH first and then in JAVA_HOME."""
    candidates = [find_program("java")]
    if home := os.environ.get("JAVA_HOME"):
        candidates.append(Path(home) / "bin" / "java")
    return next(
        (java for java in candidates if java and _java_release(java) >= JAVA_AT_LEAST), None
    )


def find_rabbitmq(script: str) -> Path | None:
    """Find one of RabbitMQ's scripts, past the wrapper of Debian's that insists on its own user."""
    debian = DEBIAN_RABBITMQ / script
    return debian if debian.exists() else find_program(script)


def jars_folder() -> Path:
    """Name the folder that holds Kafka's jars, whether or not it is there yet."""
    cache = os.environ.get("CHRONOS_TEST_CACHE")
    return (Path(cache) if cache else HERE.parents[1] / ".cache" / "kafka") / "jars"


def have_jars() -> bool:
    """Tell whether Kafka's jars are complete and those that the POM asks for today."""
    return _are_of(jars_folder(), POM)


def main() -> int:
    """Get everything that is missing, one line for each thing."""
    _provide_packages()
    provide_jars("Kafka's", POM, jars_folder())
    return 0


def _provide_packages() -> None:
    wanted: dict[str, Callable[[], Path | None]] = {
        "nats-server": lambda: find_program("nats-server"),
        "rabbitmq-server": lambda: find_rabbitmq("rabbitmq-server"),
        "kcat": lambda: find_program("kcat"),
        "curl": lambda: find_program("curl"),
        "wget": lambda: find_program("wget"),
        "nginx-light": lambda: find_program("nginx"),
        "apache2-bin": lambda: find_program("apache2"),
        "systemd": lambda: find_program("systemd-analyze"),
        "default-jre-headless": find_java,
    }
    if not have_jars():
        wanted["maven"] = lambda: find_program("mvn")
    lacking = [package for package, find in wanted.items() if find() is None]
    refusal = install(lacking) if lacking else None
    for package, find in wanted.items():
        place = find()
        if package not in lacking:
            say(f"have {package} ({place})")
        elif place:
            say(f"installed {package} ({place})")
        else:
            say(f"could not install {package}: {refusal or 'apt-get gave none that fits'}")


def install(packages: list[str]) -> str | None:
    """Install Debian packages; return why that failed."""
    if find_program("apt-get") is None:
        return "there is no apt-get on this machine"
    if os.geteuid() != 0:
        return "only root can install packages"
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    install = [*apt, "install", "-y", "--no-install-recommends", *packages]
    try:
        with _no_daemons() as environment:
            return run([*apt, "update"], environment) or run(install, environment)
    except OSError as error:
        return str(error)


@contextmanager
def _no_daemons() -> Iterator[dict[str, str]]:
    """Keep the packages from starting servers, which would take the ports and outlive this run.

    Debian asks policy-rc.d before it starts a service. A server that comes up all the same
    inherits a mark in its environment, and is ended by that.
    """
    mark = f"{_MARK}={uuid.uuid4()}"
    name, value = mark.split("=")
    if _POLICY.exists() and not _POLICY_KEPT.exists():
        _POLICY.rename(_POLICY_KEPT)
    _POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    _POLICY.chmod(0o755)
    try:
        yield {**os.environ, "DEBIAN_FRONTEND": "noninteractive", name: value}
    finally:
        if _POLICY_KEPT.exists():
            _POLICY_KEPT.replace(_POLICY)
        else:
            _POLICY.unlink()
        _end_marked(mark.encode("ascii"))


def _end_marked(mark: bytes) -> None:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGTERM)


def provide_jars(whose: str, pom: Path, folder: Path) -> str | None:
    """Let Maven copy the jars that a POM lists, if they are not there; return why that failed."""
    if _are_of(folder, pom):
        say(f"have {whose} jars ({folder})")
        return None
    maven = find_program("mvn")
    try:
        refusal = _fetch_jars(maven, pom, folder) if maven else "there is no mvn"
    except OSError as error:
        refusal = str(error)
    say(
        f"could not get {whose} jars: {refusal}"
        if refusal
        else f"installed {whose} jars ({folder})"
    )
    return refusal


def _are_of(folder: Path, pom: Path) -> bool:
    with suppress(OSError):
        return (folder / _STAMP).read_text(encoding="ascii") == _digest(pom)
    return False


def _fetch_jars(maven: Path, pom: Path, folder: Path) -> str | None:
    """Let Maven copy the jars; return why that failed.

    They are moved into place only when complete, so that a run that was cut short, or another at
    the same time, leaves no half a server.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as scratch:
        fresh = Path(scratch) / "jars"
        command = [str(maven), "-q", "-B", "-ntp", "-f", str(pom), "dependency:copy-dependencies"]
        options = ["-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
        if refusal := run([*command, *options], dict(os.environ)):
            return refusal
        (fresh / _STAMP).write_text(_digest(pom), encoding="ascii")
        if folder.exists():
            folder.rename(Path(scratch) / "replaced")
        with suppress(OSError):  # another run was faster, with the same jars
            fresh.rename(folder)
    return None


def run(command: list[str], environment: dict[str, str]) -> str | None:
    """Run a command; return the errors that it gave if it failed."""
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return None
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    told = [line.strip() for line in plain.splitlines() if line.strip()]
    errors = [line for line in told if re.match(r"(E:|\[ERROR\]) .", line)][:2] or told[-3:]
    return f"{Path(command[0]).name} ended with {done.returncode}: " + " / ".join(errors)


def _java_release(java: Path) -> int:
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return 0
    release = re.search(r'version "(\d+)', told)
    return int(release.group(1)) if release else 0


def _digest(pom: Path) -> str:
    return hashlib.sha256(pom.read_bytes()).hexdigest()


def say(line: str) -> None:
    """Print a line at once, also where the output is a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
