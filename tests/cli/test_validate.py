"""`chronos validate`, and what every command says of bad input."""

import json
import os
import pty
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import chronos, command, environment, write
from tests.test_cases import load

GOOD = "name: {name}\nwebhook: {{url: 'http://127.0.0.1:1/'}}\n"


def on_terminal(arguments: list[str], cwd: Path, columns: str = "80") -> tuple[int, str]:
    """Run on a pseudo-terminal; both streams end in one text."""
    main, secondary = pty.openpty()
    process = subprocess.Popen(
        command(*arguments),
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        cwd=cwd,
        env=environment({"TERM": "xterm-256color", "COLUMNS": columns}),
    )
    os.close(secondary)
    seen = b""
    while True:
        try:
            chunk = os.read(main, 65536)
        except OSError:
            break
        if not chunk:
            break
        seen += chunk
    os.close(main)
    return process.wait(timeout=30), seen.decode().replace("\r\n", "\n")


def test_every_problem_of_every_file(tmp_path: Path) -> None:
    write(tmp_path, "name: a\nwebhook: {url: 'ftp://h'}\ntimeout: x\n", "a.yaml")
    write(tmp_path, GOOD.format(name="b"), "b.yml")
    write(tmp_path, "name: [c", "c.yaml")
    write(tmp_path, "not yaml: [", "notes.txt")
    result = chronos("validate", ".", cwd=tmp_path)
    assert (result.code, result.out) == (3, "")
    assert result.err.splitlines() == [
        "a.yaml:2:16: the URL must begin with http:// or https://, not 'ftp://' "
        "(for example https://api.example.com/job)",
        "a.yaml:3:10: 'x' is not a duration such as 500ms, 30s or 1h30m",
        "c.yaml:1:7: the '[' that begins here is not closed (write: name: [c])",
        "3 problems in 2 files",
    ]


def test_good_files(tmp_path: Path) -> None:
    write(tmp_path, GOOD.format(name="a"), "a.yaml")
    result = chronos("validate", str(tmp_path))
    assert (result.code, result.out, result.err) == (0, "", "1 job checked, no problems\n")
    assert chronos("validate", str(tmp_path), "--quiet").err == ""


