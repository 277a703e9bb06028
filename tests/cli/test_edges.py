"""Signals that come early, bytes that are no text, times out of all reason, unusable state."""

import fcntl
import os
import pty
import signal
import subprocess
import termios
import time
from array import array
from contextlib import suppress
from pathlib import Path

import pytest

from chronos_cli.cli.commands import NAMES
from tests.cli.commands import JOB, arguments_of, stop_when
from tests.support import HttpServer, chronos, command, environment, write

# Raises a signal where the module number N is imported, counted from the first one of ours.
_AT_AN_IMPORT = """\
import os, sys
class Finder:
    left = int(os.environ["AT"])
    begun = False
    def find_spec(self, name, path=None, target=None):
        Finder.begun = Finder.begun or name == "chronos_cli.cli.guard"
        if Finder.begun:
            Finder.left -= 1
            if Finder.left == 0: os.kill(os.getpid(), int(os.environ["NUMBER"]))
        return None
sys.meta_path.insert(0, Finder())
"""


def signalled(arguments: list[str], folder: Path, number: int, at: int) -> tuple[int, bytes]:
    (folder / "sitecustomize.py").write_text(_AT_AN_IMPORT)
    env = {"PYTHONPATH": str(folder), "AT": str(at), "NUMBER": str(number)}
    done = subprocess.run(
        command(*arguments), capture_output=True, env=environment(env), timeout=60, check=False
    )
    return done.returncode, done.stderr


# `completion` is at its end before it has imported so many.
AMID = [(name, at) for name in NAMES for at in (1, 10, 60) if (name, at) != ("completion", 60)]


@pytest.mark.parametrize(("name", "at"), AMID)
def test_sigint_amid_the_start(server: HttpServer, tmp_path: Path, name: str, at: int) -> None:
    arguments = arguments_of(server, tmp_path)[name]
    assert signalled(arguments, tmp_path, signal.SIGINT, at) == (130, b"")
    assert not server.requests(f"/status/200?{tmp_path.name}")


@pytest.mark.parametrize("at", [1, 10, 60])
def test_cron_outlives_a_hang_up_amid_the_start(
    server: HttpServer, tmp_path: Path, at: int
) -> None:
    (tmp_path / "sitecustomize.py").write_text(_AT_AN_IMPORT)
    env = {"PYTHONPATH": str(tmp_path), "AT": str(at), "NUMBER": str(int(signal.SIGHUP))}
    process = subprocess.Popen(
        command(*arguments_of(server, tmp_path)["cron"]),
        stderr=subprocess.PIPE,
        env=environment(env),
    )
    stop_when(process, lambda: bool(server.requests(f"/status/200?{tmp_path.name}")))
    err = process.communicate(timeout=30)[1]
    assert (process.returncode, b"Traceback" in err) == (0, False), err


