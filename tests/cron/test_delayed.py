"""Ticks that jitter puts off: missed, made up for and recorded by the same rules as all others."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chronos_cli.cron.events import EventKind
from chronos_cli.cron.tick import tick
from chronos_cli.jobs.model import Job
from tests.cron.stage import FakeClock, Stage, job, utc

ONE = utc("2026-03-02T13:00:00")
HOUR = timedelta(hours=1)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, FakeClock(utc("2026-03-02T12:00:30")))


def hourly(policy: str) -> Job:
    one = job(schedule="0 * * * *", jitter=3000.0, missed_runs=policy)
    assert timedelta(minutes=1) < starts_at(one) - ONE < timedelta(minutes=49)
    return one


def starts_at(one: Job) -> datetime:
    """When the tick of one o'clock is to start."""
    return tick(one, ONE, ONE + HOUR).starts_at


async def play_until_delayed(stage: Stage, one: Job) -> None:
    """Play until a few seconds after the tick, which waits for its start then."""
    await stage.play(one)
    await stage.clock.advance((ONE - stage.clock.wall).total_seconds() + 5)
    assert stage.sent == []


@pytest.mark.parametrize(
    ("policy", "sent"), [("ignore", []), ("execute_one", ["13:00"]), ("execute_all", ["13:00"])]
)
def test_one_that_was_missed_alone(stage: Stage, policy: str, sent: list[str]) -> None:
    one = hourly(policy)

    async def play() -> None:
        await play_until_delayed(stage, one)
        stage.clock.suspend(seconds=(starts_at(one) - stage.clock.wall).total_seconds() + 60)
        await stage.clock.advance(5)
        assert stage.clocks() == sent
        assert stage.last_tick() == ONE
        await stage.stop()

    asyncio.run(play())
    (missed,) = stage.of(EventKind.MISSED)
    assert (missed["missed"], missed["executing"]) == (1, len(sent))


@pytest.mark.parametrize("gap", ["suspend", "set", "kill"])
@pytest.mark.parametrize(
    ("policy", "sent"),
    [
        ("ignore", ["15:00"]),
        ("execute_one", ["15:00"]),
        ("execute_all", ["13:00", "14:00", "15:00"]),
    ],
)
def test_one_that_was_missed_with_others(
    stage: Stage, policy: str, sent: list[str], gap: str
) -> None:
    one = hourly(policy)

    async def play() -> None:
        await play_until_delayed(stage, one)
        if gap == "set":
            stage.clock.set_by(hours=2)
        elif gap == "suspend":
            stage.clock.suspend(hours=2)
        else:
            await stage.kill()
            stage.clock.suspend(hours=2)
            await stage.play(one)
        await stage.clock.advance(3000)
        assert stage.last_tick() == ONE + 2 * HOUR
        await stage.stop()

    asyncio.run(play())
    assert stage.clocks() == sent


def test_the_example_of_ten_seconds(stage: Stage) -> None:
    one = job(schedule="*/10 * * * * *", jitter=9.0, missed_runs="ignore")

    async def play() -> None:
        await stage.play(one)
        for _ in range(40):
            await stage.clock.advance(11)
            stage.clock.suspend(seconds=41)
        await stage.clock.advance(11)
        await stage.stop()

    asyncio.run(play())
    late = [(sent.time - sent.scheduled_time).total_seconds() for sent in stage.sent]
    assert len(late) > 40
    assert max(late) <= 9 + 10
    times = [sent.scheduled_time for sent in stage.sent]
    assert times == sorted(set(times))


@pytest.mark.parametrize(("policy", "sent"), [("ignore", []), ("execute_one", ["13:00"])])
def test_a_correction_forward_makes_it_a_missed_one(
    stage: Stage, policy: str, sent: list[str]
) -> None:
    one = hourly(policy)

    async def play() -> None:
        await play_until_delayed(stage, one)
        stage.clock.set_by(hours=5, minutes=-1)
        await stage.clock.advance(5)
        assert stage.clocks() == sent
        assert stage.last_tick() > ONE + 4 * HOUR
        await stage.stop()

    asyncio.run(play())


