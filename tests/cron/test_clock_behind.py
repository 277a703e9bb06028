"""A clock that was set back: what keeps silent, until when, and that it is said."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from chronos_cli.cron.events import EventKind
from tests.cron.stage import FakeClock, Stage, job, utc


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, FakeClock(utc("2026-03-02T12:00:30")))


def test_it_is_told_until_when_jobs_keep_silent(stage: Stage) -> None:
    async def play() -> None:
        await stage.play(job())
        await stage.clock.advance(100)
        was = stage.clock.wall
        stage.clock.set_by(hours=-1)
        await stage.clock.advance(2)
        (behind,) = stage.of(EventKind.CLOCK_BEHIND)
        assert behind["until"] == (was + timedelta(seconds=2)).isoformat()
        assert behind["next"] == "2026-03-02T12:03:00+00:00"
        await stage.stop()

    asyncio.run(play())


def test_a_restart_in_between_tells_it_again(stage: Stage) -> None:
    async def play() -> None:
        await stage.play(job(), job("rare", "0 3 * * *"))
        await stage.clock.advance(100)
        await stage.stop()
        stage.clock.set_by(hours=-1)
        await stage.play(job(), job("rare", "0 3 * * *"))
        await stage.stop()

    asyncio.run(play())
    (behind,) = stage.of(EventKind.CLOCK_BEHIND)
    assert (behind["until"], behind["jobs"]) == ("2026-03-02T12:02:00+00:00", 2)
    assert stage.of(EventKind.STARTED)[-1]["next"] == "2026-03-02T12:03:00+00:00"


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("seconds", [59, 3599, 3 * 3600 - 30, 3 * 3600 + 30])
@pytest.mark.parametrize("schedule", ["* * * * *", "@every 7m"])
def test_the_next_time_is_the_one_that_comes(
    stage: Stage, schedule: str, seconds: int, restarts: bool
) -> None:
    """As the start tells it, and as the live table shows it then and later."""
    one = job(schedule=schedule)

    async def play() -> None:
        await stage.play(one)
        await stage.clock.advance(1800)
        if restarts:
            await stage.stop()
        stage.clock.set_by(seconds=-seconds)
        if restarts:
            await stage.play(one)
            assert stage.of(EventKind.STARTED)[-1]["next"] == stage.next_time()
        await stage.clock.advance(2)
        for _ in range(3):
            coming, count = stage.next_time(), len(stage.sent)
            while len(stage.sent) == count:
                assert stage.next_time() == coming
                await stage.clock.advance(60)
            assert stage.times()[count] == coming
        await stage.stop()

    asyncio.run(play())
    assert len(set(stage.times())) == len(stage.times())


@pytest.mark.parametrize("restarts", [False, True])
def test_a_clock_that_is_set_back_in_the_silence_keeps_it_as_it_is(
    stage: Stage, restarts: bool
) -> None:
    async def play() -> None:
        await stage.play(job())
        await stage.clock.advance(90)
        stage.clock.set_by(hours=-1)
        await stage.clock.advance(600)
        if restarts:
            await stage.stop()
            await stage.play(job())
        stage.clock.set_by(minutes=-30)
        await stage.clock.advance(2)
        untils = [behind["until"][11:16] for behind in stage.of(EventKind.CLOCK_BEHIND)]
        assert set(untils) == {"12:02"}
        assert stage.next_time() == "2026-03-02T12:03:00+00:00"
        await stage.clock.advance(2 * 3600)
        assert stage.clocks()[:3] == ["12:01", "12:02", "12:03"]
        await stage.stop()

    asyncio.run(play())


def test_a_disabled_job_is_not_the_next(stage: Stage) -> None:
    async def play() -> None:
        await stage.play(job(enabled=False), job("b", "0 * * * *"))
        await stage.stop()

    asyncio.run(play())
    (started,) = stage.of(EventKind.STARTED)
    assert started["next"] == "2026-03-02T13:00:00+00:00"


def test_a_schedule_that_is_changed_in_the_silence_fires_nothing_again(stage: Stage) -> None:
    async def play() -> None:
        await stage.play(job(schedule="0 * * * *"))
        await stage.clock.advance(3600)
        assert stage.clocks() == ["13:00"]
        stage.clock.set_by(minutes=-30)
        await stage.clock.advance(2)
        await stage.reload(job(schedule="*/15 * * * *"))
        await stage.clock.advance(3600)
        await stage.stop()

    asyncio.run(play())
    assert stage.clocks() == ["13:00", "12:45", "13:15", "13:30"]


def test_a_small_correction_is_not_worth_a_word(stage: Stage) -> None:
    async def play() -> None:
        await stage.play(job())
        stage.clock.set_by(seconds=-3)
        await stage.clock.advance(100)
        await stage.stop()

    asyncio.run(play())
    assert stage.of(EventKind.CLOCK_BEHIND) == stage.of(EventKind.CLOCK_SET) == []
