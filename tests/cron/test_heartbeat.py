"""The heartbeat: sent while ticks are on time and the state can be written; silence otherwise."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import pytest
from msgspec import structs

from chronos_cli.cron.events import EventKind, Events
from chronos_cli.cron.heartbeat import HeartbeatSender
from chronos_cli.cron.jobset import JobSet
from chronos_cli.jobs.heartbeat import Heartbeat
from chronos_cli.jobs.model import Job
from tests.cron.stage import FakeClock, Stage, job, settle, utc
from tests.support import chronos, write

NAME = "chronos-heartbeat"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, FakeClock(utc("2026-03-02T12:00:30")))


def with_heartbeat(stage: Stage, every: float, *jobs: Job, fails: str = "") -> JobSet:
    heartbeat = Heartbeat(every, job(NAME, fails=fails))
    return structs.replace(stage.jobset(*jobs), heartbeat=heartbeat)


@asynccontextmanager
async def beating(stage: Stage, jobset: JobSet, *jobs: Job) -> AsyncIterator[HeartbeatSender]:
    await stage.play(*jobs)
    events = Events(stage.clock, stage.events.append)
    sender = HeartbeatSender(stage.clock, stage.loop, stage.journal, events)
    sender.adopt(jobset)
    task = asyncio.create_task(sender.serve())
    await settle()
    yield sender
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await stage.stop()


def beats(stage: Stage) -> list[str]:
    return [f"{sent.time:%M:%S}" for sent in stage.sent if sent.job_id == NAME]


def test_it_is_sent_at_once_and_then_again_and_again_and_leaves_no_trace(stage: Stage) -> None:
    async def play() -> None:
        async with beating(stage, with_heartbeat(stage, 60), job("a", "0 9 * * *")):
            await stage.clock.advance(130)
            assert stage.store.running(NAME) is None
            ids = [sent.execution_id for sent in stage.sent]
            assert len(set(ids)) == 3
            assert not any(stage.store.has(one) for one in ids)

    asyncio.run(play())
    assert beats(stage) == ["00:30", "01:30", "02:30"]
    assert {event.kind.value for event in stage.events} == {"started", "draining", "stopped"}


def test_a_tick_that_waits_too_long_for_its_start_holds_it_back(stage: Stage) -> None:
    stage.limit = 1
    jobs = [job("long", "@at 2026-03-02T12:01", takes=200), job("waits", "@at 2026-03-02T12:01")]

    async def play() -> None:
        async with beating(stage, with_heartbeat(stage, 35), *jobs):
            await stage.clock.advance(280)

    asyncio.run(play())
    # One tick has waited for five seconds at the second; then it is late, until it starts.
    assert beats(stage) == ["00:30", "01:05", "04:35", "05:10"]
    (held,) = stage.of(EventKind.HEARTBEAT_HELD)
    assert held["message"] == (
        "the heartbeat is held back: a tick has waited for its start for 40s"
    )
    assert len(stage.of(EventKind.HEARTBEAT_RESTORED)) == 1


def test_a_loop_that_did_not_look_holds_it_back(stage: Stage) -> None:
    async def play() -> None:
        async with beating(stage, with_heartbeat(stage, 1), job("a")):
            await stage.clock.advance(2)
            stage.clock.suspend(seconds=50)
            # Nobody has looked at the tick yet that was due meanwhile.
            assert stage.loop.steering.late_by().total_seconds() == pytest.approx(22)

    asyncio.run(play())
    assert beats(stage) == ["00:30", "00:31", "00:32"]


def test_a_state_that_cannot_be_written_holds_it_back(stage: Stage) -> None:
    async def play() -> None:
        async with beating(stage, with_heartbeat(stage, 10), job("a", "0 9 * * *")):
            stage.store.set_patience(0)
            other = sqlite3.connect(stage.folder / "state.sqlite", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            await stage.clock.advance(25)
            assert beats(stage) == ["00:30"]
            other.execute("ROLLBACK")
            other.close()
            await stage.clock.advance(10)

    asyncio.run(play())
    assert beats(stage) == ["00:30", "01:00"]
    (held,) = stage.of(EventKind.HEARTBEAT_HELD)
    assert held["message"] == "the heartbeat is held back: the state cannot be written"


def test_one_that_does_not_get_through_is_told_of_once(stage: Stage) -> None:
    async def play() -> None:
        jobset = with_heartbeat(stage, 10, fails="no such check")
        async with beating(stage, jobset, job("a", "0 9 * * *")) as sender:
            await stage.clock.advance(25)
            sender.adopt(with_heartbeat(stage, 20))  # a reload: at once
            await stage.clock.advance(21)
            sender.adopt(stage.jobset())
            await stage.clock.advance(60)

    asyncio.run(play())
    (failed,) = stage.of(EventKind.HEARTBEAT_FAILED)
    assert failed["message"] == "the heartbeat did not get through: rejected: no such check"
    assert len(stage.of(EventKind.HEARTBEAT_RESTORED)) == 1
    assert beats(stage) == ["00:30", "00:40", "00:50", "00:55", "01:15"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{every: 5s}", "bad.yaml:1:24: the job has no target"),
        ("", "bad.yaml:1:24: 'heartbeat' has no value"),
        (
            "{every: 5s, webhook: {url: 'http://x/', metod: GET}}",
            "bad.yaml:1:64: unknown key 'metod'",
        ),
        (
            "{every: 10ms, webhook: {url: 'http://x/'}}",
            "bad.yaml:1:32: a heartbeat comes once a second at most",
        ),
        (
            "{every: 5s, webhook: {url: 'http://x/'}, schedule: '@daily'}",
            "bad.yaml:1:65: unknown key 'schedule'",
        ),
        (
            "{webhook: {url: 'http://x/{{ nobody }}'}}",
            "bad.yaml:1:53: template: unknown name 'nobody'",
        ),
    ],
)
def test_it_is_checked_when_the_file_is_read(tmp_path: Path, text: str, message: str) -> None:
    from chronos_cli.dispatch.registry import Registry
    from chronos_cli.jobs.config import read_config
    from chronos_cli.jobs.files import read_file
    from chronos_cli.jobs.heartbeat import read_heartbeat
    from chronos_cli.jobs.interpolate import Sources
    from chronos_cli.redact import Redactor

    path = write(tmp_path, f"scheduler: {{heartbeat: {text}}}\n", "bad.yaml")
    config, problems = read_config(read_file(path, BytesIO()), Registry(), Sources({}, Redactor()))
    assert read_heartbeat(config, Registry(), problems) is None
    (problem,) = problems.sorted()
    assert f"{problem.position}: {problem.message}".endswith(
        message.split(" (did", maxsplit=1)[0]
    ) or (message.split(" (did", maxsplit=1)[0] in f"{problem.position}: {problem.message}")
    assert problem.source is not None


def test_validate_sees_it(tmp_path: Path) -> None:
    write(tmp_path, "scheduler: {heartbeat: {every: 5s}}\n", "chronos.yaml")
    result = chronos("validate", "chronos.yaml", cwd=tmp_path)
    assert result.code == 3
    assert "chronos.yaml:1:24: the job has no target" in result.err