def test_sigint_amid_the_reading_of_stdin() -> None:
    process = subprocess.Popen(
        command("validate", "-"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdin is not None
    process.stdin.write(b"name: a\n")
    process.stdin.flush()
    left = array("i", [1])
    while left[0]:  # until it is read
        fcntl.ioctl(process.stdin, termios.FIONREAD, left)
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert process.communicate()[1] == b""


def test_sigint_gives_the_terminal_back(tmp_path: Path) -> None:
    job = "- {{name: job-{}, webhook: {{url: 'http://127.0.0.1:1/{}'}}}}\n"
    many = "jobs:\n" + "".join(job.format(n, n) for n in range(20_000))
    path = write(tmp_path, many)
    main, secondary = pty.openpty()
    process = subprocess.Popen(
        command("validate", path), stderr=secondary, env=environment({"TERM": "xterm-256color"})
    )
    os.close(secondary)
    seen = b""
    while b"checking" not in seen:
        seen += os.read(main, 65536)
    process.send_signal(signal.SIGINT)
    with suppress(OSError):  # Linux says so when the other end is closed
        while chunk := os.read(main, 65536):
            seen += chunk
    os.close(main)
    assert process.wait(timeout=30) == 130
    # Nothing of the line is left, and lines wrap again.
    assert seen.endswith(b"\x1b[?7h\r\x1b[K")


_BYTES = os.fsdecode(b"\xff\xfe")
_PLACES = {
    "run": ["--job", "--tag", "--var", "--scheduled-time", "--execution-id", "--config"],
    "cron": ["--grace", "--config", "--env-file", "--job", "--tag", "--var"],
    "next": ["--after", "--config", "--job"],
    "list": ["--job", "--tag"],
    "explain": [],
    "validate": ["--config", "--job"],
    "check": ["--job", "--tag", "--var", "--config", "--env-file"],
    "history": ["--job", "--status", "--since", "--older-than"],
    "replay": ["--job", "--tag", "--var", "--jobs", "--since"],
    "backfill": ["--job", "--tag", "--var", "--since", "--until", "--env-file"],
    "cluster init": ["--cluster", "--config"],
    "cluster status": ["--cluster", "--output"],
    "status": ["--output", "--cluster"],
    "trigger": ["--output", "--cluster"],
    "pause": ["--reason", "--until", "--cluster"],
    "resume": ["--cluster"],
    "init": ["--protocol"],
    "export crontab": ["--job", "--tag", "--program", "--config"],
    "export systemd": ["--job", "--program", "--env-file"],
    "export kubernetes": ["--job", "--image", "--secret"],
    "import crontab": ["--timezone", "--directory"],
    "import curl": ["--directory"],
    "schema": ["-o"],
    "receive": ["--listen", "--grpc", "--delay"],
    "demo": [],
    "protocols": [],
    "completion": [],
}


_WITH_STATE = {"run", "cron", "history", "status", "trigger", "pause", "resume"}


@pytest.mark.parametrize("name", NAMES)
def test_bytes_that_are_no_text_are_no_bug(tmp_path: Path, name: str) -> None:
    state = ["--state", str(tmp_path / "s")] if name in _WITH_STATE else []
    odd = [[_BYTES], [f"--{_BYTES}"], *([option, f"k={_BYTES}"] for option in _PLACES[name])]
    for arguments in odd:
        rest = [] if arguments[0] in {"--grpc", _BYTES} else state
        result = chronos(*name.split(), *arguments, *rest)
        told = result.err + result.out
        assert result.code in {2, 3} or (name, arguments) == ("init", [_BYTES]), told
        assert "internal error" not in told
        assert "Traceback" not in told
    Path(_BYTES).unlink(missing_ok=True)


def test_a_file_may_be_called_anything(server: HttpServer, tmp_path: Path) -> None:
    path = str(tmp_path / f"{_BYTES}.yaml")
    Path(path).write_text(JOB.format(url=server.url, name=tmp_path.name), encoding="utf-8")
    state = ["--state", str(tmp_path / f"{_BYTES}.sqlite")]
    report = str(tmp_path / f"{_BYTES}.xml")
    env = {"TRACEPARENT": _BYTES, "SOMETHING": _BYTES}
    assert chronos("run", path, *state, "--report-junit", report, env=env).code == 0
    recorded = chronos("history", *state, "-o", "json").report["results"]
    assert [entry["status"] for entry in recorded] == ["succeeded"]
    for command_, *more in (["next"], ["validate"], ["validate", "-o", "json"]):
        assert chronos(command_, path, *more).code == 0
    Path(path).write_text("name: a\n")
    for output in ("text", "json", "github", "gitlab", "sarif"):
        result = chronos("validate", path, "-o", output)
        assert (result.code, "internal error" in result.err) == (3, False)
    again = chronos("replay", recorded[0]["execution_id"], "--force", *state)
    assert (again.code, "say where it is now with --jobs PATH" in again.err) == (2, True)


@pytest.mark.parametrize(
    "moment",
    ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"],
)
@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "JOB", "--scheduled-time"],
        ["next", "JOB", "--after"],
        ["history", "--since"],
        ["history", "--until"],
        ["replay", "--failed", "--since"],
        ["replay", "--failed", "--since", "1d", "--until"],
    ],
)
def test_a_time_out_of_all_reason(tmp_path: Path, moment: str, arguments: list[str]) -> None:
    path = write(tmp_path, JOB.format(url="http://127.0.0.1:1", name="a"))
    result = chronos(*(path if word == "JOB" else word for word in arguments), moment)
    assert (result.code, "takes a time between 1900 and 9000" in result.err) == (2, True)


@pytest.mark.parametrize("name", ["history", "replay", "cron", "prune"])
def test_a_state_that_cannot_be_used(server: HttpServer, tmp_path: Path, name: str) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"no database" * 1000)
    known = arguments_of(server, tmp_path)
    known["prune"] = [*known["history"], "--prune", "--keep", "1"]
    result = chronos(*known[name])
    assert (result.code, "state.sqlite" in result.err) == (3, True)
    assert not server.requests(f"/status/200?{tmp_path.name}")


def test_a_due_job_does_not_depend_on_its_state(server: HttpServer, tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"no database" * 1000)
    result = chronos(*arguments_of(server, tmp_path)["run"])
    assert (result.code, "going on without it" in result.err) == (0, True)


def test_a_report_that_cannot_be_written_is_found_before_anything_is_sent(
    server: HttpServer, tmp_path: Path
) -> None:
    arguments = arguments_of(server, tmp_path)["run"]
    for path, reason in (
        (tmp_path / "no/x.xml", "there is no directory"),
        (tmp_path, "it is a directory"),
    ):
        result = chronos(*arguments, "--report-junit", str(path))
        assert result.err.startswith(f"chronos: --report-junit: cannot write {path}: {reason}")
        assert result.code == 2
    assert not server.requests(f"/status/200?{tmp_path.name}")


def test_a_report_to_a_pipe_that_nobody_reads_holds_nothing_up(
    server: HttpServer, tmp_path: Path
) -> None:
    pipe = tmp_path / "report.xml"
    os.mkfifo(pipe)
    arguments = arguments_of(server, tmp_path)["run"]
    result = chronos(*arguments, "--report-junit", str(pipe))
    assert result.err.endswith(f"chronos: cannot write {pipe}: No such device or address\n")
    assert result.code == 0
    assert len(server.requests(f"/status/200?{tmp_path.name}")) == 1


def test_quiet_names_each_failure_the_deciding_one_first(
    server: HttpServer, tmp_path: Path
) -> None:
    job = "name: {}\nwebhook: {{url: '{}{}'}}\ntimeout: {}\nretry_policy: {{max_attempts: 1}}\n"
    for name, path, limit in (
        ("a", "/status/503", "30s"),
        ("b", "/slow/9/q", "1s"),
        ("c", "/status/404", "30s"),
    ):
        write(tmp_path, job.format(name, server.url, path, limit), f"{name}.yaml")
    result = chronos("run", str(tmp_path), "--quiet", "--no-state")
    assert (result.code, result.out) == (4, "")
    assert [line.split(":")[0] for line in result.err.splitlines()] == ["c", "b", "a"]
