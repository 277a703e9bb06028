"""The program as a whole: signals, pipes, start-up, streams, help, completions."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from xml.etree import ElementTree

import pytest

from chronos_cli.cli.streams import OutputStream
from tests.cli.test_validate import on_terminal
from tests.support import ROOT, HttpServer, chronos, command, environment, finish, start, write

JOB = """\
name: {name}
webhook: {{url: '{url}'}}
retry_policy: {{max_attempts: 2, initial_interval: {interval}, max_interval: 60s}}
"""


def test_sigint_in_mid_backoff(server: HttpServer, tmp_path: Path) -> None:
    write(tmp_path, JOB.format(name="ok", url=server.url + "/status/200", interval="1s"), "a.yaml")
    bad = JOB.format(name="bad", url=server.url + "/status/503?sigint", interval="50s")
    write(tmp_path, bad, "b.yaml")
    process = start("run", str(tmp_path), "-o", "json")
    server.wait_for("/status/503?sigint")
    time.sleep(0.3)  # let the answer arrive and the backoff begin
    process.send_signal(signal.SIGINT)
    result = finish(process)
    assert (result.code, result.report["exit_code"]) == (130, 130)
    assert result.seconds < 1
    assert [r["status"] for r in result.report["results"]] == ["succeeded", "interrupted"]
    assert "503" in result.report["results"][1]["message"]
    assert result.err == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_in_mid_request(
    server: HttpServer, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    url = f"{server.url}/slow/20/{number}"
    process = start("run", write(tmp_path, JOB.format(name="a", url=url, interval="1s")))
    server.wait_for(f"/slow/20/{number}")
    process.send_signal(number)
    result = finish(process)
    assert (result.code, result.err) == (code, "")
    assert result.seconds < 1
    assert "interrupted" in result.out


def test_jobs_not_yet_started_are_reported_as_interrupted(
    server: HttpServer, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        url = f"{server.url}/slow/20/not-started"
        write(tmp_path, JOB.format(name=name, url=url, interval="1s"), f"{name}.yaml")
    process = start("run", str(tmp_path), "-o", "json", "--concurrency", "1")
    server.wait_for("/slow/20/not-started")
    process.send_signal(signal.SIGINT)
    result = finish(process)
    assert result.code == 130
    assert [r["status"] for r in result.report["results"]] == ["interrupted"] * 3
    assert [len(r["attempts"]) for r in result.report["results"]] == [1, 0, 0]


def test_a_closed_pipe_is_no_traceback(server: HttpServer, tmp_path: Path) -> None:
    path = write(tmp_path, JOB.format(name="a", url=server.url + "/status/404", interval="1s"))
    for options in ("", "-o json", "-o jsonl", "--dry-run"):
        line = (
            f"{sys.executable} -m chronos_cli run {path} {options} | true; echo ${{PIPESTATUS[0]}}"
        )
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, env=environment(), check=True
        )
        assert done.stderr == ""
        assert done.stdout.strip() == ("0" if options == "--dry-run" else "4")


def test_a_bug_of_ours_is_one_line_and_hides_no_other_job(
    server: HttpServer, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import chronos_cli.dispatch.delivery as d\n"
        "sound = d.metadata_headers\n"
        "def broken(execution, *others):\n"
        "    if execution.job.id == 'bad': raise RuntimeError('boom')\n"
        "    return sound(execution, *others)\n"
        "d.metadata_headers = broken\n"
    )
    url = server.url + "/status/200"
    jobs = [JOB.format(name=name, url=url, interval="1s") for name in ("good", "bad")]
    path = write(tmp_path, "---\n".join(jobs))
    paths = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    result = chronos("run", path, "-o", "json", env=paths)
    assert (result.code, result.report["exit_code"]) == (1, 1)
    good, bad = result.report["results"]
    assert (good["status"], bad["message"]) == ("succeeded", "internal error: RuntimeError: boom")
    assert result.err == (
        "chronos: internal error: RuntimeError: boom (add --verbose for the traceback)\n"
    )
    result = chronos("run", path, "--verbose", env=paths)
    assert (result.code, "Traceback" in result.err) == (1, True)


def test_quiet(server: HttpServer, tmp_path: Path) -> None:
    good = write(tmp_path, JOB.format(name="a", url=server.url + "/status/200", interval="1s"))
    result = chronos("run", good, "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")
    bad = write(tmp_path, JOB.format(name="b", url=server.url + "/status/404", interval="1s"))
    result = chronos("run", bad, "--quiet")
    assert (result.code, result.out) == (4, "")
    assert result.err == "b: rejected 404: 404 Not Found: status 404\n"


def test_jsonl_comes_as_each_ends(server: HttpServer, tmp_path: Path) -> None:
    for name, path in (("a", "/slow/8/jsonl"), ("b", "/status/200")):
        write(tmp_path, JOB.format(name=name, url=server.url + path, interval="1s"), f"{name}.yaml")
    process = start("run", str(tmp_path), "-o", "jsonl")
    assert process.stdout is not None
    began = time.monotonic()
    first = json.loads(process.stdout.readline())
    assert (first["job_id"], time.monotonic() - began < 7) == ("b", True)
    assert json.loads(process.stdout.readline())["job_id"] == "a"
    assert process.stdout.read() == ""
    assert finish(process).code == 0


def test_plain_lines_off_a_terminal(server: HttpServer, tmp_path: Path) -> None:
    for name, path in (("ok", "/status/200"), ("bad", "/status/404")):
        write(tmp_path, JOB.format(name=name, url=server.url + path, interval="1s"), f"{name}.yaml")
    result = chronos("run", str(tmp_path))
    lines = result.out.splitlines()
    assert lines[0].startswith("rejected 404   bad  http  POST http://127.0.0.1")
    assert lines[1] == "    404 Not Found: status 404"
    assert lines[2].startswith("succeeded 200  ok   http  POST http://127.0.0.1")
    assert lines[3] == "2 jobs: 1 succeeded, 1 rejected"
    assert "\x1b" not in result.out


@pytest.mark.parametrize("columns", ["80", "200"])
def test_table_on_a_terminal(server: HttpServer, tmp_path: Path, columns: str) -> None:
    for name, path in (("ok", "/status/200"), ("bad", "/status/404")):
        write(tmp_path, JOB.format(name=name, url=server.url + path, interval="1s"), f"{name}.yaml")
    code, text = on_terminal(["run", "."], tmp_path, columns)
    assert code == 7
    for word in ("Job", "Status", "Attempts", "Duration", "404 Not Found", "http", "/status/404"):
        assert word in text
    assert ("Target" in text) == (columns == "200")
    assert "\x1b[31m" in text
    assert "2 jobs: 1 succeeded, 1 rejected" in text


def test_progress_shows_on_a_terminal(server: HttpServer, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        job = JOB.format(name=name, url=server.url + "/slow/1/progress", interval="1s")
        write(tmp_path, job, f"{name}.yaml")
    _, text = on_terminal(["run", "."], tmp_path)
    assert "running" in text
    assert "0/3" in text


def test_no_color_is_honoured(server: HttpServer, tmp_path: Path) -> None:
    write(tmp_path, JOB.format(name="bad", url=server.url + "/status/404", interval="1s"))
    os.environ["NO_COLOR"] = "1"
    try:
        _, text = on_terminal(["run", "."], tmp_path)
    finally:
        del os.environ["NO_COLOR"]
    assert "\x1b[31m" not in text


@pytest.mark.parametrize(
    ("variables", "is_coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": ""}, True),
    ],
)
def test_variables_decide_on_colour_off_a_terminal(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], is_coloured: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with Path(os.devnull).open("wb") as nowhere:
        assert OutputStream("stdout", nowhere.fileno(), "utf-8").has_colour() is is_coloured


def test_colour_is_given_to_a_pipe_that_asks_for_it(server: HttpServer, tmp_path: Path) -> None:
    job = JOB.format(name="a", url=server.url + "/status/404", interval="1s")
    state = ["--state", str(tmp_path / "state.sqlite")]
    forced = {"FORCE_COLOR": "1"}
    told = chronos("run", "-", *state, stdin=job, env=forced).out
    assert told.startswith("\x1b[31mrejected 404\x1b[0m  a  http  POST ")
    assert "\x1b[31mrejected 404\x1b[0m" in chronos("history", *state, env=forced).out
    plain = chronos("history", *state, env={**forced, "NO_COLOR": "1"}).out
    assert "\x1b" not in plain


def test_version_starts_fast(tmp_path: Path) -> None:
    """Not a benchmark: the best of several, side by side, at most three times bare Python."""

    def best(arguments: list[str]) -> float:
        times = []
        for _ in range(15):
            began = time.perf_counter()
            subprocess.run(arguments, check=True, capture_output=True, env=environment())
            times.append(time.perf_counter() - began)
        return min(times)

    script = Path(sys.executable).parent / "chronos"
    assert best([str(script), "--version"]) < 3 * best([sys.executable, "-c", "pass"])


def test_version_and_help() -> None:
    from chronos_cli import __version__

    for words in (["--version"], ["-V"], ["version"], ["version", "--help"]):
        assert chronos(*words).out == f"chronos {__version__}\n"
    assert chronos("help", "next").out == chronos("next", "--help").out
    assert chronos("help").out == chronos("--help").out
    result = chronos("--help")
    assert result.code == 0
    for name in ("run", "validate", "receive", "demo"):
        assert name in result.out
        assert chronos(name, "-h").code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_those_of_the_program(shell: str) -> None:
    made = chronos("completion", shell).out
    assert (ROOT / f"completions/chronos.{shell}").read_text() == made
    assert "_CHRONOS_COMPLETE" in made


def test_completion_completes() -> None:
    asked = chronos("chronos r", env={"_CHRONOS_COMPLETE": "bash"})
    assert asked.out.splitlines() == ["words", "run", "resume", "replay", "receive"]


def test_bash_completes_by_the_script(tmp_path: Path) -> None:
    write(tmp_path, "name: a\ntags: {team: finance}\nwebhook: {url: 'http://h/${UNSET}'}\n")
    (tmp_path / "chronos").symlink_to(Path(sys.executable).parent / "chronos")
    script = f"""
        source {ROOT}/completions/chronos.bash
        compopt() {{ echo "$@"; }}
        for COMP_LINE in 'chronos list . --tag team=' 'chronos list '; do
            COMP_POINT=${{#COMP_LINE}}; _chronos ./chronos; echo "${{COMPREPLY[@]}}"
        done
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        check=True,
    )
    assert (done.stdout, done.stderr) == ("finance\n-o default\n\n", "")


def test_receive_prints_what_arrives(tmp_path: Path) -> None:
    process = start("receive", "--listen", "127.0.0.1:0", "-o", "jsonl", "--status", "202")
    assert process.stderr is not None
    url = process.stderr.readline().split()[2].rstrip(",")
    path = write(tmp_path, JOB.format(name="a", url=url + "/x", interval="1s"))
    assert chronos("run", path, "-o", "json").only["code"] == "202"
    with urllib.request.urlopen(urllib.request.Request(url, method="HEAD")) as answer:
        assert (answer.status, answer.read()) == (202, b"")
    process.send_signal(signal.SIGINT)
    result = finish(process)
    assert (result.code, result.err) == (0, "")
    first, second = result.out.splitlines()
    assert json.loads(second)["method"] == "HEAD"
    request = json.loads(first)
    assert (request["method"], request["target"]) == ("POST", "/x")
    assert ["X-Chronos-Job-ID", "a"] in request["headers"]


def test_receive_takes_grpc_calls(tmp_path: Path) -> None:
    options = ("--listen", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "-o", "jsonl")
    process = start("receive", *options)
    assert process.stderr is not None
    address = process.stderr.readline().split()[-1]
    process.stderr.readline()
    result = chronos("run", str(ROOT / "jobs/grpc.yaml"), env={"CHRONOS_DEMO_GRPC": address})
    assert result.code == 0, result.out
    process.send_signal(signal.SIGINT)
    call = json.loads(finish(process).out)
    assert (call["protocol"], call["request"]["job_id"]) == ("grpc", "grpc-execute")
    assert ["x-chronos-job-id", "grpc-execute"] in call["metadata"]


def test_junit_report(server: HttpServer, tmp_path: Path) -> None:
    for name, path in (("ok", "/status/200"), ("bad", "/escape/x")):
        write(tmp_path, JOB.format(name=name, url=server.url + path, interval="1s"), f"{name}.yaml")
    report = tmp_path / "report.xml"
    assert chronos("run", str(tmp_path), "--report-junit", str(report)).code == 7
    suite = ElementTree.parse(report).getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [case.get("name") for case in suite] == ["bad", "ok"]
    failure = suite[0].find("failure")
    assert failure is not None
    assert failure.get("type") == "rejected"


def test_receive_says_when_the_address_is_taken(server: HttpServer) -> None:
    result = chronos("receive", "--listen", f"127.0.0.1:{server.port}")
    said = f"chronos: cannot listen on 127.0.0.1:{server.port}: Address already in use\n"
    assert (result.code, result.err) == (2, said)


def test_what_is_no_command_is_mended_from_the_message() -> None:
    for words, told in (
        (["a.yaml"], "'a.yaml' is no command. Write: chronos run a.yaml"),
        (["init", "kafka"], "write: chronos init --protocol kafka (a file of that name: ./kafka)"),
    ):
        result = chronos(*words)
        assert (result.code, told in result.err) == (2, True)


def test_demo() -> None:
    result = chronos("demo")
    assert result.code == 0, result.out
    assert "succeeded" in result.out
    assert "2 attempts" in result.out


def test_protocols() -> None:
    assert "webhook" in chronos("protocols").out


def test_module_and_script_are_the_same_program(tmp_path: Path) -> None:
    assert command("x")[1:] == ["-m", "chronos_cli", "x"]
    script = Path(sys.executable).parent / "chronos"
    done = subprocess.run([script, "run"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