def test_json(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\nwebhok: {}\n")
    result = chronos("validate", path, "--output", "json")
    assert (result.code, result.err) == (3, "")
    document = json.loads(result.out)
    assert (document["schema_version"], document["exit_code"]) == (1, 3)
    assert document["problems"][0] == {
        "file": path,
        "line": 2,
        "column": 1,
        "path": "webhok",
        "message": "unknown key 'webhok'",
        "hint": "did you mean 'webhook'?",
    }


def test_source_line_and_caret_on_a_terminal(tmp_path: Path) -> None:
    write(tmp_path, "name: a\nwebhook: {url: 'http://h/'}\ntimout: 3s\n")
    code, text = on_terminal(["validate", "job.yaml"], tmp_path)
    assert code == 3
    assert text.splitlines()[:3] == [
        "\x1b[1mjob.yaml:3:1:\x1b[0m \x1b[31munknown key 'timout'\x1b[0m"
        "\x1b[94m (did you mean 'timeout'?)\x1b[0m",
        "    timout: 3s",
        "\x1b[1;31m    ^\x1b[0m",
    ]


def test_a_secret_is_not_shown_in_the_source_line(tmp_path: Path) -> None:
    text = "name: a\nwebhook: {url: 'http://h/', headers: {Authorization: 'Bearer s3cr3t', X: ü}}\n"
    write(tmp_path, text)
    code, shown = on_terminal(["validate", "job.yaml"], tmp_path, "200")
    assert (code, "s3cr3t" in shown, "not ASCII" in shown) == (3, False, True)


def test_duplicate_ids_over_files_name_both_places(tmp_path: Path) -> None:
    write(tmp_path, GOOD.format(name="same"), "a.yaml")
    write(tmp_path, GOOD.format(name="Same"), "b.yaml")
    result = chronos("validate", ".", cwd=tmp_path)
    assert result.code == 3
    assert "b.yaml:1:1: job ID 'same' is used twice; first at a.yaml:1:1" in result.err


def test_stdin(tmp_path: Path) -> None:
    assert chronos("validate", "-", stdin=GOOD.format(name="a")).code == 0
    result = chronos("validate", "-", stdin="name: a\n")
    assert (result.code, "<stdin>:1:1: the job has no target" in result.err) == (3, True)
    assert chronos("validate", "-", stdin=b"").code == 3


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b"{a: " * 100_000,
        b"- " * 100_000,
        b"? " * 100_000,
        b"a: &x [*x, *x]\n" * 1000,
        b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(b"%c: &%c [*a,*a]\n" % (n, n) for n in b"bcdefg"),
        b"<<: " + b"{<<: " * 45 + b"1" + b"}" * 45,
        b"a: " + b"9" * 5000,
        b"a: 2001-13-45",
        b"a: '" + b"\xff" * 10,
        b"\x00\x01\x02",
        b"a: |\n" + b"\t" * 100_000,
        b"!!python/object/apply:os.system ['true']",
        b"%YAML 9.9\n---\n",
        b"a: ${" + b"${A:-" * 10_000,
        b"'" * 99_999,
        b"*" * 1000,
        b"--- " * 1000,
    ],
    ids=range(18),
)
def test_hostile_documents_end_in_a_message_at_once(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "job.yaml"
    path.write_bytes(text)
    result = chronos("validate", str(path))
    assert result.code == 3, result.err
    assert f"{path}:" in result.err
    assert "Traceback" not in result.err
    assert "internal error" not in result.err
    began = time.process_time()
    load(path)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("opener", ["[", "{a: ", "- "])
def test_too_deep_is_told_in_one_way_however_deep_it_is(tmp_path: Path, opener: str) -> None:
    path = tmp_path / "job.yaml"
    for depth in (60, 2000):
        path.write_text(opener * depth)
        (problem,) = load(path).problems
        assert (problem.position.line, problem.message) == (1, "more than 50 levels deep")


def test_a_file_over_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_bytes(b"#" * (16 * 2**20 + 1))
    result = chronos("validate", str(path))
    assert (result.code, "larger than 16 MiB" in result.err) == (3, True)


def test_chronos_yaml_is_checked_as_configuration(tmp_path: Path) -> None:
    write(tmp_path, GOOD.format(name="a"), "a.yaml")
    write(tmp_path, "scheduler: {max_concurrent_jobs: 5}\n", "chronos.yaml")
    assert chronos("validate", ".", cwd=tmp_path).code == 0
    assert chronos("validate", "chronos.yaml", cwd=tmp_path).code == 0
    write(tmp_path, "scheduler: {max_concurent_jobs: 5}\n", "chronos.yaml")
    for paths in ((".",), ("chronos.yaml",), ("a.yaml", "chronos.yaml")):
        result = chronos("validate", *paths, cwd=tmp_path)
        assert result.code == 3
        assert result.err.count("chronos.yaml:1:13: unknown key 'max_concurent_jobs'") == 1


MISTAKES = (
    ("timout: 3s", 1, "unknown key 'timout' (did you mean 'timeout'?)"),
    ("timeout: soon", 10, "'soon' is not a duration"),
    ("enabled: yes", 10, "expected true or false, found 'yes'"),
    ("tags: [a]", 7, "expected a mapping, found a list"),
    ("schedule: '61 * * * *'", 11, "61 is not a minute"),
    ("timezone: Europe", 11, "no time zone 'Europe'"),
    ("payload: ${NOBODY_SET_THIS}", 10, "variable 'NOBODY_SET_THIS' is not set"),
    ("payload: {a: 1, a: 2}", 17, "duplicate key 'a'"),
    ("retry_policy: {max_attempts: 0}", 30, "must be at least 1"),
    ("payload: '{{ now | nosuch }}'", 20, "No filter named 'nosuch'"),
)


def test_a_hundred_broken_files_give_a_hundred_messages(tmp_path: Path) -> None:
    expected = []
    for number in range(100):
        mistake, column, told = MISTAKES[number % 10]
        before = [f"# line {n}" for n in range(number // 10)]
        lines = [*before, f"name: job {number}", mistake, "webhook: {url: 'http://h/'}"]
        (tmp_path / f"{number:03}.yaml").write_text("\n".join(lines) + "\n")
        expected.append((f"{number:03}.yaml:{len(before) + 2}:{column}: ", told))
    result = chronos("validate", ".", cwd=tmp_path)
    lines = result.err.splitlines()
    assert (result.code, lines[-1]) == (3, "100 problems in 100 files")
    for line, (place, told) in zip(lines[:-1], expected, strict=True):
        assert line.startswith(place), line
        assert told in line


def test_progress_shows_when_it_takes_long(tmp_path: Path) -> None:
    write(tmp_path, "---\n".join(GOOD.format(name=f"j{number}") for number in range(14_000)))
    code, text = on_terminal(["validate", "."], tmp_path)
    assert (code, "checking" in text) == (0, True)
    assert "14000 jobs checked, no problems" in text
    assert "checking" not in chronos("validate", ".", cwd=tmp_path).err
