"""The real program: signals, reload, crashes, and what it says of them."""

import json
import os
import pty
import random
import re
import resource
import signal
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from chronos_cli.dispatch.execution import scheduled_id
from tests.cron.program import Cron, deliveries, wait_until
from tests.support import HttpServer, chronos, command, headers, write


def a_job(url: str, name: str = "a", schedule: str = "@every 1s", more: str = "") -> str:
    return f'name: {name}\nschedule: "{schedule}"\nwebhook: {{url: "{url}"}}\n{more}'


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal, as the kernel tells."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@pytest.fixture
def path() -> str:
    """A path of the server that no other test uses."""
    return f"/status/200?{uuid4().hex}"


class TestStart:
    def test_a_second_loop_on_one_state_is_refused_and_names_the_first(
        self, tmp_path: Path, server: HttpServer, path: str
    ) -> None:
        write(tmp_path, a_job(server.url + path))
        with Cron(tmp_path, "job.yaml") as first:
            first.wait_for("started")
            with Cron(tmp_path, "job.yaml", log="second.jsonl") as second:
                assert second.wait() == 3
                assert f"pid {first.process.pid}" in second.text
                assert "--state" in second.text
            assert first.stop() == 0

    def test_a_link_to_the_state_is_the_state(
        self, tmp_path: Path, server: HttpServer, path: str
    ) -> None:
        write(tmp_path, a_job(server.url + path))
        (tmp_path / "link.sqlite").symlink_to("state.sqlite")
        with Cron(tmp_path, "job.yaml") as first:
            first.wait_for("started")
            with Cron(tmp_path, "job.yaml", "--state", "link.sqlite", log="second") as second:
                assert second.wait() == 3
                assert f"pid {first.process.pid}" in second.text
            assert first.stop() == 0

    def test_a_sighup_while_it_starts_is_no_end(self, tmp_path: Path) -> None:
        jobs = [
            {"name": f"j{n}", "schedule": "@yearly", "webhook": {"url": "http://h/"}}
            for n in range(1500)
        ]
        (tmp_path / "jobs.yaml").write_text(json.dumps({"jobs": jobs}))
        with Cron(tmp_path, "jobs.yaml") as cron:
            # The handler is there when the jobs are read, which takes a while.
            wait_until(lambda: catches(cron.process.pid, signal.SIGHUP))
            cron.send(signal.SIGHUP)
            cron.wait_for("reloaded")
            assert cron.stop() == 0

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (
                "name: a\nschedul: '@daily'\nwebhook: {url: 'http://h/'}\n",
                "did you mean 'schedule'",
            ),
            ("name: a\nwebhook: {url: 'http://h/'}\n", "job.yaml:1:1: no job has a schedule"),
        ],
    )
    def test_invalid_files_and_nothing_scheduled_are_refused(
        self, tmp_path: Path, text: str, told: str
    ) -> None:
        write(tmp_path, text)
        result = chronos("cron", "job.yaml", "--state", "state.sqlite", cwd=tmp_path)
        assert result.code == 3
        assert told in result.err
        assert not (tmp_path / "state.sqlite").exists()

    def test_variables_and_a_choice_of_jobs(
        self, tmp_path: Path, server: HttpServer, path: str
    ) -> None:
        write(tmp_path, a_job(server.url + path, more='payload: "{{ vars.day }}"\n'))
        write(tmp_path, a_job("http://h/${UNSET}", "b"), "b.yaml")
        refused = chronos("cron", "job.yaml", "--state", "state.sqlite", cwd=tmp_path)
        assert (refused.code, refused.err.splitlines()) == (
            3,
            [
                "job.yaml:1:1: the templates of 'a' need vars.day, which is not given "
                "(add --var day=…, or write {{ vars.day | default('…') }})"
            ],
        )
        options = ("--job", "a", "--var", "day=monday", "--concurrency", "1")
        with Cron(tmp_path, ".", *options) as cron:
            (told,) = cron.wait_for("warning")
            assert told["message"].startswith("not chosen: b.yaml:3:26: variable 'UNSET'")
            server.wait_for(path)
            assert cron.stop() == 0
        assert server.requests(path)[0]["body"] == "monday"

    def test_a_state_that_cannot_be_written_is_refused(self, tmp_path: Path) -> None:
        write(tmp_path, a_job("http://127.0.0.1:1/"))
        result = chronos("cron", "job.yaml", "--state", "job.yaml/state", cwd=tmp_path)
        assert result.code == 3
        assert "--state PATH" in result.err

    def test_a_bad_grace_is_a_matter_of_usage(self, tmp_path: Path) -> None:
        result = chronos("cron", "job.yaml", "--grace", "soon", cwd=tmp_path)
        assert result.code == 2
        assert "--grace: 'soon' is not a duration" in result.err


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_drained_stop_is_a_success(
        self, tmp_path: Path, server: HttpServer, number: int
    ) -> None:
        slow = f"/slow/1/{uuid4().hex}"
        write(tmp_path, a_job(server.url + slow))
        with Cron(tmp_path, "job.yaml") as cron:
            server.wait_for(slow)
            assert cron.stop(number) == 0
            ended = cron.events("ended")
            assert ended
            assert {event["status"] for event in ended} == {"succeeded"}
            assert len(ended) == len(server.requests(slow))
            assert cron.events("stopped")

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    def test_what_does_not_end_within_the_grace_is_cut_off(
        self, tmp_path: Path, server: HttpServer, number: int, code: int
    ) -> None:
        write(tmp_path, a_job(f"{server.url}/silent/{uuid4().hex}"))
        with Cron(tmp_path, "job.yaml", "--grace", "300ms") as cron:
            cron.wait_for("fired")
            assert cron.stop(number) == code
            assert {event["status"] for event in cron.events("ended")} == {"interrupted"}
            shown = chronos("history", "--state", "state.sqlite", "--output", "json", cwd=tmp_path)
            assert {entry["status"] for entry in shown.report["results"]} == {"interrupted"}

    def test_a_second_signal_ends_it_at_once(self, tmp_path: Path, server: HttpServer) -> None:
        write(tmp_path, a_job(f"{server.url}/silent/{uuid4().hex}"))
        with Cron(tmp_path, "job.yaml", "--grace", "30s") as cron:
            cron.wait_for("fired")
            cron.send(signal.SIGTERM)
            cron.wait_for("draining")
            began = time.monotonic()
            assert cron.stop(signal.SIGTERM) == 143
            assert time.monotonic() - began < 20  # far below the grace

    def test_notices_of_what_ended_are_still_sent(self, tmp_path: Path, server: HttpServer) -> None:
        told = f"/slow/0.5/{uuid4().hex}"
        notice = f'on_success: {{webhook: {{url: "{server.url}{told}"}}}}\n'
        write(tmp_path, a_job(f"{server.url}/slow/0.5/{uuid4().hex}", more=notice))
        with Cron(tmp_path, "job.yaml") as cron:
            cron.wait_for("fired")
            assert cron.stop() == 0
            assert len(server.requests(told)) == len(cron.events("ended")) > 0
            assert cron.events("notice_failed") == []

    def test_a_terminal_that_is_gone_ends_it(
        self, tmp_path: Path, server: HttpServer, path: str
    ) -> None:
        name = write(tmp_path, a_job(server.url + path))
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(tmp_path)
            arguments = command("cron", name, "--state", str(tmp_path / "state.sqlite"))
            os.execv(arguments[0], arguments)
        server.wait_for(path)
        os.close(terminal)  # the kernel sends SIGHUP
        end = time.monotonic() + 20
        while (done := os.waitpid(child, os.WNOHANG)) == (0, 0):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert os.waitstatus_to_exitcode(done[1]) == 0


