"""The control socket: who may speak, what is answered, and that nobody holds the loop up."""

import asyncio
import json
import os
import re
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from chronos_cli.app.control import server
from chronos_cli.app.control.address import control_path, listening
from chronos_cli.app.control.answers import Answers
from chronos_cli.app.control.client import ask
from chronos_cli.app.control.server import ControlServer
from chronos_cli.cron.control import (
    VERSION,
    Answer,
    Done,
    Ended,
    Envelope,
    Jobs,
    LoopStatus,
    PauseJob,
    Request,
    ResumeJob,
    Started,
    Status,
    Trigger,
    line_of,
)
from chronos_cli.errors import NoLoopError, StateError, UsageError
from chronos_cli.jobs.model import Job
from chronos_cli.state.entries import ALL_JOBS
from tests.cron.stage import FakeClock, Stage, job, settle, utc

START = utc("2026-03-02T12:00:30")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, FakeClock(START))


def state_of(stage: Stage) -> Path:
    return stage.folder / "state.sqlite"


@asynccontextmanager
async def controlled(stage: Stage, *jobs: Job) -> AsyncIterator[None]:
    """A loop that plays, with its socket."""
    await stage.play(*jobs)
    path = control_path(state_of(stage))
    answers = Answers(stage.loop, stage.clock, lambda data: data)
    stage.listeners.append(answers.note)
    task = asyncio.create_task(ControlServer(listening(path), path, answers.to).serve())
    await settle()
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not path.exists()
    await stage.stop()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)


async def asked(stage: Stage, request: Request) -> list[Answer]:
    return await asyncio.to_thread(lambda: list(ask(state_of(stage), request)))


async def said(stage: Stage, request: Request) -> str:
    (answer,) = await asked(stage, request)
    assert isinstance(answer, Done)
    return answer.message


