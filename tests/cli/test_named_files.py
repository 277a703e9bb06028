"""Files that can be named: a FIFO, a device, a huge or a missing one is a message, no hang."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import chronos, command, environment, write

GOOD = "name: a\nwebhook: {url: 'http://127.0.0.1:1/'}\n"


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(2**33)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


# What the odd file is named by, and the exit code; `{0}` is the file.
PLACES = {
    "job": (GOOD, ["{0}"], 2),
    "folder": (GOOD, ["."], 3),
    "secret": (GOOD + "payload: '${file:{0}}'\n", ["job.yaml"], 3),
    "payload_file": (GOOD + "payload_file: '{0}'\n", ["job.yaml"], 3),
    "env-file": (GOOD, ["job.yaml", "--env-file", "{0}"], 2),
    "config": (GOOD, ["job.yaml", "--config", "{0}"], 2),
    "found-config": (GOOD, ["job.yaml"], 3),
}


@pytest.mark.parametrize("make", [fifo, device, huge, dangling])
@pytest.mark.parametrize("place", PLACES)
def test_an_odd_file_is_a_message(tmp_path: Path, place: str, make: Callable[[Path], None]) -> None:
    text, arguments, code = PLACES[place]
    name = "chronos.yaml" if place == "found-config" else "odd.yaml"
    make(tmp_path / name)
    if place == "found-config" and make is dangling:
        return  # as if it were not there
    if make is huge and code == 2 and place != "env-file":
        code = 3  # a file, but one too large for jobs
    write(tmp_path, text.replace("{0}", name))
    result = chronos(
        "validate", *(one.replace("{0}", name) for one in arguments), cwd=tmp_path, limit=20
    )
    assert result.code == code, result.err
    assert "Traceback" not in result.err
    assert name in result.err
    if place == "folder":
        assert result.err.endswith("1 problem in 1 file\n")


def test_pipes_that_the_shell_makes(tmp_path: Path) -> None:
    write(tmp_path, GOOD + "payload: ${P}\n")
    line = " ".join(command("validate", "<(cat job.yaml)", "--env-file", "<(echo P=1)"))
    done = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"1 job checked, no problems\n")
    line = f"cat job.yaml | P=1 {' '.join(command('validate', '/dev/stdin'))}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"1 job checked, no problems\n")


def test_a_fifo_says_what_to_write_instead(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "job")
    result = chronos("validate", "job", cwd=tmp_path, limit=20)
    told = "cannot read job: it is a FIFO, not a file; to read from a pipe, name -"
    assert (result.code, told in result.err) == (2, True), result.err


def test_broken_lines_of_an_env_file(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, "A=1\nthis is no line\n# comment\n\nB='x\nC=2\nD\nE=''\n", "ops.env")
    result = chronos("validate", "job.yaml", "--env-file", "ops.env", cwd=tmp_path)
    assert result.code == 3
    assert [line.split(": ")[0] for line in result.err.splitlines()] == [
        "ops.env:2:1",
        "ops.env:5:1",
    ]
    assert "this is no line" not in result.err
    write(tmp_path, "\ufeffA=1\nB='x'\nC=\"2\\n\"\nD\nE=$A\n", "ops.env")
    result = chronos("validate", "job.yaml", "--env-file", "ops.env", cwd=tmp_path)
    assert result.code == 0