def test_a_start_that_waits_marks_nothing_after_a_correction_back(stage: Stage) -> None:
    """Its tick is one of a time that comes again."""
    stage.limit = 1
    jobs = [job("long", "@every 1h", takes=20), job("waits", "0 * * * *")]

    async def play() -> None:
        stage.clock.set_by(minutes=59, seconds=25)
        await stage.play(*jobs)
        await stage.clock.advance(6)
        assert len(stage.loop._queue) == 1
        stage.clock.set_by(hours=-8)
        await stage.clock.advance(60)
        assert stage.clocks("waits") == ["13:00"]
        await stage.stop()
        stage.clock.suspend(hours=2)
        await stage.play(*jobs)
        await stage.clock.advance(60)
        await stage.stop()

    asyncio.run(play())
    assert stage.clocks("waits") == ["13:00", "07:00"]


class TestReload:
    def test_another_schedule_starts_at_once_what_was_put_off(self, stage: Stage) -> None:
        one = hourly("execute_one")

        async def play() -> None:
            await play_until_delayed(stage, one)
            await stage.reload(job(schedule="*/20 * * * *", jitter=3000.0))
            assert stage.clocks() == ["13:00"]
            await stage.clock.advance(3600)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == sorted(set(stage.clocks()))

    def test_of_a_job_that_is_gone_it_is_dropped_and_told(self, stage: Stage) -> None:
        one = hourly("execute_one")

        async def play() -> None:
            await play_until_delayed(stage, one)
            await stage.reload(job("other"))
            await stage.clock.advance(3600)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == []
        (dropped,) = stage.of(EventKind.DROPPED)
        assert (dropped["job_id"], dropped["message"]) == ("a", "the job is gone")
        assert dropped["scheduled_time"] == ONE.isoformat()


class TestLimits:
    """A tick at the limit is late, no more; one microsecond beyond it was missed."""

    @pytest.mark.parametrize(
        ("beyond", "sent"), [(0.0, ["12:01"]), (0.000001, [])], ids=["at", "beyond"]
    )
    @pytest.mark.parametrize("gap", ["suspend", "restart"])
    def test_of_what_is_late(self, stage: Stage, beyond: float, sent: list[str], gap: str) -> None:
        one = job(missed_runs="ignore")

        async def play() -> None:
            await stage.play(one)
            if gap == "restart":
                await stage.stop()
            until = utc("2026-03-02T12:01:10") + timedelta(seconds=beyond)
            stage.clock.suspend(seconds=(until - stage.clock.wall).total_seconds())
            if gap == "restart":
                await stage.play(one)
            else:
                stage.loop._sleeper.wake()
                await stage.clock.advance(0)
            assert stage.clocks() == sent
            await stage.stop()

        asyncio.run(play())
        assert len(stage.of(EventKind.MISSED)) == 1 - len(sent)

    @pytest.mark.parametrize(
        ("beyond", "sent"), [(0.0, ["12:01"]), (0.000001, [])], ids=["at", "beyond"]
    )
    @pytest.mark.parametrize("gap", ["waiting", "missed"])
    def test_of_the_starting_deadline(
        self, stage: Stage, beyond: float, sent: list[str], gap: str
    ) -> None:
        stage.limit = 1
        one = job(starting_deadline=30.0)
        jobs = [job("long", takes=30.0 + beyond), one] if gap == "waiting" else [one]

        async def play() -> None:
            await stage.play(*jobs)
            if gap == "waiting":
                await stage.clock.advance(30 + 30 + beyond)
            else:
                await stage.stop()
                until = utc("2026-03-02T12:01:30") + timedelta(seconds=beyond)
                stage.clock.suspend(seconds=(until - stage.clock.wall).total_seconds())
                await stage.play(one)
            assert stage.clocks() == sent
            await stage.stop()

        asyncio.run(play())