class TestReload:
    def test_a_good_set_is_taken_over_and_a_bad_one_refused_as_a_whole(
        self, tmp_path: Path, server: HttpServer, path: str
    ) -> None:
        added = f"/status/200?{uuid4().hex}"
        write(tmp_path, a_job(server.url + path))
        with Cron(tmp_path, str(tmp_path)) as cron:
            server.wait_for(path)
            write(tmp_path, a_job(server.url + added, "b"), "more.yaml")
            write(tmp_path, "name: c\nschedule: 61 * * * *\nwebhook: {}\n", "bad.yaml")
            cron.send(signal.SIGHUP)
            (refused,) = cron.wait_for("reload_refused")
            assert len(refused["problems"]) == 2
            assert all("bad.yaml:" in line for line in refused["problems"])
            seen = len(server.requests(path))
            server.wait_for(path, seen + 2)
            assert server.requests(added) == []
            (tmp_path / "bad.yaml").unlink()
            cron.send(signal.SIGHUP)
            (reloaded,) = cron.wait_for("reloaded")
            assert (reloaded["jobs"], reloaded["added"]) == (2, 1)
            server.wait_for(added)
            assert cron.stop() == 0
        (times,) = deliveries(server, [path]).values()
        assert_no_tick_is_lost(times)

    def test_watch_sees_a_configmap_being_swapped(
        self, tmp_path: Path, server: HttpServer, path: str
    ) -> None:
        """Kubernetes writes a new folder and turns the link `..data` to it."""
        mounted = tmp_path / "jobs"
        mounted.mkdir()
        second = f"/status/200?{uuid4().hex}"
        for folder, url in (("..1", path), ("..2", second)):
            (mounted / folder).mkdir()
            write(mounted / folder, a_job(server.url + url))
        (mounted / "..data").symlink_to("..1")
        (mounted / "job.yaml").symlink_to("..data/job.yaml")
        with Cron(tmp_path, "jobs", "--watch") as cron:
            server.wait_for(path)
            (mounted / "..new").symlink_to("..2")
            (mounted / "..new").rename(mounted / "..data")
            (reloaded,) = cron.wait_for("reloaded", limit=15)
            assert reloaded["changed"] == 1
            server.wait_for(second)
            assert cron.stop() == 0

    def test_watch_sees_the_files_that_jobs_refer_to(
        self, tmp_path: Path, server: HttpServer, path: str
    ) -> None:
        (tmp_path / "token").write_text("first")
        (tmp_path / "body.txt").write_text("one")
        more = "payload_file: body.txt\n"
        job = a_job(server.url + path, more=more).replace(
            '"}', '", headers: {Authorization: "${file:token}"}}'
        )
        write(tmp_path, job)
        with Cron(tmp_path, "job.yaml", "--watch") as cron:
            server.wait_for(path)
            (tmp_path / "token").write_text("second")
            cron.wait_for("reloaded", limit=15)
            (tmp_path / "body.txt").write_text("two")
            cron.wait_for("reloaded", 2, limit=15)
            seen = len(server.requests(path))
            server.wait_for(path, seen + 2)
            assert cron.stop() == 0
        last = server.requests(path)[-1]
        assert (headers(last)["authorization"], last["body"]) == ("second", "two")

    def test_watch_sees_a_file_that_was_missing(
        self, tmp_path: Path, server: HttpServer, path: str
    ) -> None:
        """A job and its secret may arrive in either order."""
        write(tmp_path, a_job(server.url + path))
        with Cron(tmp_path, "job.yaml", "--watch") as cron:
            server.wait_for(path)
            job = a_job(server.url + path, more="tags: {a: '${file:later}'}\n")
            write(tmp_path, job)
            cron.wait_for("reload_refused", limit=15)
            (tmp_path / "later").write_text("here")
            cron.wait_for("reloaded", limit=15)
            assert cron.stop() == 0

    def test_standard_input_cannot_be_read_again(self, tmp_path: Path, server: HttpServer) -> None:
        name = write(tmp_path, a_job(f"{server.url}/status/200?{uuid4().hex}"))
        with Cron(tmp_path, "-", stdin=Path(name)) as cron:
            cron.wait_for("fired")
            cron.send(signal.SIGHUP)
            (refused,) = cron.wait_for("reload_refused")
            assert "standard input cannot be read again" in refused["message"]
            assert cron.stop() == 0


