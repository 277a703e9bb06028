"""Recording in `chronos run`, `chronos history` and `chronos replay`, with the real program."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_validate import on_terminal
from tests.support import HttpServer, Result, chronos, command, environment, finish, headers, write


class Place:
    """A folder with a state of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state.sqlite"

    def job(self, url: str, name: str = "a", **keys: Any) -> str:
        policy = {"max_attempts": 2, "initial_interval": "10ms"}
        document = {"name": name, "webhook": {"url": url}, "retry_policy": policy, **keys}
        return write(self.folder, json.dumps(document), f"{name}.yaml")

    def chronos(self, name: str, *arguments: str, **keywords: Any) -> Result:
        return chronos(name, *arguments, "--state", str(self.state), **keywords)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command("run", *arguments, "--state", str(self.state), "-o", "json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def history(self, *arguments: str) -> list[dict[str, Any]]:
        result = self.chronos("history", *arguments, "-o", "json")
        assert (result.code, result.err) == (0, "")
        found: list[dict[str, Any]] = result.report["results"]
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_history_tells_what_ran(server: HttpServer, place: Place) -> None:
    path = place.job(server.url + "/flaky/2/history", tags={"team": "x"})
    ran = place.chronos("run", path, "-o", "json").only
    off = place.job(server.url + "/status/200", "off", enabled=False)
    place.chronos("run", off)
    skipped, entry = place.history()
    assert (skipped["status"], skipped["job_id"], skipped["attempts"]) == ("skipped", "off", [])
    for key in ("execution_id", "target", "status", "code", "receipt", "attempts", "duration_ms"):
        assert entry[key] == ran[key], key
    assert (entry["origin"], entry["job_file"]) == ("run", path)
    assert place.history("--status", "skipped") == [skipped]
    assert place.history("--job", "a", "--since", "5m", "--limit", "1") == [entry]
    assert place.history("--until", "5m") == []
    assert place.history("--since", "yesterday", "--until", "now") == [skipped, entry]
    assert place.history("--since", "2020-01-01T00:00:00Z") == [skipped, entry]


def test_times_in_json_are_of_one_form(server: HttpServer, place: Place) -> None:
    path = place.job(server.url + "/status/404")
    (ran,) = place.chronos("run", path, "-o", "json").report["results"]
    (entry,) = place.history()
    times = [entry[name] for name in ("scheduled_time", "started_at", "ended_at")]
    times += [attempt["started_at"] for one in (ran, entry) for attempt in one["attempts"]]
    for text in [*times, ran["scheduled_time"]]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d", text)


def test_history_as_lines_and_table(server: HttpServer, place: Place) -> None:
    path = place.job(server.url + "/status/404")
    place.chronos("run", path, "--execution-id", "exec-1")
    lines = place.chronos("history").out.splitlines()
    assert lines[0].split() == "STARTED JOB STATUS ORIGIN ATTEMPTS DURATION EXECUTION ID".split()
    assert re.search(r"^\d{4}-\d\d-\d\d \S+[+-]\d\d:\d\d  a +rejected 404 +run +1 ", lines[1])
    assert lines[1].endswith(" exec-1")
    told = place.chronos("history", "exec-1").out
    assert "run of a: rejected 404" in told
    assert re.search(r"attempt 1 .* rejected 404 .* status 404", told)
    for columns in ("80", "200"):
        code, text = on_terminal(["history", "--state", str(place.state)], place.folder, columns)
        assert code == 0
        for word in ("Started", "Job", "Status", "rejected 404", "exec-1", "run"):
            assert word in text
    figures = place.chronos("history", "--stats", "-o", "json").report
    took = place.history()[0]["duration_ms"]
    assert figures == {
        "schema_version": 1,
        "results": [
            {
                "job_id": "a",
                "executions": 1,
                "succeeded": 0,
                "failed": 1,
                "success_rate": 0.0,
                "p50_ms": took,
                "p95_ms": took,
                "last_success": None,
                "streak": -1,
            }
        ],
    }


def test_an_id_may_be_cut_and_stands_on_one_line(server: HttpServer, place: Place) -> None:
    path = place.job(server.url + "/status/404", "a-job-of-the-finance-team-with-a-long-name")
    whole = place.chronos("run", path, "-o", "json").only["execution_id"]
    place.chronos("run", path, "--execution-id", "other")
    told = place.chronos("history", whole[:7]).out
    assert f"  execution  {whole}\n" in told
    again = place.chronos("replay", whole[:7], "-o", "json").only
    assert again["execution_id"] == whole
    for columns in ("80", "200"):
        _, text = on_terminal(["history", "--state", str(place.state)], place.folder, columns)
        assert whole in text
        assert all(len(line) <= int(columns) for line in plain(text).splitlines())
    _, text = on_terminal(["history", "--stats", "--state", str(place.state)], place.folder)
    assert "0 of 3" in plain(text)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_history_of_nothing(place: Place) -> None:
    result = place.chronos("history")
    assert (result.code, result.out, result.err) == (0, "", "nothing recorded that fits\n")
    assert place.history() == []
    assert not place.state.exists()
    result = place.chronos("history", "x")
    assert (result.code, result.err) == (2, f"chronos: no execution 'x' in {place.state}\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["history", "--since", "tomorrow"], "--since takes a time such as now, today"),
        (["history", "--prune"], "--prune takes --older-than"),
        (["history", "--keep", "3"], "go with --prune"),
        (["history", "--stats", "--limit", "3"], "--stats goes with --job"),
        (["history", "--prune", "--older-than", "x"], "is not a duration"),
        (["replay"], "name the executions to replay"),
        (["replay", "x", "--failed", "--since", "1d"], "name the executions to replay"),
        (["replay", "--failed"], "--failed needs --since"),
        (["replay", "x", "--since", "1d"], "go with --failed"),
        (["replay", "x"], "no execution 'x'"),
    ],
)
def test_usage(place: Place, arguments: list[str], told: str) -> None:
    result = place.chronos(*arguments)
    assert (result.code, result.out) == (2, "")
    assert told in result.err
    assert result.err.count("\n") == 1


