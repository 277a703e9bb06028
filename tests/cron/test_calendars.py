"""Jobs with several schedules, bounds and exceptions, in the loop."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chronos_cli.cron.events import EventKind
from chronos_cli.dispatch.execution import scheduled_id
from chronos_cli.jobs.model import Job
from chronos_cli.schedule.calendar import Calendar
from chronos_cli.schedule.exceptions import parse_exemption
from tests.cron.stage import FakeClock, Stage, job, utc
from tests.state.support import outcome

START = utc("2026-03-02T12:00:30")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, FakeClock(START))


def with_calendar(*schedules: str, silent: tuple[str, ...] = (), **keys: Any) -> Job:
    bounds = {name: keys.pop(name) for name in ("starts", "ends") if name in keys}
    exceptions = tuple(map(parse_exemption, silent))
    return job(
        schedule=schedules,
        calendar=Calendar(schedules, "UTC", exceptions=exceptions, **bounds),
        **keys,
    )


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def played() -> None:
        await scene()

    asyncio.run(played())


def test_where_schedules_meet_there_is_one_tick(stage: Stage) -> None:
    async def scene() -> None:
        await stage.play(with_calendar("*/2 * * * *", "*/3 * * * *"))
        await stage.clock.advance(360)
        await stage.stop()

    play(scene)
    assert stage.clocks() == ["12:02", "12:03", "12:04", "12:06"]


def test_bounds_and_exceptions_hold_for_what_was_missed(stage: Stage) -> None:
    one = with_calendar(
        "* * * * *",
        silent=("12:03-12:05",),
        starts=utc("2026-03-02T12:02:00"),
        ends=utc("2026-03-02T12:08:00"),
        missed_runs="execute_all",
    )

    async def scene() -> None:
        await stage.play(one)
        await stage.clock.advance(100)
        await stage.stop()
        stage.clock.suspend(minutes=4)
        await stage.play(one)
        assert stage.next_time() == "2026-03-02T12:07:00+00:00"
        await stage.clock.advance(600)
        assert [time for _, time in stage.loop.upcoming()] == [None]
        await stage.stop()

    play(scene)
    assert stage.clocks() == ["12:02", "12:05", "12:06", "12:07", "12:08"]


def test_other_exceptions_after_a_reload(stage: Stage) -> None:
    async def scene() -> None:
        await stage.play(with_calendar("* * * * *"))
        await stage.clock.advance(60)
        await stage.reload(with_calendar("* * * * *", silent=("12:02-12:04",)))
        await stage.clock.advance(120)
        await stage.reload(with_calendar("* * * * *", silent=("12:02-12:04",)))
        await stage.clock.advance(60)
        await stage.stop()
        stage.clock.suspend(minutes=5)
        # What was silent then is not made up for: another calendar counts from the start on.
        await stage.play(with_calendar("* * * * *", missed_runs="execute_all"))
        await stage.clock.advance(60)
        await stage.stop()

    play(scene)
    assert stage.clocks() == ["12:01", "12:04", "12:10"]
    assert [event.get("changed") for event in stage.of(EventKind.RELOADED)] == [1, None]


class TestOnce:
    one = job(schedule="@at 2026-03-02T12:05")

    def test_never_again_after_it_was_recorded(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.play(self.one)
            await stage.clock.advance(300)
            await stage.stop()
            for change in (-600, 12_000, -20_000):  # back, on, and back by a correction
                stage.clock.set_by(seconds=change)
                await stage.play(self.one)
                await stage.clock.advance(900)
                await stage.reload(job("b"), self.one)
                await stage.clock.advance(10)
                await stage.stop()

        play(scene)
        assert stage.times() == ["2026-03-02T12:05:00+00:00"]

    def test_it_is_made_up_for_once(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.play(self.one)
            await stage.stop()
            stage.clock.suspend(hours=2)
            await stage.play(self.one)
            await stage.stop()
            await stage.play(self.one)
            await stage.clock.advance(60)
            await stage.stop()

        play(scene)
        assert stage.clocks() == ["12:05"]

    def test_what_was_sent_by_hand_is_not_sent_again(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.play(self.one)
            identity = scheduled_id("a", utc("2026-03-02T12:05:00"))
            stage.store.ended(outcome(identity, job_id="a"), origin="run")
            await stage.clock.advance(600)
            await stage.stop()

        play(scene)
        assert stage.times() == []


class TestAtStart:
    def test_once_for_each_start_of_the_loop(self, stage: Stage) -> None:
        one = with_calendar("@reboot", "0 13 * * *", jitter=20.0)

        async def scene() -> None:
            for _ in range(2):
                await stage.play(one)
                await stage.clock.advance(5)
                await stage.reload(one, job("b", schedule="@reboot"))
                await stage.clock.advance(25)
                await stage.stop()

        play(scene)
        first, second = (sent for sent in stage.sent if sent.job_id == "a")
        assert first.execution_id != second.execution_id
        assert first.execution_id == scheduled_id("a", first.scheduled_time)
        assert first.scheduled_time == START
        assert START < first.time < START + timedelta(seconds=20)
        assert stage.times("b") == []

    def test_also_where_the_clock_was_set_back(self, stage: Stage) -> None:
        """Ticks keep silent then; a start of the loop is none."""
        one = with_calendar("@reboot", "* * * * *")

        async def scene() -> None:
            await stage.play(one)
            await stage.clock.advance(60)
            await stage.stop()
            stage.clock.set_by(minutes=-30)
            await stage.play(one)
            await stage.clock.advance(60)
            await stage.stop()

        play(scene)
        assert [time[11:19] for time in stage.times()] == ["12:00:30", "12:01:00", "11:31:50"]

    @pytest.mark.parametrize("keys", [{"enabled": False}, {"silent": ("12:00-13:00",)}])
    def test_not_where_the_job_keeps_silent(self, stage: Stage, keys: dict[str, Any]) -> None:
        async def scene() -> None:
            await stage.play(with_calendar("@reboot", **keys))
            await stage.clock.advance(5)
            await stage.stop()

        play(scene)
        assert stage.sent == []
