"""What an earlier loop leaves behind: executions, notices, and ticks of jobs that were away."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from chronos_cli.cron.events import EventKind
from chronos_cli.jobs.model import Job
from tests.cron.stage import FakeClock, Stage, job, utc


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, FakeClock(utc("2026-03-02T12:00:30")))


def failing(notice_takes: float = 0.0) -> Job:
    return job(schedule="0 * * * *", fails="no", notices=["on_failure"], notice_takes=notice_takes)


async def play_until_the_notice_is_cut_off(stage: Stage) -> None:
    await stage.play(failing(notice_takes=30))
    await stage.clock.advance(3580)
    assert [sent.outcome is not None for sent in stage.sent] == [False, True]
    await stage.kill()


class TestNotices:
    def test_one_that_was_cut_off_is_sent_again(self, stage: Stage) -> None:
        async def play() -> None:
            await play_until_the_notice_is_cut_off(stage)
            for _ in range(2):
                await stage.play(failing())
                await stage.clock.advance(1)
                await stage.stop()

        asyncio.run(play())
        _, first, second = stage.sent
        assert first.execution_id == second.execution_id
        assert first.execution_id.endswith(".on_failure")
        assert (first.outcome, first.scheduled_time) == (second.outcome, second.scheduled_time)
        (recovered,) = stage.of(EventKind.RECOVERED)
        assert (recovered["execution_id"], recovered["action"]) == (first.execution_id, "retry")

    def test_one_that_is_cut_off_again_is_sent_once_more(self, stage: Stage) -> None:
        async def play() -> None:
            await play_until_the_notice_is_cut_off(stage)
            await stage.play(failing(notice_takes=30))
            await stage.clock.advance(1)
            await stage.kill()
            await stage.play(failing())
            await stage.stop()

        asyncio.run(play())
        assert len(stage.sent) == 4
        assert len({sent.execution_id for sent in stage.sent}) == 2

    @pytest.mark.parametrize(
        ("then", "reason"),
        [
            (job("other"), "the job is gone"),
            (job(schedule="0 * * * *"), "the job has no on_failure any more"),
        ],
    )
    def test_one_that_nobody_wants_any_more_is_told(
        self, stage: Stage, then: Job, reason: str
    ) -> None:
        async def play() -> None:
            await play_until_the_notice_is_cut_off(stage)
            for _ in range(2):
                await stage.play(then)
                await stage.stop()

        asyncio.run(play())
        assert len(stage.sent) == 2
        (failed,) = stage.of(EventKind.NOTICE_FAILED)
        assert failed["execution_id"] == stage.sent[1].execution_id
        assert reason in failed["message"]

    def test_one_that_has_ended_is_not_sent_again(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(failing())
            await stage.clock.advance(3600)
            await stage.kill()
            await stage.play(failing())
            await stage.stop()

        asyncio.run(play())
        assert len(stage.sent) == 2

    def test_one_that_ends_while_the_state_cannot_be_written_is_not_recorded_later(
        self, stage: Stage
    ) -> None:
        async def play() -> None:
            await stage.play(failing())
            holder = sqlite3.connect(stage.folder / "state.sqlite", isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            stage.store.set_patience(0.01)
            await stage.clock.advance(3600)
            assert stage.of(EventKind.STATE_FAILED)
            holder.execute("ROLLBACK")
            holder.close()
            await stage.stop()
            await stage.play(failing())
            await stage.stop()

        asyncio.run(play())
        assert len(stage.sent) == 2
        assert stage.of(EventKind.RECOVERED) == []


class TestExecutions:
    def test_those_of_other_commands_are_left_alone(self, stage: Stage) -> None:
        """A killed `run` is for whoever ran it to replay."""

        async def play() -> None:
            await stage.play(job())
            stage.store.started("x", "a", stage.clock.now(), origin="run")
            await stage.kill()
            await stage.play(job())
            await stage.stop()

        asyncio.run(play())
        assert stage.of(EventKind.RECOVERED) == []
        assert stage.sent == []

    def test_a_tick_that_is_sent_again_does_not_count_again(self, stage: Stage) -> None:
        """The clock was corrected meanwhile: its tick is one of a time that is yet to come."""
        one = job(schedule="0 * * * *", takes=30)

        async def play() -> None:
            stage.clock.set_by(hours=8, minutes=59)
            await stage.play(one)
            await stage.clock.advance(40)
            assert stage.clocks() == ["21:00"]
            await stage.kill()
            stage.clock.set_by(hours=-8)
            await stage.play(one)
            await stage.clock.advance(40)
            await stage.stop()
            stage.clock.suspend(hours=2)
            await stage.play(one)
            await stage.clock.advance(40)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["21:00", "21:00", "15:00"]


class TestJobsThatWereAway:
    """A job has missed nothing while it did not exist."""

    ALL = job(missed_runs="execute_all")

    async def _away(self, stage: Stage, way: str) -> None:
        both, without = (self.ALL, job("b")), (job("b"),)
        if way == "reload":
            await stage.reload(*without)
            await stage.clock.advance(300)
            await stage.reload(*both)
        elif way == "back while it is down":
            await stage.reload(*without)
            await stage.clock.advance(60)
            await stage.stop()
            stage.clock.suspend(seconds=220)
            await stage.play(*both)
        else:
            await stage.stop()
            await stage.play(*without)
            await stage.clock.advance(260)
            await stage.stop()
            await stage.play(*both)

    @pytest.mark.parametrize("way", ["reload", "back while it is down", "away at a start"])
    def test_however_they_went_and_came(self, stage: Stage, way: str) -> None:
        async def play() -> None:
            await stage.play(self.ALL, job("b"))
            await stage.clock.advance(60)
            await self._away(stage, way)
            assert stage.clocks() == ["12:01"]
            await stage.clock.advance(70)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks()[1] >= "12:06"
        assert stage.of(EventKind.MISSED, "a") == []