def test_pruning(server: HttpServer, place: Place) -> None:
    path = place.job(server.url + "/status/200")
    for number in range(3):
        place.chronos("run", path, "--execution-id", f"x{number}")
    assert place.chronos("history", "--prune", "--older-than", "1h").err == "0 entries forgotten\n"
    assert place.chronos("history", "--prune", "--keep", "1").err == "2 entries forgotten\n"
    assert [entry["execution_id"] for entry in place.history()] == ["x2"]


def test_no_state(server: HttpServer, place: Place, tmp_path: Path) -> None:
    path = place.job(server.url + "/status/200")
    home = {"XDG_STATE_HOME": str(tmp_path / "home")}
    assert chronos("run", path, "--no-state", env=home).code == 0
    assert not (tmp_path / "home").exists()
    assert chronos("run", path, env=home).code == 0
    assert (tmp_path / "home/chronos/state.sqlite").exists()
    assert place.chronos("run", path, "--no-state").code == 2
    assert place.chronos("run", path, "--dry-run").code == 0
    assert not place.state.exists()


def test_secrets_are_not_in_the_file(server: HttpServer, place: Place) -> None:
    secret, variable = "s3cr3t-of-the-file", "s3cr3t-of-the-line"
    url = server.url.replace("http://", "http://user:s3cr3t-of-the-url@")
    webhook = {
        "url": url + "/status/404?token=${TOKEN}&v={{ vars.api_token }}&w={{ vars.plain }}",
        "headers": {"Authorization": "Bearer ${TOKEN}"},
    }
    path = place.job("", webhook=webhook, name="job-${TOKEN}", id="a")
    path = str(Path(path).rename(place.folder / "a.yaml"))
    told = ("--var", f"api_token={variable}", "--var", f"plain=x{secret}x", "--var", "day=Monday")
    result = place.chronos("run", path, *told, env={"TOKEN": secret})
    assert result.code == 4
    (entry,) = place.history()
    assert entry["job_id"] == "a"
    assert "***" in entry["target"]
    for file in place.folder.glob("state.sqlite*"):
        raw = file.read_bytes()
        assert b"Monday" in raw
        assert b"s3cr3t" not in raw
    again = place.chronos("replay", entry["execution_id"], env={"TOKEN": secret})
    assert (again.code, again.out) == (2, "")
    assert "give them again: --var api_token=… --var plain=…" in again.err
    again = place.chronos("replay", entry["execution_id"], *told[:4], env={"TOKEN": secret})
    assert again.code == 4


