"""Signs of life while a run goes on, and what it leaves for those who see no table."""

import asyncio
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from chronos_cli.cli.options import require_writable
from chronos_cli.cli.signs import Signs
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.outcome import Attempt, Status
from chronos_cli.errors import UsageError
from tests.cli.test_validate import on_terminal
from tests.cron.stage import FakeClock, job, utc
from tests.support import HttpServer, chronos, command, environment, write

NOW = utc("2026-03-02T12:00:00")
JOB = """\
name: {name}
webhook: {{url: '{url}'}}
timeout: 20s
retry_policy: {{max_attempts: 2, initial_interval: {interval}, jitter: 0}}
"""


def failed(number: int) -> Attempt:
    return Attempt(
        number=number,
        started_at=NOW.isoformat(),
        duration_ms=12.0,
        status=Status.UNREACHABLE,
        code="DNS",
        message="there is no such name",
    )


def test_the_line_tells_what_a_job_is_doing() -> None:
    clock = FakeClock(NOW)
    one = Execution("1", job("report"), NOW)
    signs = Signs(clock, [one])
    asyncio.run(clock.advance(15))
    assert signs.text() == "report: attempt 1/1, 15 s"
    signs.on_attempt(one, failed(1), 2.0)
    assert signs.text() == "report: attempt 2/1 in 2 s: DNS: there is no such name"
    asyncio.run(clock.advance(5))
    assert signs.text() == "report: attempt 2/1, 3 s"


def test_the_line_tells_of_several_which_are_left() -> None:
    executions = [Execution(str(n), job(f"job-{n}"), NOW) for n in range(5)]
    signs = Signs(FakeClock(NOW), executions)
    assert signs.text() == "running 0/5"
    for n in range(3):
        signs.on_outcome(str(n))
    assert signs.text() == "running 3/5; left: job-3, job-4"
    signs.on_attempt(executions[4], failed(1), 0.2)
    assert signs.text().endswith("; job-4: attempt 2/1 in 1 s: DNS: there is no such name")
    for n in (3, 4):
        signs.on_outcome(str(n))
    assert signs.text() == "running 5/5"


def test_a_terminal_shows_a_line_that_leaves_no_trace(server: HttpServer, tmp_path: Path) -> None:
    write(tmp_path, JOB.format(name="report", url=f"{server.url}/status/503", interval="1100ms"))
    code, text = on_terminal(["run", "job.yaml", "-o", "jsonl"], tmp_path)
    drawn = re.findall(r"\r\x1b\[K\x1b\[\?7l([^\x1b]*)\x1b\[\?7h", text)
    assert code == 5
    assert drawn[0].startswith("report: attempt 2/2 in 1 s: 503: ")
    # The result stands in a line of its own, and nothing is left over.
    assert re.search(r'\x1b\[\?7h\r\x1b\[K\{"job_id": "report"', text)
    assert text.rstrip().endswith("}")


def test_verbose_tells_of_each_attempt(server: HttpServer, tmp_path: Path) -> None:
    url = f"{server.url}/flaky/2/{tmp_path.name}"
    path = write(tmp_path, JOB.format(name="report", url=url, interval="20ms"))
    result = chronos("run", path, "-v", "-o", "json")
    first, second = result.err.splitlines()
    assert re.fullmatch(
        r"report: attempt 1 of 2: unreachable 503 in \d+ ms: 503 .*; next in 20ms", first
    )
    assert re.fullmatch(r"report: attempt 2 of 2: succeeded 200 in \d+ ms(: .*)?", second)
    assert result.only["status"] == "succeeded"
    again = chronos("replay", result.only["execution_id"], "--force", "-v", "-q")
    assert (again.out, again.err.count("attempt 1 of 2: succeeded 200")) == ("", 1)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("-o json > out", "1 job: 1 succeeded\n"),
        ("-o jsonl > out", "1 job: 1 succeeded\n"),
        ("-o json -q > out", ""),
        ("-o json > out 2>&1", ""),
        ("-o json | cat > out", ""),  # whoever reads a pipe is told by the data
    ],
)
def test_a_report_in_a_file_leaves_a_line(
    server: HttpServer, tmp_path: Path, line: str, told: str
) -> None:
    write(tmp_path, JOB.format(name="a", url=f"{server.url}/status/200", interval="1s"))
    words = f"{shlex.join(command('run', 'job.yaml', '--no-state'))} {line}"
    done = subprocess.run(
        ["sh", "-c", words], stderr=subprocess.PIPE, cwd=tmp_path, env=environment(), check=True
    )
    assert done.stderr.decode() == told
    assert json.loads((tmp_path / "out").read_text() or "{}").get("schema_version", 1) == 1


