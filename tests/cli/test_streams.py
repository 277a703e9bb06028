"""Standard streams that are closed, full or narrow: no job or output is lost in silence."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from chronos_cli.cli.commands import NAMES
from tests.cli.commands import CODES, LASTING, answers, arguments_of, stop_when
from tests.support import HttpServer, chronos, command, environment, write

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
FAULTS = {
    "closed": "<&- >&- 2>&-",
    "full": ">/dev/full 2>/dev/full",
    "narrow": "",
}


# Those whose exit code tells of something else than their output, and one that has none here.
TOLD_BY_CODE = ("run", "validate", "check", "replay", "backfill", "demo", "history")


def shell(
    arguments: list[str], redirection: str, env: dict[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    line = f"exec {shlex.join(command(*arguments))} {redirection}"
    return subprocess.Popen(
        ["/bin/sh", "-c", line],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(env),
    )


def result(
    arguments: list[str], redirection: str, env: dict[str, str] | None = None
) -> tuple[int, str, str]:
    process = shell(arguments, redirection, env)
    out, err = process.communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in LASTING])
def test_a_fault_of_a_stream_fails_only_what_is_there_to_write(
    server: HttpServer, tmp_path: Path, name: str, fault: str
) -> None:
    arguments = arguments_of(server, tmp_path)[name]
    env = {"PATH": ""} if name == "demo" else {}  # without the servers that take long to start
    if fault == "narrow":
        env |= ASCII
    expected = CODES.get(name, 0 if fault == "narrow" or name in TOLD_BY_CODE else 2)
    code, out, err = result(arguments, FAULTS[fault], env)
    assert (code, "Traceback" in err) == (expected, False), err
    assert fault != "narrow" or out.isascii()
    if name == "run":
        assert len(server.requests(f"/status/200?{tmp_path.name}")) == 1


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", LASTING)
def test_what_lasts_goes_on(server: HttpServer, tmp_path: Path, name: str, fault: str) -> None:
    arguments = arguments_of(server, tmp_path)[name]
    process = shell(arguments, FAULTS[fault], ASCII if fault == "narrow" else None)
    path = f"/status/200?{tmp_path.name}"
    if name == "cron":
        stop_when(process, lambda: bool(server.requests(path)))
    else:
        stop_when(process, lambda: answers(int(arguments[-1].rpartition(":")[2])))
    err = process.communicate(timeout=30)[1]
    assert (process.returncode, b"Traceback" in err) == (0, False), err


@pytest.mark.parametrize("output", ["table", "json", "jsonl"])
@pytest.mark.parametrize(
    ("redirection", "loss"),
    [
        ("<&-", None),
        ("2>&-", None),
        ("2>/dev/full", None),
        (">&-", "it is closed"),
        (">/dev/full", "No space left on device"),
        ("1</dev/null", "Bad file descriptor"),
    ],
)
def test_a_job_is_sent_once_and_the_loss_is_said(
    server: HttpServer, tmp_path: Path, output: str, redirection: str, loss: str | None
) -> None:
    arguments = arguments_of(server, tmp_path)
    code, out, err = result([*arguments["run"], "-o", output], redirection)
    assert code == 0
    assert len(server.requests(f"/status/200?{tmp_path.name}")) == 1
    assert err == (f"chronos: cannot write to stdout: {loss}\n" if loss else "")
    assert ("succeeded" in out) == (loss is None)
    recorded = chronos(*arguments["history"], "-o", "json").report["results"]
    assert [entry["status"] for entry in recorded] == ["succeeded"]


@pytest.mark.parametrize(
    "words",
    [["--version"], ["--help"], ["run", "--help"], ["schema"], ["run", "--dry-run", "JOB"]],
    ids=" ".join,
)
def test_output_that_is_lost_is_a_failure_and_one_that_nobody_reads_is_not(
    tmp_path: Path, words: list[str]
) -> None:
    path = write(tmp_path, "name: a\nwebhook: {url: 'http://127.0.0.1:1'}\n")
    words = [path if word == "JOB" else word for word in words]
    full = (2, "", "chronos: cannot write to stdout: No space left on device\n")
    assert result(words, ">/dev/full") == full
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        command(*words), stdout=writer, stderr=subprocess.PIPE, env=environment(), check=False
    )
    os.close(writer)
    assert (process.returncode, process.stderr) == (0, b"")


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_lost_notes_are_said_on_stdout_but_not_amid_data(tmp_path: Path, redirection: str) -> None:
    path = write(tmp_path, "name: a\nwebhook: {url: 'http://127.0.0.1:1', oops: 1}\n")
    code, out, _ = result(["validate", path], redirection)
    assert (code, out.startswith("chronos: cannot write to stderr: ")) == (3, True)
    assert out.count("\n") == 1
    unscheduled = write(tmp_path, "name: a\nwebhook: {url: 'http://127.0.0.1:1'}\n")
    code, out, _ = result(["next", unscheduled, "-o", "json"], redirection)
    assert (code, json.loads(out)["results"]) == (0, [])


def test_no_file_gets_the_number_of_a_closed_stream(server: HttpServer, tmp_path: Path) -> None:
    """What a library writes to "stderr" must not land in the state."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sqlite3\n"
        "connect = sqlite3.connect\n"
        "def chatty(*arguments, **more):\n"
        "    found = connect(*arguments, **more)\n"
        "    for number in (0, 1, 2): os.write(number, b'noise')\n"
        "    return found\n"
        "sqlite3.connect = chatty\n"
    )
    arguments = arguments_of(server, tmp_path)
    env = {"PYTHONPATH": str(tmp_path)}
    assert result(arguments["run"], "<&- >&- 2>&-", env)[0] == 0
    assert b"noise" not in b"".join(path.read_bytes() for path in tmp_path.glob("state*"))
    assert chronos(*arguments["history"], "-o", "json").report["results"][0]["job_id"] == "one"