def killed(server: HttpServer, place: Place, slow: str, **keys: Any) -> dict[str, Any]:
    """Kill a run in mid-dispatch; return its entry before."""
    process = place.start(place.job(server.url + slow, **keys))
    server.wait_for(slow)
    (entry,) = place.history("--status", "running")
    assert entry["pid"] == process.pid
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    return entry


def test_a_run_that_was_killed(server: HttpServer, place: Place) -> None:
    entry = killed(server, place, "/slow/20/killed", concurrency="forbid")
    assert place.history("--status", "running") == []
    (after,) = place.history("--status", "interrupted")
    assert after["execution_id"] == entry["execution_id"]
    assert f"pid {entry['pid']} on" in after["message"]
    assert after["ended_at"] is None
    # It holds nobody up.
    path = place.job(server.url + "/status/200", concurrency="forbid")
    assert place.chronos("run", path, "-o", "json").only["status"] == "succeeded"


def test_a_run_that_was_killed_keeps_its_attempts(server: HttpServer, place: Place) -> None:
    policy = {"max_attempts": 3, "initial_interval": "1m"}
    path = place.job(server.url + "/status/503?of=killed", retry_policy=policy)
    process = place.start(path)
    end = time.monotonic() + 30
    while not any(entry["attempts"] for entry in place.history()):
        assert time.monotonic() < end
    process.kill()
    process.communicate()
    (entry,) = place.history()
    assert entry["status"] == "interrupted"
    assert [(one["number"], one["code"]) for one in entry["attempts"]] == [(1, "503")]


def test_forbid_names_who_is_running(server: HttpServer, place: Place) -> None:
    path = place.job(server.url + "/slow/3/forbid", concurrency="forbid")
    process = place.start(path)
    server.wait_for("/slow/3/forbid")
    result = place.chronos("run", path, "-o", "json")
    assert (result.code, result.only["status"]) == (0, "skipped")
    first = finish(process).only
    assert (first["status"], len(server.requests("/slow/3/forbid"))) == ("succeeded", 1)
    message = result.only["message"]
    assert f"execution {first['execution_id']} runs since" in message
    assert f"(pid {process.pid} on " in message
    assert [entry["status"] for entry in place.history()] == ["skipped", "succeeded"]
    # A job that allows it, and one that keeps no state, start beside it.
    assert place.chronos("run", path, "-o", "json").only["status"] == "succeeded"


@pytest.mark.parametrize("attempt", range(3))
def test_of_racing_processes_one_runs(server: HttpServer, place: Place, attempt: int) -> None:
    where = f"/slow/3/race-{attempt}"
    path = place.job(server.url + where, concurrency="forbid")
    processes = [place.start(path) for _ in range(4)]
    results = [finish(process) for process in processes]
    assert [result.code for result in results] == [0] * 4
    statuses = sorted(result.only["status"] for result in results)
    assert statuses == ["skipped", "skipped", "skipped", "succeeded"]
    assert len(server.requests(where)) == 1
    assert all(result.err == "" for result in results)


def told_once(result: Result, *words: str) -> None:
    assert (result.code, result.only["status"]) == (0, "succeeded")
    assert result.err.count("\n") == 1
    assert "going on without it" in result.err
    for word in words:
        assert word in result.err


def test_a_folder_that_cannot_be_written(server: HttpServer, place: Place) -> None:
    path = place.job(server.url + "/status/200", concurrency="forbid")
    for state in ("/proc/chronos/state.sqlite", f"{path}/state.sqlite", str(place.folder)):
        told_once(chronos("run", path, "--state", state, "-o", "json"), "--state PATH")


def test_a_read_only_folder(server: HttpServer, place: Place) -> None:
    path = place.job(server.url + "/status/200")
    folder = place.folder / "locked"
    folder.mkdir()
    state = folder / "state.sqlite"
    # Root may write everywhere unless it gives that right away.
    without = "--bounding-set=-dac_override,-dac_read_search"
    prefix = ["setpriv", without] if os.geteuid() == 0 else []
    if prefix and not shutil.which("setpriv"):
        pytest.skip("root, and no setpriv")

    def run() -> Result:
        line = [*prefix, *command("run", path, "--state", str(state), "-o", "json")]
        done = subprocess.run(line, capture_output=True, text=True, env=environment(), check=False)
        return Result(done.returncode, done.stdout, done.stderr, 0)

    folder.chmod(0o500)
    told_once(run(), "Permission denied")
    folder.chmod(0o700)
    assert run().err == ""
    folder.chmod(0o500)
    told_once(run(), str(state))
    folder.chmod(0o700)
    state.chmod(0o400)
    told_once(run(), str(state))


