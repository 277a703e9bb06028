"""What a store keeps and tells."""

import multiprocessing
import os
import sqlite3
import subprocess
import time
from datetime import datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from chronos_cli.cli.recording import default_path
from chronos_cli.dispatch.outcome import Attempt, Status
from chronos_cli.errors import StateError
from chronos_cli.redact import Redactor
from chronos_cli.state import schema
from chronos_cli.state.entries import (
    HistoryFilter,
    HistoryStatus,
    LastTick,
    Snapshot,
    UnfinishedNotice,
)
from chronos_cli.state.process import Process, is_alive, this_process
from chronos_cli.state.store import Store
from tests.state.support import TICK, HandClock, outcome, store_in


def change(folder: Path, statement: str, *values: object) -> None:
    db = sqlite3.connect(folder / "state.sqlite")
    db.execute(statement, values)
    db.commit()
    db.close()


def test_an_execution_from_start_to_end(tmp_path: Path) -> None:
    clock = HandClock()
    store = store_in(tmp_path, clock)
    berlin = TICK.astimezone(ZoneInfo("Europe/Berlin"))
    snapshot = Snapshot(job_name="Report", protocol="http", target="far", file="/j.yaml")
    store.started("x1", "report", berlin, origin="run", snapshot=snapshot)
    (entry,) = store.history(HistoryFilter())
    assert (entry.status, entry.ended_at, entry.pid) == (HistoryStatus.RUNNING, None, os.getpid())
    assert (entry.job_name, entry.target, entry.snapshot.file) == ("Report", "far", "/j.yaml")
    first = Attempt(number=1, started_at=TICK.isoformat(), duration_ms=1, status=Status.TIMED_OUT)
    store.attempt("x1", first)
    clock.turn(3)
    second = Attempt(number=2, started_at=TICK.isoformat(), duration_ms=1, status=Status.SUCCEEDED)
    store.ended(outcome("x1", code="200", attempts=[first, second]), origin="run")
    (entry,) = store.find("x1")
    assert (entry.status, entry.code, entry.attempts) == ("succeeded", "200", [first, second])
    assert entry.ended_at == entry.started_at + timedelta(seconds=3)
    assert entry.scheduled_time == "2026-11-23T10:00:00+01:00"
    assert store.running("report") is None
    store.close()