def test_github_gets_annotations_and_a_table(server: HttpServer, tmp_path: Path) -> None:
    hostile = f"{server.url}/status/404?%0A::set-env%7C|<img>`"
    write(tmp_path, "# the jobs\n" + JOB.format(name="bad", url=hostile, interval="1s"), "a,b.yaml")
    write(tmp_path, JOB.format(name="good", url=f"{server.url}/status/200", interval="1s"))
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_WORKSPACE": str(tmp_path.parent),
    }
    result = chronos("run", ".", "--no-state", env=env, cwd=tmp_path)
    assert result.code == 7
    (line,) = result.err.splitlines()
    assert line.startswith(
        f"::error file={tmp_path.name}/a%2Cb.yaml,line=2,col=1,title=chronos%3A bad::bad: rejected"
    )
    asked = {"GITHUB_WORKSPACE": str(tmp_path.parent)}
    result = chronos("run", ".", "--no-state", "-o", "github", env=asked, cwd=tmp_path)
    assert (result.code, result.out, result.err) == (7, line + "\n", "")
    before, _, table = summary.read_text().partition("\n")
    assert before == "before"
    rows = [one for one in table.splitlines() if one.startswith("|")]
    assert rows[2].startswith("| bad | ❌ rejected 404 | 1 |")
    assert rows[3].startswith("| good | succeeded 200 | 1 |")
    assert all(row.count("|") == 7 for row in rows)
    assert not set("<`") & set(table)


ANNOTATING = ("run", "check", "validate")


@pytest.mark.parametrize("name", ANNOTATING)
def test_an_invalid_file_is_annotated_by_all_alike(tmp_path: Path, name: str) -> None:
    write(tmp_path, "name: a\nwebhook: {url: 'http://h/', oops: 1}\n")
    place = {"GITHUB_WORKSPACE": str(tmp_path.parent)}
    asked = chronos(name, ".", "-o", "github", env=place, cwd=tmp_path)
    start = f"::error file={tmp_path.name}/job.yaml,line=2,col=29,title=chronos::"
    assert (asked.code, asked.out.startswith(start)) == (3, True), asked.out
    assert asked.out.count("\n") == 1
    workflow = chronos(name, ".", env=place | {"GITHUB_ACTIONS": "true"}, cwd=tmp_path)
    assert (workflow.code, workflow.out) == (3, "")
    assert asked.out in workflow.err
    elsewhere = chronos(name, ".", env=place, cwd=tmp_path)
    assert "::error" not in elsewhere.out + elsewhere.err


@pytest.mark.parametrize("name", ["run", "check"])
def test_a_job_that_fails_is_annotated_by_all_alike(tmp_path: Path, name: str) -> None:
    write(tmp_path, JOB.format(name="a", url="http://127.0.0.1:1/", interval="1ms"))
    more = ["--no-state"] if name == "run" else []
    env = {"GITHUB_WORKSPACE": str(tmp_path)}
    asked = chronos(name, ".", "-o", "github", *more, env=env, cwd=tmp_path)
    start = "::error file=job.yaml,line=1,col=1,title=chronos%3A a::a: unreachable"
    assert (asked.code, asked.out.startswith(start)) == (5, True), asked.out
    assert asked.out.count("\n") == 1
    workflow = chronos(name, ".", *more, env=env | {"GITHUB_ACTIONS": "true"}, cwd=tmp_path)
    assert "::error" not in workflow.out
    assert sum(line.startswith(start) for line in workflow.err.splitlines()) == 1


def test_a_summary_that_cannot_be_written_changes_nothing(
    server: HttpServer, tmp_path: Path
) -> None:
    job = JOB.format(name="a", url=f"{server.url}/status/404", interval="1s")
    path = str(tmp_path / "no" / "summary.md")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": path}
    result = chronos("run", "-", "--no-state", stdin=job, env=env)
    annotation, told = result.err.splitlines()
    assert annotation.startswith("::error title=chronos%3A a::a: rejected 404")
    assert told.startswith(f"chronos: cannot write $GITHUB_STEP_SUMMARY ({path}): No such file")
    assert result.code == 4


def test_what_cannot_be_written_is_found_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "into").symlink_to("no/file")
    for name, reason in (
        ("no/x.xml", "there is no directory"),
        ("file/x.xml", "there is no directory"),
        (".", "it is a directory"),
        ("into", "there is no directory"),
        ("round", "Too many levels of symbolic links"),
        ("n" * 300, "File name too long"),
    ):
        with pytest.raises(UsageError, match=reason):
            require_writable("--report-junit", str(tmp_path / name))
    with pytest.raises(UsageError, match="it has no name"):
        require_writable("--report-junit", "")
    for name in ("file", "new.xml"):
        require_writable("--report-junit", str(tmp_path / name))
    require_writable("--report-junit", os.devnull)
    assert (tmp_path / "file").read_text() == "kept"
    assert not (tmp_path / "new.xml").exists()