def assert_no_tick_is_lost(times: list[tuple[datetime, str]]) -> None:
    """Every second from the first to the last has one execution ID, and no other."""
    ids: dict[datetime, set[str]] = {}
    for moment, execution_id in times:
        ids.setdefault(moment, set()).add(execution_id)
    moments = sorted(ids)
    first, last = moments[0], moments[-1]
    seconds = int((last - first).total_seconds())
    assert moments == [first + timedelta(seconds=n) for n in range(seconds + 1)]
    assert all(len(found) == 1 for found in ids.values())
    assert len({one for found in ids.values() for one in found}) == len(ids)


def test_kill_9_at_any_moment_loses_no_tick_and_gives_none_two_ids(
    tmp_path: Path, server: HttpServer
) -> None:
    """At twenty random instants, four loops side by side.

    CHRONOS_TEST_KILLS makes it longer, CHRONOS_TEST_SEED the same again.
    """
    kills = int(os.environ.get("CHRONOS_TEST_KILLS", "20"))
    seed = int(os.environ.get("CHRONOS_TEST_SEED", "0")) or random.SystemRandom().randrange(10**6)
    loops = 4
    folders = [tmp_path / str(number) for number in range(loops)]
    chances = [random.Random(seed + number) for number in range(loops)]
    with ThreadPoolExecutor(loops) as pool:
        found = pool.map(
            lambda folder, chance: killed(folder, server, -(-kills // loops), chance),
            folders,
            chances,
        )
        for name, sent in [pair for by_job in found for pair in by_job.items()]:
            assert_no_tick_is_lost(sent)
            for moment, execution_id in sent:
                assert execution_id == scheduled_id(name, moment), f"seed {seed}"


def killed(
    folder: Path, server: HttpServer, kills: int, chance: random.Random
) -> dict[str, list[tuple[datetime, str]]]:
    """Kill a loop again and again, let the last one end; return what arrived, by job."""
    folder.mkdir()
    paths = {"a": f"/slow/0.3/{uuid4().hex}", "b": f"/status/200?{uuid4().hex}"}
    # On a busy machine a start takes longer than a tick may be late.
    jobs = [
        a_job(server.url + path, name, more="missed_runs: execute_all\n")
        for name, path in paths.items()
    ]
    write(folder, "---\n".join(jobs))
    for _ in range(kills):
        with Cron(folder, "job.yaml") as cron:
            cron.wait_for("started")
            time.sleep(chance.uniform(0, 1.5))
            cron.process.kill()
    with Cron(folder, "job.yaml") as cron:
        cron.wait_for("ended", 6)
        assert cron.stop() == 0
    found = deliveries(server, list(paths.values()))
    return {name: found[path] for name, path in paths.items()}


class TestState:
    def test_ignore_leaves_what_was_cut_off(self, tmp_path: Path, server: HttpServer) -> None:
        slow = f"/slow/5/{uuid4().hex}"
        write(tmp_path, a_job(server.url + slow, more="on_interrupted: ignore\n"))
        with Cron(tmp_path, "job.yaml") as cron:
            server.wait_for(slow)
            cron.process.kill()
        with Cron(tmp_path, "job.yaml", "--grace", "0s") as cron:
            (recovered, *_) = cron.wait_for("recovered")
            assert recovered["action"] == "ignore"
            cron.stop()
        first = headers(server.requests(slow)[0])["x-chronos-execution-id"]
        ids = [headers(request)["x-chronos-execution-id"] for request in server.requests(slow)]
        assert ids.count(first) == 1

    def test_a_disk_that_fills_up_later_stops_nothing(
        self, tmp_path: Path, server: HttpServer, path: str
    ) -> None:
        write(tmp_path, a_job(server.url + path))
        with Cron(tmp_path, "job.yaml") as cron:
            server.wait_for(path)
            # The log goes to a file as well, so that one may still grow; the state's journal
            # soon would have to.
            size = (tmp_path / "state.sqlite-wal").stat().st_size
            limit = max(size, cron.log.stat().st_size + 8000)
            pid = cron.process.pid
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            seen = len(server.requests(path))
            cron.wait_for("state_failed", limit=60)
            server.wait_for(path, seen + 3)
            infinite = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, infinite)
            cron.wait_for("state_restored")
            assert cron.stop() == 0

    def test_a_state_that_another_process_holds_makes_no_tick_late(
        self, tmp_path: Path, server: HttpServer, path: str
    ) -> None:
        write(tmp_path, a_job(server.url + path))
        with Cron(tmp_path, "job.yaml") as cron:
            cron.wait_for("ended")
            holder = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            cron.wait_for("state_failed")
            cron.wait_for("ended", len(cron.events("ended")) + 4)
            holder.execute("ROLLBACK")
            holder.close()
            cron.wait_for("state_restored")
            cron.wait_for("ended", len(cron.events("ended")) + 1)
            assert cron.stop() == 0
            # Less than the five seconds for which others wait.
            assert max(event["late_ms"] for event in cron.events("fired")) < 4000
            # What ended meanwhile is known all the same.
            ended = {event["execution_id"] for event in cron.events("ended")}
            assert len(server.requests(path)) == len(ended)
        shown = chronos("history", "--state", "state.sqlite", "--output", "json", cwd=tmp_path)
        results = shown.report["results"]
        assert {entry["execution_id"] for entry in results} == ended
        assert {entry["status"] for entry in results} == {"succeeded"}

    def test_what_ends_while_the_state_is_held_is_recorded_before_the_stop(
        self, tmp_path: Path, server: HttpServer
    ) -> None:
        slow = f"/slow/1/{uuid4().hex}"
        write(tmp_path, a_job(server.url + slow))
        with Cron(tmp_path, "job.yaml") as cron:
            server.wait_for(slow)
            holder = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            cron.send(signal.SIGTERM)
            cron.wait_for("ended")
            time.sleep(0.5)
            holder.execute("ROLLBACK")
            holder.close()
            assert cron.wait() == 0
        shown = chronos("history", "--state", "state.sqlite", "--output", "json", cwd=tmp_path)
        assert {entry["status"] for entry in shown.report["results"]} == {"succeeded"}

    def test_a_state_that_is_held_at_the_start_hides_no_missed_run(
        self, tmp_path: Path, server: HttpServer, path: str
    ) -> None:
        write(tmp_path, a_job(server.url + path, schedule="* * * * * *"))
        with Cron(tmp_path, "job.yaml") as cron:
            cron.wait_for("ended")
            assert cron.stop() == 0
        with sqlite3.connect(tmp_path / "state.sqlite") as db:
            db.execute("UPDATE ticks SET scheduled_time = '2026-01-01T00:00:00+00:00'")
        holder = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with Cron(tmp_path, "job.yaml") as cron:
            time.sleep(1.5)
            holder.execute("ROLLBACK")
            holder.close()
            cron.wait_for("missed")
            assert cron.stop() == 0

    def test_a_state_that_is_deleted_is_told_of(
        self, tmp_path: Path, server: HttpServer, path: str
    ) -> None:
        write(tmp_path, a_job(server.url + path))
        with Cron(tmp_path, "job.yaml") as cron:
            cron.wait_for("ended")
            (tmp_path / "state.sqlite").unlink()
            (told, *_) = cron.wait_for("state_failed")
            assert "was moved or deleted" in told["message"]
            seen = len(server.requests(path))
            server.wait_for(path, seen + 2)
            assert cron.stop() == 0
            assert cron.events("state_restored") == []

    def test_a_notice_that_was_cut_off_is_sent_again_under_its_own_id(
        self, tmp_path: Path, server: HttpServer, path: str
    ) -> None:
        told = f"/slow/5/{uuid4().hex}"
        notice = f'on_success: {{webhook: {{url: "{server.url}{told}"}}}}\n'
        write(tmp_path, a_job(server.url + path, schedule="@every 1h", more=notice))
        # The first tick is made up for, so that there is one.
        with Cron(tmp_path, "job.yaml") as cron:
            cron.wait_for("started")
            assert cron.stop() == 0
        with sqlite3.connect(tmp_path / "state.sqlite") as db:
            db.execute("UPDATE ticks SET scheduled_time = '2026-01-01T00:00:00+00:00'")
        with Cron(tmp_path, "job.yaml") as cron:
            server.wait_for(told)
            cron.process.kill()
        with Cron(tmp_path, "job.yaml") as cron:
            (recovered,) = cron.wait_for("recovered")
            server.wait_for(told, 2)
            assert cron.stop(limit=60) == 0
        ids = [headers(request)["x-chronos-execution-id"] for request in server.requests(told)]
        (sent,) = [headers(one)["x-chronos-execution-id"] for one in server.requests(path)]
        assert ids == [f"{sent}.on_success"] * 2
        assert recovered["execution_id"] == ids[0]
        assert len({request["body"] for request in server.requests(told)}) == 1
        with Cron(tmp_path, "job.yaml") as cron:
            cron.wait_for("started")
            assert cron.stop() == 0
            assert cron.events("recovered") == []


class TestTold:
    def test_what_is_dangerous_is_told_at_the_start_and_at_a_reload(self, tmp_path: Path) -> None:
        job = a_job("https://127.0.0.1:1/", schedule="@yearly")
        write(tmp_path, job.replace('"}', '", tls: {insecure_skip_verify: true}}'))
        with Cron(tmp_path, "job.yaml") as cron:
            (told,) = cron.wait_for("warning")
            assert "insecure_skip_verify" in told["message"]
            assert told["jobs"] == ["a"]
            cron.wait_for("started")
            cron.send(signal.SIGHUP)
            cron.wait_for("warning", 2)
            assert cron.stop() == 0

    def test_text_lines_hold_no_secret_and_no_line_breaks(
        self, tmp_path: Path, server: HttpServer
    ) -> None:
        job = a_job(f"{server.url}/echo-auth/x", more="retry_policy: {max_attempts: 1}\n").replace(
            "}\n", ', headers: {Authorization: "Bearer ${TOKEN}"}}\n', 1
        )
        write(tmp_path, job)
        env = {"TOKEN": "s3cret-of-the-house"}
        with Cron(tmp_path, "job.yaml", log_format="text", env=env) as cron:
            end = time.monotonic() + 20
            while " event=ended " not in cron.text:
                assert time.monotonic() < end, cron.text
                time.sleep(0.05)
            assert cron.stop() == 0
            assert "s3cret" not in cron.text
            assert "status=rejected code=400" in cron.text
            head = re.compile(r"time=20\S{21}\+00:00 level=(info|error) event=\w+")
            assert all(head.match(line) for line in cron.text.splitlines())

    def test_the_service_manager_is_told(
        self, tmp_path: Path, server: HttpServer, path: str
    ) -> None:
        write(tmp_path, a_job(server.url + path))
        address = str(tmp_path / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(address)
            manager.settimeout(15)
            env = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"}

            def next_but_alive() -> list[str]:
                while (message := manager.recv(4096).decode()) == "WATCHDOG=1":
                    pass
                return message.split("\n")

            with Cron(tmp_path, "job.yaml", env=env) as cron:
                assert next_but_alive() == ["READY=1"]
                alive = [time.monotonic() for _ in range(4) if manager.recv(4096) == b"WATCHDOG=1"]
                assert len(alive) == 4
                cron.send(signal.SIGHUP)
                reloading, since = next_but_alive()
                assert reloading == "RELOADING=1"
                assert abs(int(since.partition("=")[2]) / 1e6 - time.monotonic()) < 10
                assert next_but_alive() == ["READY=1"]
                cron.send(signal.SIGTERM)
                assert next_but_alive() == ["STOPPING=1"]
                assert cron.wait() == 0