def raw(stage: Stage, text: bytes) -> dict[str, Any]:
    """What the loop answers to bytes."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(control_path(state_of(stage))))
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as stream:
            return dict(json.loads(stream.readline()))


class TestWhatIsAnswered:
    def test_the_jobs_and_what_they_do(self, stage: Stage) -> None:
        many = [job(f"job-{number:03}", "0 9 * * *") for number in range(450)]

        async def play() -> list[Answer]:
            async with controlled(stage, job("long", takes=90), *many):
                await stage.clock.advance(40)
                return await asked(stage, Status())

        *parts, loop = asyncio.run(play())
        jobs = [one for part in parts if isinstance(part, Jobs) for one in part.jobs]
        assert isinstance(loop, LoopStatus)
        assert (loop.pid, loop.state, loop.started_at) == (os.getpid(), "running", START)
        assert len(jobs) == 451
        assert jobs[0].running == [stage.sent[0].execution_id]
        assert (jobs[0].next, jobs[0].waiting) == (utc("2026-03-02T12:02:00"), [])
        assert jobs[450].next == utc("2026-03-03T09:00:00")

    def test_pauses_in_words(self, stage: Stage) -> None:
        async def play() -> list[str]:
            async with controlled(stage, job("a"), job("b")):
                return [
                    await said(stage, PauseJob("a", "migration")),
                    await said(stage, PauseJob("a")),
                    await said(stage, PauseJob("a", "longer", utc("2026-03-02T14:00:00"))),
                    await said(stage, PauseJob(ALL_JOBS)),
                    await said(stage, ResumeJob("a")),
                    await said(stage, PauseJob("a")),
                    await said(stage, ResumeJob(ALL_JOBS)),
                    await said(stage, ResumeJob(ALL_JOBS)),
                    await said(stage, ResumeJob("a", catch_up=True)),
                    await said(stage, ResumeJob("a")),
                    await said(stage, ResumeJob(ALL_JOBS)),
                ]

        lines = asyncio.run(play())
        expected = [
            "a is paused: ticks are passed over",
            "a is paused already, by ",
            "a is paused anew; before that by ",
            "all jobs are paused: ticks",
            "a is resumed; it stays paused with all jobs, by ",
            "a is paused: ",
            "all jobs are resumed; the ticks that were passed over are not made up for "
            "(--catch-up does); on their own stay paused: a",
            "all jobs are not paused; on their own are a: resume these by their IDs",
            "a is resumed; nothing is to be made up for",
            "a is not paused",
            "all jobs are not paused",
        ]
        for line, beginning in zip(lines, expected, strict=True):
            assert line.startswith(beginning), line
        assert "migration" in lines[1]

    @pytest.mark.parametrize(("job_id", "whose"), [("a", "its"), (ALL_JOBS, "their")])
    def test_what_is_made_up_for_in_words(self, stage: Stage, job_id: str, whose: str) -> None:
        async def play() -> str:
            async with controlled(stage, job("a", missed_runs="execute_all"), job("b")):
                await said(stage, PauseJob(job_id))
                await stage.clock.advance(120)
                return await said(stage, ResumeJob(job_id, catch_up=True))

        line = asyncio.run(play())
        assert re.search(rf"[23] executions to make up for {whose} ticks, as missed_runs", line), (
            line
        )

    @pytest.mark.parametrize(
        ("request_", "message"),
        [
            (PauseJob("nigthly"), "no job 'nigthly' in this loop; did you mean 'nightly'?"),
            (ResumeJob("x\x1b[2J"), "no job 'x\x1b[2J' in this loop"),
            (Trigger("nighly", wait=True), "did you mean 'nightly'?"),
            (Trigger("off"), "off is disabled (stage.yaml:1:1: enabled: false)"),
        ],
    )
    def test_what_is_refused(self, stage: Stage, request_: Request, message: str) -> None:
        async def play() -> None:
            async with controlled(stage, job("nightly"), job("off", enabled=False)):
                with pytest.raises(UsageError) as caught:
                    await asked(stage, request_)
                assert message in str(caught.value)

        asyncio.run(play())

    def test_a_job_of_a_pause_of_all_is_not_resumed_alone(self, stage: Stage) -> None:
        async def play() -> None:
            async with controlled(stage, job("a")):
                await said(stage, PauseJob(ALL_JOBS, "cleaning"))
                with pytest.raises(UsageError, match=r"with all jobs, by .*cleaning; resume --all"):
                    await asked(stage, ResumeJob("a"))

        asyncio.run(play())

    def test_a_trigger_that_is_waited_for(self, stage: Stage) -> None:
        async def play() -> list[Answer]:
            async with controlled(stage, job("a", "0 9 * * *", takes=30, fails="no such thing")):
                asking = asyncio.create_task(asked(stage, Trigger("a", wait=True)))
                await until(lambda: bool(stage.sent))
                await stage.clock.advance(31)
                return await asking

        first, last = asyncio.run(play())
        identity = stage.sent[0].execution_id
        assert first == Started(identity, "running")
        assert isinstance(last, Ended)
        assert (last.execution_id, last.status, last.attempts) == (identity, "rejected", 1)
        assert last.message == "no such thing"

    def test_one_that_waits_for_room_and_one_that_is_skipped(self, stage: Stage) -> None:
        stage.limit = 1

        async def play() -> list[list[Answer]]:
            jobs = [job("a", "0 9 * * *", takes=30, concurrency="forbid"), job("b", "0 9 * * *")]
            async with controlled(stage, *jobs):
                return [
                    await asked(stage, Trigger("a")),
                    await asked(stage, Trigger("b")),
                    await asked(stage, Trigger("a")),
                ]

        answers = asyncio.run(play())
        states = [one.state for (one,) in answers if isinstance(one, Started)]
        assert states == ["running", "waiting", "skipped"]
        (last,) = answers[2]
        assert isinstance(last, Started)
        assert "is still running" in last.message

    def test_a_loop_that_stops_starts_nothing(self, stage: Stage) -> None:
        async def play() -> None:
            async with controlled(stage, job("a")):
                stage.loop.stop()
                await settle()
                *_, loop = await asked(stage, Status())
                assert isinstance(loop, LoopStatus)
                assert loop.state == "stopping"
                with pytest.raises(UsageError, match="the loop is stopping"):
                    await asked(stage, Trigger("a"))

        asyncio.run(play())


class TestClients:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"\xff\xfe\n", "this is no request"),
            (b"", "this is no request"),
            (b'{"version": 1}\n', "this is no request"),
            (b'{"version": 1, "request": {"type": "burn"}}\n', "this is no request"),
            (b'{"version": 9, "request": {"type": "status"}}\n', "the loop speaks version 1"),
            (b"[" * 100_000, "no longer than"),
            (b'{"a":' * 10_000 + b"\n", "nested too deeply"),
        ],
    )
    def test_nonsense_is_refused(self, stage: Stage, text: bytes, message: str) -> None:
        async def play() -> dict[str, Any]:
            async with controlled(stage, job("a")):
                return await asyncio.to_thread(raw, stage, text)

        answer = asyncio.run(play())
        assert answer["type"] == "refused"
        assert message in answer["message"]

    def test_one_that_says_nothing_or_takes_nothing_holds_nobody_up(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "_PATIENCE", 0.3)
        many = [job(f"job-{number:05}", "0 9 * * *") for number in range(8000)]

        async def play() -> None:
            async with controlled(stage, job("a"), *many):
                with clients(stage, 4) as (silent, *stuck):
                    for one in stuck:
                        one.sendall(b'{"version": 1, "request": {"type": "status"}}\n')
                    await stage.clock.advance(60)
                    assert stage.clocks() == ["12:01"]
                    await said(stage, PauseJob("a"))
                    # All of them are sent away.
                    for one in (silent, *stuck):
                        await asyncio.to_thread(read_all, one)

        asyncio.run(play())

    def test_too_many_are_refused_and_those_before_them_served(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "_MOST_SERVED", 2)

        async def play() -> None:
            async with controlled(stage, job("a")):
                with clients(stage, 2) as waiting:
                    await asyncio.sleep(0.05)
                    with pytest.raises(StateError, match="too many clients"):
                        await asked(stage, Status())
                    for one in waiting:
                        one.close()
                    await asyncio.sleep(0.05)
                assert await asked(stage, Status())

        asyncio.run(play())

    def test_one_that_left_is_waited_for_no_longer(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "_PATIENCE", 0.1)
        line = b'{"version": 1, "request": {"type": "trigger", "job_id": "a", "wait": true}}\n'

        async def play() -> None:
            async with controlled(stage, job("a", "0 9 * * *", takes=600)):
                with clients(stage, 1) as (one,):
                    one.sendall(line)
                    await until(lambda: bool(stage.sent))
                before = len(asyncio.all_tasks())
                await until(lambda: len(asyncio.all_tasks()) < before)

        asyncio.run(play())

    @pytest.mark.parametrize("request_", [Trigger("a"), PauseJob("a"), PauseJob(ALL_JOBS)])
    def test_what_one_has_asked_for_who_left_is_not_done(
        self, stage: Stage, request_: Request
    ) -> None:
        line = line_of(Envelope(VERSION, request_))

        async def play() -> None:
            async with controlled(stage, job("a", "0 9 * * *")):
                # Nothing is read meanwhile: the loop does not run.
                with clients(stage, 1) as (one,):
                    one.sendall(line)
                await asked(stage, Status())
                assert stage.loop.steering.pauses.known() == {}
                assert stage.sent == []
                # Who has said all, and waits, is served.
                await asyncio.to_thread(raw, stage, line)
                assert stage.loop.steering.pauses.known() or stage.sent

        asyncio.run(play())

    def test_another_user_is_refused(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server, "peer_of", lambda _: os.geteuid() + 12345)

        async def play() -> None:
            async with controlled(stage, job("a")):
                with pytest.raises(StateError, match="belongs to another user"):
                    await asked(stage, Status())

        asyncio.run(play())


class clients:  # noqa: N801 - used like a function
    """Connections that say nothing of their own."""

    def __init__(self, stage: Stage, number: int) -> None:
        self._path = str(control_path(state_of(stage)))
        self._open = [socket.socket(socket.AF_UNIX) for _ in range(number)]

    def __enter__(self) -> list[socket.socket]:
        for one in self._open:
            one.settimeout(10)
            one.connect(self._path)
        return self._open

    def __exit__(self, *_: object) -> None:
        for one in self._open:
            one.close()


def read_all(client: socket.socket) -> None:
    with suppress(ConnectionError):
        while client.recv(65536):
            pass


class TestSocket:
    def test_it_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "a-control"
        before = os.umask(0)
        try:
            with listening(path):
                assert stat.S_IMODE(path.lstat().st_mode) == 0o600
        finally:
            os.umask(before)

    def test_that_of_a_killed_loop_is_replaced_and_a_live_one_is_not(self, tmp_path: Path) -> None:
        path = tmp_path / "a-control"
        listening(path).close()
        assert path.exists()
        with listening(path):
            there = path.lstat().st_ino
            with pytest.raises(OSError, match="another process answers on it"):
                listening(path)
            assert path.lstat().st_ino == there

    def test_what_is_no_socket_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "a-control"
        path.write_text("mine")
        with pytest.raises(OSError, match="something else has its name"):
            listening(path)
        assert path.read_text() == "mine"

    def test_a_long_path(self, stage: Stage) -> None:
        stage.folder /= "x" * 120
        stage.folder.mkdir()

        async def play() -> None:
            async with controlled(stage, job("a")):
                assert await asked(stage, Status())

        asyncio.run(play())

    def test_by_a_link_to_the_state(self, stage: Stage) -> None:
        link = stage.folder / "link"

        async def play() -> None:
            async with controlled(stage, job("a")):
                link.symlink_to(state_of(stage))
                assert await asyncio.to_thread(lambda: list(ask(link, Status())))

        asyncio.run(play())


def serving(path: Path, answer: Callable[[socket.socket], None]) -> "asyncio.Future[None]":
    """A far side that is no loop, for one connection."""

    ours = listening(path)
    ours.settimeout(10)

    def serve() -> None:
        with ours:
            connection, _ = ours.accept()
            with connection:
                connection.recv(65536)
                answer(connection)

    return asyncio.get_running_loop().run_in_executor(None, serve)


class TestFarSides:
    """What the client makes of them."""

    def test_there_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(NoLoopError, match="no loop runs on the state"):
            list(ask(tmp_path / "state.sqlite", Status()))
        listening(control_path(tmp_path / "state.sqlite")).close()
        with pytest.raises(NoLoopError, match="no loop runs on the state"):
            list(ask(tmp_path / "state.sqlite", Status()))

    @pytest.mark.parametrize(
        "text",
        [b"nonsense\n", b'{"type": "more"}\n', b"[" * 9_000_000, b'{"a":' * 10_000 + b"\n"],
    )
    def test_one_that_speaks_otherwise(self, tmp_path: Path, text: bytes) -> None:
        def answer(connection: socket.socket) -> None:
            with suppress(ConnectionError):
                connection.sendall(text)

        async def play() -> None:
            path = tmp_path / "state.sqlite"
            serving_one = serving(control_path(path), answer)
            with pytest.raises(StateError, match="cannot read"):
                await asyncio.to_thread(lambda: list(ask(path, Status())))
            await serving_one

        asyncio.run(play())