def test_no_home(server: HttpServer, place: Place) -> None:
    path = place.job(server.url + "/status/200")
    result = chronos("run", path, "-o", "json", env={"HOME": "", "XDG_STATE_HOME": ""})
    told_once(result, "neither XDG_STATE_HOME nor HOME is set")


def limited(place: Place, path: str, size: int) -> Result:
    """Run with a limit on the size of files, which is what a full disk looks like."""
    began = time.monotonic()
    done = subprocess.run(
        command("run", path, "--state", str(place.state), "-o", "json"),
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    return Result(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def test_a_full_disk(server: HttpServer, place: Place) -> None:
    path = place.job(server.url + "/status/200")
    told_once(limited(place, path, 4096), str(place.state))  # not even the tables
    place.chronos("run", path)
    assert len(place.history()) == 1
    told_once(limited(place, path, 4096), str(place.state))  # one that was well before
    place.chronos("run", path)
    assert [entry["status"] for entry in place.history()] == ["succeeded"] * 2


def test_a_disk_that_fills_in_mid_dispatch(server: HttpServer, place: Place) -> None:
    path = place.job(server.url + "/slow/2/filling")
    process = place.start(path)
    server.wait_for("/slow/2/filling")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, 4096))
    told_once(finish(process), str(place.state))
    (entry,) = place.history()
    assert entry["status"] == "interrupted"


@pytest.mark.parametrize("damage", ["text", "newer", "foreign", "cut"])
def test_a_file_that_cannot_be_used(server: HttpServer, place: Place, damage: str) -> None:
    import sqlite3

    path = place.job(server.url + "/status/200")
    place.chronos("run", path)
    db = sqlite3.connect(place.state)
    if damage == "newer":
        db.execute("PRAGMA user_version = 99")
    if damage == "foreign":
        db.execute("PRAGMA application_id = 1")
    db.close()
    if damage == "text":
        place.state.write_text("not a database" * 1000)
    if damage == "cut":
        os.truncate(place.state, 5000)
    words = {"text": "move it away", "newer": "install that one", "foreign": "another program"}
    words["cut"] = "move it away"
    before = place.state.read_bytes()
    told_once(place.chronos("run", path, "-o", "json"), words[damage])
    for name in (["history"], ["replay", "x"]):
        result = place.chronos(*name)
        assert (result.code, result.out) == (3, "")
        assert words[damage] in result.err
    assert place.state.read_bytes() == before


def test_replay_is_the_same_execution(server: HttpServer, place: Place) -> None:
    url = server.url + "/flaky/3/replay?day={{ vars.day }}&at={{ scheduled_time | date('%H') }}"
    path = place.job(url, timezone="Europe/Berlin")
    moment = "2026-11-23T09:00:00+01:00"
    ran = place.chronos(
        "run", path, "--scheduled-time", moment, "--var", "day=monday", "-o", "json"
    ).only
    assert ran["status"] == "unreachable"
    again = place.chronos("replay", ran["execution_id"], "-o", "json").only
    assert again["status"] == "succeeded"
    for key in ("job_id", "execution_id", "scheduled_time", "target"):
        assert again[key] == ran[key], key
    first, *_, last = server.requests("/flaky/3/replay?day=monday&at=09")
    for name in ("x-chronos-execution-id", "x-chronos-scheduled-time", "idempotency-key"):
        assert headers(first)[name] == headers(last)[name]
    seen = [(entry["origin"], entry["status"]) for entry in place.history(ran["execution_id"])]
    assert seen == [("replay", "succeeded"), ("run", "unreachable")]
    refused = place.chronos("replay", ran["execution_id"])
    assert (refused.code, "--force sends it once more" in refused.err) == (2, True)
    assert place.chronos("replay", ran["execution_id"], "--force").code == 0