def test_one_that_never_started_is_recorded_whole(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.ended(outcome("x", Status.SKIPPED, attempts=[]), origin="run")
    assert [entry.status for entry in store.history(HistoryFilter())] == ["skipped"]


def test_a_replay_is_an_entry_of_its_own(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    for origin, status in (("run", Status.TIMED_OUT), ("replay", Status.SUCCEEDED)):
        store.started("x", "report", TICK, origin=origin)
        store.ended(outcome("x", status), origin=origin)
    seen = [(entry.origin, entry.status) for entry in store.find("x")]
    assert seen == [("replay", "succeeded"), ("run", "timed_out")]


def test_filters(tmp_path: Path) -> None:
    clock = HandClock()
    store = store_in(tmp_path, clock)
    for number in range(6):
        status = Status.REJECTED if number % 2 else Status.SUCCEEDED
        identity, job = f"x{number}", "a" if number < 3 else "b"
        store.started(identity, job, TICK, origin="run")
        if number < 5:
            store.ended(outcome(identity, status, job_id=job), origin="run")
        clock.turn(60)

    def found(**keys: Any) -> list[str]:
        wanted = HistoryFilter(**keys)
        return [entry.execution_id for entry in store.history(wanted)]

    assert found() == ["x5", "x4", "x3", "x2", "x1", "x0"]
    assert found(limit=2) == ["x5", "x4"]
    assert found(jobs=frozenset({"a"})) == ["x2", "x1", "x0"]
    assert found(statuses=frozenset({HistoryStatus.REJECTED})) == ["x3", "x1"]
    assert found(statuses=frozenset({HistoryStatus.RUNNING, HistoryStatus.REJECTED})) == [
        "x5",
        "x3",
        "x1",
    ]
    assert found(statuses=frozenset({HistoryStatus.INTERRUPTED})) == []
    assert found(since=TICK + timedelta(minutes=4)) == ["x5", "x4"]
    assert found(until=TICK + timedelta(minutes=1)) == ["x0"]
    assert found(jobs=frozenset({"b"}), limit=1) == ["x5"]
    assert store.last_status("b") is Status.SUCCEEDED
    assert store.last_status("c") is None


def test_ticks(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    assert store.last_tick("report") is None
    store.mark_tick("report", TICK, "@daily UTC")
    hour = timedelta(hours=1)
    store.started("x", "report", TICK + hour, origin="cron", schedule="@hourly UTC")
    assert store.last_tick("report") == LastTick(TICK + hour, "@hourly UTC")
    running = store.try_begin("y", "report", TICK + timedelta(hours=2), origin="cron", schedule="s")
    assert running
    assert running.execution_id == "x"
    assert store.last_tick("report") == LastTick(TICK + timedelta(hours=2), "s")
    store.keep_ticks({"other"})
    assert store.last_tick("report") is None


def test_the_last_tick_never_goes_back_unless_it_is_meant_to(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    hour = timedelta(hours=1)
    later = (TICK + hour).astimezone(ZoneInfo("America/New_York"))  # "04:…" is later than "09:…"
    store.mark_tick("report", later, "@hourly UTC")
    store.mark_tick("report", TICK, "@hourly UTC")
    store.started("x", "report", TICK, origin="cron", schedule="@hourly UTC")
    assert store.last_tick("report") == LastTick(later, "@hourly UTC")
    store.mark_tick("report", TICK, "@daily UTC")  # another schedule counts anew
    assert store.last_tick("report") == LastTick(TICK, "@daily UTC")
    store.restart_ticks("report", TICK - hour, "@daily UTC")
    assert store.last_tick("report") == LastTick(TICK - hour, "@daily UTC")


def test_calls_together_are_kept_or_lost_as_a_whole(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.started("x", "report", TICK, origin="run")

    def fail() -> None:
        with store.together():
            store.started("y", "report", TICK, origin="run")
            store.ended(outcome("x"), origin="run")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [entry.status for entry in store.history(HistoryFilter())] == ["running"]
    for name in ("x", "y"):
        store.ended(outcome(name), origin="run")
    assert [entry.status for entry in store.history(HistoryFilter())] == ["succeeded"] * 2


def test_the_latest_time_that_was_fired_is_of_loops_alone(tmp_path: Path) -> None:
    clock = HandClock()
    store = store_in(tmp_path, clock)
    assert store.last_fired() is None
    store.started("x", "report", TICK + timedelta(days=9), origin="run")
    assert store.last_fired() is None
    store.started("y", "report", TICK - timedelta(days=1), origin="cron")
    assert store.last_fired() == TICK
    store.started("z", "report", TICK + timedelta(hours=1), origin="cron")
    last = store.last_fired()
    assert last
    assert timedelta(hours=1) <= last - TICK <= timedelta(hours=1, seconds=1)


def test_notices_under_way(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    told = {"status": "rejected", "receipt": {"body": "half a pair: \ud800"}}
    one = UnfinishedNotice("x.on_failure", "report", "on_failure", TICK, told)
    store.notices_began([one])
    (found,) = store.unfinished_notices()
    assert found.outcome == {"status": "rejected", "receipt": {"body": r"half a pair: \ud800"}}
    assert structs.replace(found, outcome=told) == one
    store.notice_ended("x.on_failure")
    assert store.unfinished_notices() == []


def test_the_dead_do_not_run(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.started("x", "report", TICK, origin="run")
    assert store.unfinished() == []
    for column, value in (("pid", 2**22 + 1), ("process_start", "1"), ("boot", "another")):
        kept = store.running("report")
        assert kept
        change(tmp_path, f"UPDATE runs SET {column} = ?", value)
        assert store.running("report") is None, column
        assert [one.execution_id for one in store.unfinished()] == ["x"]
        (entry,) = store.find("x")
        assert entry.status is HistoryStatus.INTERRUPTED
        assert "may have arrived" in entry.message
        original = {"pid": kept.process.pid, "process_start": kept.process.start}
        original["boot"] = kept.process.boot
        change(tmp_path, f"UPDATE runs SET {column} = ?", original[column])


def test_what_is_started_again_is_no_longer_unfinished(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.started("x", "report", TICK, origin="cron")
    store.started("y", "report", TICK, origin="cron")
    change(tmp_path, "UPDATE runs SET boot = 'another'")
    assert [one.execution_id for one in store.unfinished()] == ["x", "y"]
    store.started("x", "report", TICK, origin="cron")
    store.give_up("y")
    assert store.unfinished() == []
    assert [entry.status for entry in store.find("x")] == ["running", "interrupted"]
    assert [entry.status for entry in store.find("y")] == ["interrupted"]


def test_nothing_runs_beyond_its_deadline(tmp_path: Path) -> None:
    clock = HandClock()
    store = store_in(tmp_path, clock)
    store.started("x", "report", TICK, origin="run", deadline=600)
    clock.moment += timedelta(days=1)  # the wall clock was put forward: no time has passed
    assert store.running("report")
    clock.turn(640)
    assert store.running("report")
    clock.turn(40)
    assert store.running("report") is None


def test_another_host_is_believed_until_the_deadline(tmp_path: Path) -> None:
    clock = HandClock()
    store = store_in(tmp_path, clock)
    store.started("x", "report", TICK, origin="cron", deadline=600)
    change(tmp_path, "UPDATE runs SET host = 'elsewhere', pid = 7")
    running = store.running("report")
    assert running
    assert str(running.process) == "pid 7 on elsewhere"
    assert store.unfinished() == []
    clock.turn(700)
    assert store.running("report") is None


def test_whoever_has_the_loop_knows_that_other_loops_are_dead(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.started("x", "report", TICK, origin="cron", deadline=600)
    change(tmp_path, "UPDATE runs SET host = 'elsewhere', pid = 7")
    store.acquire_loop("jobs/")
    assert [one.execution_id for one in store.unfinished()] == ["x"]
    # A `run` elsewhere is no loop.
    change(tmp_path, "UPDATE runs SET origin = 'run'")
    assert store.unfinished() == []
    running = store.running("report")
    assert running
    change(tmp_path, "UPDATE runs SET origin = 'cron'")
    assert store.try_begin("x", "report", TICK, origin="cron") is None
    assert store.unfinished() == []


def hold_the_loop(folder: Path, ready: str) -> None:
    store = store_in(folder)
    store.acquire_loop("jobs/")
    Path(ready).touch()
    time.sleep(60)


def test_one_loop_on_one_file(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    holder = multiprocessing.get_context("spawn").Process(
        target=hold_the_loop, args=(tmp_path, str(ready))
    )
    holder.start()
    while not ready.exists():
        time.sleep(0.02)
    store = store_in(tmp_path)
    with pytest.raises(StateError, match=rf"for jobs/: pid {holder.pid} on "):
        store.acquire_loop("others/")
    holder.kill()
    holder.join()
    store.acquire_loop("others/")
    store.release()
    store.acquire_loop("others/")


def test_a_zombie_is_dead() -> None:
    here = this_process()
    child = subprocess.Popen(["sleep", "60"])
    stat = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    process = Process(child.pid, here.host, here.boot, stat[19])
    assert is_alive(process, here) is True
    child.kill()
    while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    assert is_alive(process, here) is False
    child.wait()
    assert is_alive(process, here) is False


def test_pruning(tmp_path: Path) -> None:
    clock = HandClock()
    store = store_in(tmp_path, clock)
    store.started("running", "report", TICK, origin="run", deadline=10**6)
    for number in range(10):
        store.started(f"x{number}", "report", TICK, origin="run")
        store.ended(outcome(f"x{number}"), origin="run")
        clock.turn(3600)
    assert store.prune(clock.now() - timedelta(hours=5.5), None) == 5
    assert store.prune(None, 3) == 2
    left = [entry.execution_id for entry in store.history(HistoryFilter())]
    assert left == ["x9", "x8", "x7", "running"]
    db = sqlite3.connect(tmp_path / "state.sqlite")
    assert db.execute("SELECT count(*) FROM attempts").fetchone() == (3,)
    db.close()


def test_the_history_is_bounded_without_being_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chronos_cli.state.store.KEPT", 20)
    monkeypatch.setattr("chronos_cli.state.store._PRUNED_EVERY", 10)
    store = store_in(tmp_path)
    for number in range(100):
        store.started(f"x{number}", "report", TICK, origin="run")
        store.ended(outcome(f"x{number}"), origin="run")
    assert len(store.history(HistoryFilter())) <= 30


def test_long_answers_are_cut(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.ended(outcome("x", receipt={"status": 200, "body": "y" * 60_000}), origin="run")
    (entry,) = store.find("x")
    assert len(entry.receipt["body"]) == 2000
    assert entry.receipt["status"] == 200


def test_secrets_are_masked(tmp_path: Path) -> None:
    redactor = Redactor()
    redactor.add("hunter2-hunter2")
    store = store_in(tmp_path, redactor=redactor)
    store.started(
        "x", "report", TICK, origin="run", snapshot=Snapshot(target="http://far/hunter2-hunter2")
    )
    said = "no: hunter2-hunter2"
    store.attempt(
        "x",
        Attempt(number=1, started_at="", duration_ms=1, status=Status.REJECTED, message=said),
    )
    store.ended(outcome("x", message=said, receipt={"body": said}, target=said), origin="run")
    store.close()
    for file in tmp_path.iterdir():
        assert b"hunter2" not in file.read_bytes()


def open_at_once(folders: list[Path], together: Barrier) -> None:
    for folder in folders:
        together.wait(timeout=30)
        store = store_in(folder)
        store.started(f"x{os.getpid()}", "report", TICK, origin="run")
        store.ended(outcome(f"x{os.getpid()}"), origin="run")
        store.close()


def test_many_processes_make_the_file_at_once(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(40)]
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(6)
    processes = [spawn.Process(target=open_at_once, args=(folders, together)) for _ in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 6
    for folder in folders:
        assert len(store_in(folder).history(HistoryFilter())) == 6


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "a" / "b" / "state.sqlite", Redactor())
    store.mark_tick("report", TICK, "s")
    folder = tmp_path / "a" / "b"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    store_in(tmp_path).close()
    change(tmp_path, f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(StateError, match="written by a newer chronos"):
        store_in(tmp_path)


def test_an_older_file_is_brought_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_in(tmp_path)
    store.ended(outcome("x"), origin="run")
    store.close()
    added = (*schema.MIGRATIONS, "ALTER TABLE runs ADD COLUMN added TEXT;\nCREATE TABLE more (x)")
    monkeypatch.setattr(schema, "MIGRATIONS", added)
    monkeypatch.setattr(schema, "VERSION", len(added))
    monkeypatch.setattr("chronos_cli.state.database.VERSION", len(added))
    for _ in range(2):
        store = store_in(tmp_path)
        assert [entry.execution_id for entry in store.history(HistoryFilter())] == ["x"]
        store.close()
    change(tmp_path, "INSERT INTO more VALUES (1)")


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_in(tmp_path).close()
    broken = (*schema.MIGRATIONS, "CREATE TABLE more (x);\nno such statement")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", broken)
        patch.setattr(schema, "VERSION", len(broken))
        patch.setattr("chronos_cli.state.database.VERSION", len(broken))
        with pytest.raises(StateError):
            store_in(tmp_path)
    store_in(tmp_path).close()


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    change(tmp_path, "CREATE TABLE theirs (x)")
    before = (tmp_path / "state.sqlite").read_bytes()
    with pytest.raises(StateError, match="of another program"):
        store_in(tmp_path)
    assert (tmp_path / "state.sqlite").read_bytes() == before


def test_a_file_that_is_damaged_later(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    for number in range(50):
        store.ended(outcome(f"x{number}"), origin="run")
    store.close()
    path = tmp_path / "state.sqlite"
    raw = bytearray(path.read_bytes())
    raw[4096 * 2 :] = b"\xa5" * (len(raw) - 4096 * 2)
    path.write_bytes(raw)
    store = store_in(tmp_path)
    with pytest.raises(StateError, match="move it away"):
        store.ended(outcome("y"), origin="run")


def test_a_locked_file_is_waited_for_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chronos_cli.state.database._PATIENCE", 0.3)
    store = store_in(tmp_path)
    other = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="locked by another process"):
        store.mark_tick("report", TICK, "s")
    other.execute("ROLLBACK")
    store.mark_tick("report", TICK, "s")  # usable as before
    assert store.last_tick("report") == LastTick(TICK, "s")
    other.close()


def test_the_default_path() -> None:
    assert default_path({"XDG_STATE_HOME": "/s", "HOME": "/h"}) == Path("/s/chronos/state.sqlite")
    home = {"XDG_STATE_HOME": "", "HOME": "/h"}
    assert default_path(home) == Path("/h/.local/state/chronos/state.sqlite")
    with pytest.raises(StateError, match="--state"):
        default_path({})


def test_times_are_aware(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.started("x", "report", TICK, origin="run")
    running = store.running("report")
    assert running
    times: list[datetime] = [running.started_at, running.scheduled_time]
    assert all(moment.tzinfo for moment in times)