def test_what_an_encoding_lacks_is_escaped(server: HttpServer, tmp_path: Path) -> None:
    path = write(
        tmp_path, f"name: größe 😀\nid: a\nwebhook: {{url: '{server.url}/status/404?é'}}\n"
    )
    code, out, _ = result(["run", path, "--no-state", "-o", "json"], "", ASCII)
    assert (code, json.loads(out)["results"][0]["job_name"]) == (4, "größe 😀")
    _, out, _ = result(["run", path, "--no-state"], "", ASCII)
    assert "\\xe9" in out


def test_stdin_is_read_for_its_own_name_only(server: HttpServer, tmp_path: Path) -> None:
    path = arguments_of(server, tmp_path)["validate"][-1]
    reading = f"{shlex.join(command('validate', path))}; cat"
    done = subprocess.run(
        ["bash", "-c", reading], input=b"untouched", capture_output=True, check=True
    )
    assert done.stdout == b"untouched"
    code, _, err = result(["run", "-"], "<&-")
    assert (code, err) == (2, "chronos: cannot read standard input: it is closed\n")


def test_a_loss_of_the_log_is_said_while_cron_runs(server: HttpServer, tmp_path: Path) -> None:
    process = shell(arguments_of(server, tmp_path)["cron"], "2>/dev/full")
    assert process.stdout is not None
    line = process.stdout.readline()
    stop_when(process, lambda: True)
    assert line == b"chronos: cannot write to stderr: No space left on device\n"
    assert process.communicate(timeout=30)[0] == b""


def test_the_log_stays_json_in_any_encoding(server: HttpServer, tmp_path: Path) -> None:
    url = f"{server.url}/{tmp_path.name}?é=😀"
    job = f"name: größe\nid: a\nschedule: '* * * * * *'\nwebhook: {{url: '{url}'}}\n"
    state = str(tmp_path / "state.sqlite")
    arguments = ["cron", write(tmp_path, job, "größe.yaml"), "--state", state]
    process = shell([*arguments, "--log-format", "json"], "", ASCII)
    stop_when(process, lambda: any(tmp_path.name in one["path"] for one in server.requests()))
    lines = process.communicate(timeout=30)[1].decode("ascii").splitlines()
    assert {"started", "stopped"} <= {json.loads(line)["event"] for line in lines}