def test_replay_of_all_that_failed(server: HttpServer, place: Place) -> None:
    good = place.job(server.url + "/status/200", "good")
    later = place.job(server.url + "/flaky/3/later", "later")
    never = place.job(server.url + "/status/404", "never")
    assert place.chronos("run", good, later, never).code == 7
    entry = killed(server, place, "/slow/20/replayed", name="cut-off")
    assert entry["job_id"] == "cut-off"
    place.job(server.url + "/status/200", "cut-off")
    again = ["replay", "--failed", "--since", "1h", "--allow-other-target"]
    shown = place.chronos(*again, "--dry-run", "-o", "json")
    assert [one["job_id"] for one in shown.report["results"]] == ["later", "never", "cut-off"]
    result = place.chronos(*again, "-o", "json")
    assert result.code == 7
    statuses = {one["job_id"]: one["status"] for one in result.report["results"]}
    assert statuses == {"later": "succeeded", "never": "rejected", "cut-off": "succeeded"}
    result = place.chronos("replay", "--failed", "--since", "1h", "-o", "json")
    assert [one["job_id"] for one in result.report["results"]] == ["never"]
    result = place.chronos("replay", "--failed", "--since", "1h", "--job", "good")
    assert (result.code, result.err) == (0, "nothing to replay\n")
    never = place.job(server.url + "/status/404", "never", tags={"team": "a"})
    Path(never).write_text(f"{Path(never).read_text()}\n---\nname: other\nnonsense: ${{UNSET}}\n")
    options = ("replay", "--failed", "--since", "yesterday", "--dry-run", "--tag")
    result = place.chronos(*options, "team=a")
    assert result.code == 0
    assert f"not chosen: {never}:" in result.err
    assert place.chronos(*options, "team=b").err.endswith("nothing to replay\n")


def test_a_recovery_is_told_of_the_same_execution_too(server: HttpServer, place: Place) -> None:
    told = "/status/200?recovered-by-a-replay"
    notice: dict[str, Any] = {"on_recovery": {"webhook": {"url": server.url + told}}}
    path = place.job(server.url + "/status/404", **notice)
    assert place.chronos("run", path, "--execution-id", "one").code == 4
    place.job(server.url + "/status/200", **notice)
    again = ["replay", "one", "--allow-other-target"]
    assert place.chronos(*again).code == 0
    assert len(server.requests(told)) == 1
    assert place.chronos(*again, "--force").code == 0
    assert len(server.requests(told)) == 1


def test_where_a_replay_finds_its_job(server: HttpServer, place: Place) -> None:
    path = place.job(server.url + "/status/404")
    (place.folder / "elsewhere").mkdir()
    ran = place.chronos("run", "a.yaml", "-o", "json", cwd=place.folder).only
    from_elsewhere = {"cwd": place.folder / "elsewhere"}
    assert place.chronos("replay", ran["execution_id"], **from_elsewhere).code == 4
    moved = Path(path).rename(place.folder / "elsewhere" / "b.yaml")
    result = place.chronos("replay", ran["execution_id"])
    assert result.code == 2
    assert f"is not there: looked for at {path}; say where it is now with --jobs PATH" in result.err
    assert place.chronos("replay", ran["execution_id"], "--jobs", str(moved)).code == 4
    other = place.job(server.url + "/status/200", "other")
    result = place.chronos("replay", ran["execution_id"], "--jobs", other)
    assert (result.code, "no job 'a' in these files" in result.err) == (2, True)


def test_replay_of_a_job_from_stdin(server: HttpServer, place: Place) -> None:
    path = place.job(server.url + "/status/404")
    place.chronos("run", "-", "--execution-id", "x", stdin=Path(path).read_text())
    result = place.chronos("replay", "x")
    assert (result.code, "is not known: it was standard input" in result.err) == (2, True)
    assert place.chronos("replay", "x", "--jobs", path).code == 4


def test_replay_uses_the_configuration_of_then(server: HttpServer, place: Place) -> None:
    config = write(place.folder, "dispatcher: {http: {headers: {X-From: config}}}", "operator.yaml")
    path = place.job(server.url + "/status/404?config")
    ran = place.chronos("run", path, "--config", config, "-o", "json").only
    place.chronos("replay", ran["execution_id"])
    requests = server.requests("/status/404?config")
    assert [headers(request)["x-from"] for request in requests] == ["config"] * 2


def test_replay_of_an_id_that_several_jobs_have(server: HttpServer, place: Place) -> None:
    for name in ("a", "b"):
        path = place.job(server.url + "/status/404", name)
        place.chronos("run", path, "--execution-id", "x")
    result = place.chronos("replay", "x")
    assert (result.code, "of several jobs (a, b): add --job" in result.err) == (2, True)
    assert place.chronos("replay", "x", "--job", "a", "-o", "json").only["job_id"] == "a"


class Environments:
    """Jobs of one ID, each in a folder of its own, that go to paths of their own."""

    def __init__(self, server: HttpServer, place: Place) -> None:
        self.server = server
        self.place = place
        self.folders = {name: place.folder / "env" / name for name in ("dev", "prod")}
        for name, folder in self.folders.items():
            folder.mkdir(parents=True)
            Place(folder).job(f"{server.url}/status/404?{name}-{place.folder.name}", "report")

    def run(self, name: str, execution_id: str) -> None:
        path = str(self.folders[name])
        assert self.place.chronos("run", path, "--execution-id", execution_id).code == 4

    def requests(self, name: str) -> int:
        return len(self.server.requests(f"/status/404?{name}-{self.place.folder.name}"))


def test_a_replay_goes_where_the_execution_went(server: HttpServer, place: Place) -> None:
    """`--jobs env/prod` would have sent the development's execution to production."""
    environments = Environments(server, place)
    environments.run("dev", "one")
    prod = environments.folders["prod"]
    result = place.chronos("replay", "one", "--jobs", str(prod))
    url = server.url + "/status/404?{}-" + place.folder.name
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"chronos: 'one' (report) was for POST {url.format('dev')}, and the job in "
        f"{prod / 'report.yaml'} sends to POST {url.format('prod')}; name the file that it ran "
        "from with --jobs PATH, or add --allow-other-target\n"
    )
    assert environments.requests("prod") == 0
    both = str(prod.parent)
    assert place.chronos("replay", "one", "--jobs", both).code == 4
    assert (environments.requests("dev"), environments.requests("prod")) == (2, 0)
    assert place.chronos("replay", "one", "--jobs", str(prod), "--allow-other-target").code == 4
    assert environments.requests("prod") == 1


def test_a_replay_of_one_id_in_several_files(server: HttpServer, place: Place) -> None:
    environments = Environments(server, place)
    environments.run("dev", "one")
    environments.run("prod", "two")
    result = place.chronos("replay", "--failed", "--since", "1h", "-o", "json")
    assert [entry["execution_id"] for entry in result.report["results"]] == ["one", "two"]
    assert (environments.requests("dev"), environments.requests("prod")) == (2, 2)


def test_a_replay_of_one_execution_of_several_files(server: HttpServer, place: Place) -> None:
    """As a schedule gives it: the ID is made of the job's ID and the time."""
    environments = Environments(server, place)
    for name in ("dev", "prod"):
        environments.run(name, "one")
    dev = environments.folders["dev"]
    for chosen in (["one"], ["--failed", "--since", "1h"]):
        result = place.chronos("replay", *chosen)
        assert (result.code, "'one' ran from several files (" in result.err) == (2, True)
        assert place.chronos("replay", *chosen, "--jobs", str(dev)).code == 4
    assert (environments.requests("dev"), environments.requests("prod")) == (3, 1)


def test_a_replay_whose_job_is_in_several_other_files(server: HttpServer, place: Place) -> None:
    environments = Environments(server, place)
    path = place.job(server.url + "/status/404", "report")
    place.chronos("run", path, "--execution-id", "one")
    folder = str(environments.folders["dev"].parent)
    result = place.chronos("replay", "one", "--jobs", folder)
    assert (result.code, "ran from none of them" in result.err) == (2, True)


def test_what_is_running_is_not_replayed(server: HttpServer, place: Place) -> None:
    process = place.start(place.job(server.url + "/slow/20/still"), "--execution-id", "x")
    server.wait_for("/slow/20/still")
    result = place.chronos("replay", "x", "--force")
    assert (result.code, "'x' is still running (pid" in result.err) == (2, True)
    process.send_signal(signal.SIGTERM)
    assert finish(process).code == 143
    (entry,) = place.history()
    assert (entry["status"], len(entry["attempts"])) == ("interrupted", 1)
