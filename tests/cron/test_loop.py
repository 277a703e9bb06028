"""The rules of the loop, in an injected time."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chronos_cli.cron import sleep, timer
from chronos_cli.cron.events import EventKind
from chronos_cli.cron.pending import PendingStart
from chronos_cli.dispatch.execution import scheduled_id
from chronos_cli.schedule.calendar import Calendar, next_tick
from chronos_cli.schedule.timetable import fires
from tests.cron.stage import FakeClock, Stage, job, utc

Play = Callable[[Stage], Coroutine[Any, Any, None]]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, FakeClock(utc("2026-03-02T12:00:30")))


def test_every_tick_fires_once_at_its_instant_under_its_own_id(stage: Stage) -> None:
    async def play() -> None:
        await stage.play(job(), job("b", "*/2 * * * *"))
        await stage.clock.advance(300)
        await stage.stop()

    asyncio.run(play())
    assert stage.clocks() == ["12:01", "12:02", "12:03", "12:04", "12:05"]
    assert stage.clocks("b") == ["12:02", "12:04"]
    assert all(sent.time == sent.scheduled_time for sent in stage.sent)
    assert all(
        sent.execution_id == scheduled_id(sent.job_id, sent.scheduled_time) for sent in stage.sent
    )
    assert [fields["status"] for fields in stage.of(EventKind.ENDED)] == ["succeeded"] * 7


def test_jobs_of_one_schedule_share_one_computation(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Calendar] = []
    original = next_tick

    def counted(calendar: Calendar, after: datetime) -> datetime:
        asked.append(calendar)
        return original(calendar, after)

    monkeypatch.setattr(timer, "next_tick", counted)

    async def play() -> None:
        await stage.play(*[job(f"job-{number}") for number in range(500)])
        await stage.clock.advance(60)
        await stage.stop()

    asyncio.run(play())
    assert len(stage.sent) == 500
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("zone", "start", "schedule", "hours"),
    [
        ("America/New_York", "2024-03-09T12:00:00", "30 2 * * *", 60),
        ("America/New_York", "2024-11-02T12:00:00", "30 1 * * *", 60),
        ("America/New_York", "2024-11-02T12:00:00", "*/30 * * * *", 30),
        ("Australia/Lord_Howe", "2024-10-05T00:00:00", "15 2 * * *", 40),
    ],
)
def test_a_run_across_a_change_of_the_clocks_fires_what_the_timetable_says(
    tmp_path: Path, zone: str, start: str, schedule: str, hours: int
) -> None:
    stage = Stage(tmp_path, FakeClock(utc(start)))

    async def play() -> None:
        await stage.play(job(schedule=schedule, timezone=zone))
        await stage.clock.advance(hours * 3600)
        await stage.stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sleep, "LONGEST", 600.0)  # days pass here
        asyncio.run(play())
    end = utc(start) + timedelta(hours=hours)
    expected = []
    for time in fires(schedule, zone, utc(start)):
        if time > end:
            break
        expected.append(time.isoformat())
    assert expected
    assert stage.times() == expected


class TestOverlap:
    def test_allow_runs_them_side_by_side(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(takes=150))
            await stage.clock.advance(100)
            assert len(stage.sent) == 2
            await stage.stop(grace=200)

        asyncio.run(play())
        assert [fields["status"] for fields in stage.of(EventKind.ENDED)] == ["succeeded"] * 2

    def test_forbid_skips_and_names_what_runs(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(takes=90, concurrency="forbid"))
            await stage.clock.advance(215)
            await stage.stop(grace=100)

        asyncio.run(play())
        assert stage.clocks() == ["12:01", "12:03"]
        (skipped, *_) = stage.of(EventKind.SKIPPED)
        assert skipped["scheduled_time"] == "2026-03-02T12:02:00+00:00"
        assert stage.sent[0].execution_id in skipped["message"]
        with sqlite3.connect(stage.folder / "state.sqlite") as db:
            statuses = db.execute("SELECT status FROM runs ORDER BY scheduled_time").fetchall()
        db.close()
        assert statuses == [("succeeded",), ("skipped",)] * 2

    def test_replace_interrupts_what_runs_and_then_starts(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(takes=90, concurrency="replace"))
            await stage.clock.advance(100)
            await stage.stop(grace=100)

        asyncio.run(play())
        assert stage.clocks() == ["12:01", "12:02"]
        first, second = stage.of(EventKind.ENDED)
        assert (first["status"], second["status"]) == ("interrupted", "succeeded")
        assert first["execution_id"] == stage.sent[0].execution_id
        assert first["message"].startswith(f"replaced by {second['execution_id']}: stopped during")

    def test_one_that_waits_is_replaced_without_a_start(self, stage: Stage) -> None:
        """Three jobs that take longer than their interval, and room for two."""
        stage.limit = 2
        jobs = [
            job(name, "@every 10s", takes=60, concurrency="replace") for name in ("a", "b", "c")
        ]

        async def play() -> None:
            await stage.play(*jobs)
            await stage.clock.advance(65)
            await stage.stop()

        asyncio.run(play())
        assert len(stage.times("c")) >= 2
        assert any("before it could start" in one["message"] for one in stage.of(EventKind.SKIPPED))
        assert not any("before the first" in one["message"] for one in stage.of(EventKind.ENDED))

    def test_replace_needs_no_second_slot(self, stage: Stage) -> None:
        stage.limit = 1

        async def play() -> None:
            await stage.play(job(takes=90, concurrency="replace"))
            await stage.clock.advance(100)
            await stage.stop(grace=100)

        asyncio.run(play())
        assert stage.clocks() == ["12:01", "12:02"]


class TestLimits:
    def test_every_job_has_its_turn(self, stage: Stage) -> None:
        stage.limit = 1

        async def play() -> None:
            greedy = job("greedy", "@every 1s", takes=10)
            modest = job("modest", "*/1 * * * *", takes=10)
            await stage.play(greedy, modest)
            await stage.clock.advance(62)
            await stage.stop()

        asyncio.run(play())
        # At 12:01 more than fifty starts of the greedy one have been waiting for long.
        modest = [sent for sent in stage.sent if sent.job_id == "modest"]
        assert len(modest) == 1
        assert (modest[0].time - modest[0].scheduled_time).total_seconds() <= 20

    def test_no_more_run_than_are_allowed(self, stage: Stage) -> None:
        stage.limit = 3

        async def play() -> None:
            await stage.play(*[job(f"j{number}", takes=20) for number in range(8)])
            await stage.clock.advance(31)
            assert len(stage.sent) == 3
            await stage.clock.advance(20)
            assert len(stage.sent) == 6
            await stage.clock.advance(20)
            assert len(stage.sent) == 8
            await stage.stop(grace=30)

        asyncio.run(play())
        assert len(stage.of(EventKind.ENDED)) == 8

    def test_a_start_beyond_its_deadline_is_dropped_and_told(self, stage: Stage) -> None:
        stage.limit = 1

        async def play() -> None:
            await stage.play(job("long", takes=45), job("late", starting_deadline=30.0))
            await stage.clock.advance(80)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks("late") == []
        (dropped,) = stage.of(EventKind.DROPPED)
        assert dropped["job_id"] == "late"
        assert "starting_deadline 30s" in dropped["message"]


class TestClock:
    def test_a_jump_forward_of_two_hours_is_made_up_for_once(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job())
            await stage.clock.advance(45)
            stage.clock.set_by(hours=2)
            await stage.clock.advance(50)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["12:01", "14:01", "14:02"]
        assert stage.of(EventKind.MISSED)[0]["policy"] == "execute_one"
        assert stage.of(EventKind.CLOCK_SET) == [{"by_s": 7200.0}]

    def test_a_jump_forward_of_five_hours_is_a_correction(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(missed_runs="execute_all"))
            await stage.clock.advance(45)
            stage.clock.set_by(hours=5)
            await stage.clock.advance(50)
            await stage.stop()
            await stage.play(job(missed_runs="execute_all"))
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["12:01", "17:02"]
        assert stage.of(EventKind.MISSED) == []

    def test_what_was_missed_in_a_suspend_of_five_hours_is_made_up_for(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(schedule="0 * * * *"))
            await stage.clock.advance(45)
            stage.clock.suspend(hours=5)
            await stage.clock.advance(2)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["17:00"]

    def test_a_jump_back_fires_nothing_again(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job())
            await stage.clock.advance(100)
            stage.clock.set_by(hours=-1)
            await stage.clock.advance(3600)
            assert stage.clocks() == ["12:01", "12:02"]
            await stage.clock.advance(60)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["12:01", "12:02", "12:03"]

    def test_a_correction_back_goes_on_at_once_and_fires_nothing_twice(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(schedule="0 * * * *"))
            stage.clock.set_by(hours=8)
            await stage.clock.advance(3600)
            stage.clock.set_by(hours=-8)
            await stage.clock.advance(9 * 3600)
            await stage.stop()

        asyncio.run(play())
        hours = ["21:00", *(f"{hour}:00" for hour in range(14, 21)), "22:00"]
        assert stage.clocks() == hours

    def test_after_a_restart_with_the_clock_set_back_nothing_is_fired_again(
        self, stage: Stage
    ) -> None:
        async def play() -> None:
            await stage.play(job())
            await stage.clock.advance(100)
            await stage.stop()
            stage.clock.set_by(minutes=-5)
            await stage.play(job())
            await stage.clock.advance(400)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["12:01", "12:02", "12:03", "12:04"]

    def test_a_start_that_jitter_put_off_comes_once_when_the_clock_is_corrected(
        self, stage: Stage
    ) -> None:
        one = job(schedule="0 * * * *", jitter=3000.0)

        async def play() -> None:
            stage.clock.set_by(minutes=59, seconds=30)
            await stage.play(one)
            await stage.clock.advance(5)  # planned, not started
            stage.clock.set_by(hours=-4)
            await stage.clock.advance(6 * 3600)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == [f"{hour:02}:00" for hour in range(10, 15)]

    def test_no_execution_is_started_while_it_is_under_way(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(takes=30, concurrency="allow"))
            await stage.clock.advance(35)
            (fired,) = stage.of(EventKind.FIRED)
            again = PendingStart(
                stage.loop._jobs["a"],
                fired["execution_id"],
                datetime.fromisoformat(fired["scheduled_time"]),
                stage.clock.now(),
            )
            stage.loop._queue.put(again)
            stage.loop._queue.pump()
            await stage.clock.advance(30)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["12:01", "12:02"][: len(stage.clocks())]
        assert stage.of(EventKind.SKIPPED)[0]["message"] == "it is under way already"

    def test_a_clock_that_was_ahead_is_remembered_through_restarts(self, stage: Stage) -> None:
        one = job(schedule="0 * * * *")

        async def play() -> None:
            stage.clock.set_by(minutes=59)
            await stage.play(one)
            await stage.clock.advance(60)  # 13:59:30 to 14:00:30
            await stage.stop()
            stage.clock.set_by(hours=-4)
            for _ in range(2):
                await stage.play(one)
                await stage.clock.advance(5)
                await stage.stop()
            stage.clock.set_by(hours=3, minutes=58)
            await stage.play(one)
            await stage.clock.advance(3600)
            await stage.stop()

        asyncio.run(play())
        ids = [sent.execution_id for sent in stage.sent]
        assert len(ids) == len(set(ids))


class TestMissed:
    @pytest.mark.parametrize(
        ("policy", "made_up"),
        [("ignore", []), ("execute_one", ["12:05"]), ("execute_all", ["12:03", "12:04", "12:05"])],
    )
    def test_after_downtime_the_policy_says(
        self, stage: Stage, policy: str, made_up: list[str]
    ) -> None:
        one = job(missed_runs=policy)

        async def play() -> None:
            await stage.play(one)
            await stage.clock.advance(100)
            await stage.stop()
            stage.clock.suspend(seconds=180)
            await stage.play(one)
            await stage.clock.advance(30)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["12:01", "12:02", *made_up, "12:06"]
        (missed,) = stage.of(EventKind.MISSED)
        assert (missed["missed"], missed["executing"]) == (3, len(made_up))

    @pytest.mark.parametrize("policy", ["ignore", "execute_one", "execute_all"])
    def test_a_restart_of_seconds_misses_nothing(self, stage: Stage, policy: str) -> None:
        one = job(missed_runs=policy, schedule="@every 1s")

        async def play() -> None:
            await stage.play(one)
            await stage.clock.advance(5)
            await stage.kill()
            stage.clock.suspend(seconds=6)
            await stage.play(one)
            await stage.clock.advance(3)
            await stage.stop()

        asyncio.run(play())
        seconds = [sent.scheduled_time.second for sent in stage.sent]
        assert seconds == list(range(31, 45))
        assert stage.of(EventKind.MISSED) == []

    @pytest.mark.parametrize("concurrency", ["forbid", "replace"])
    def test_all_that_are_executed_wait_for_each_other(
        self, stage: Stage, concurrency: str
    ) -> None:
        one = job(
            schedule="@every 1s", missed_runs="execute_all", concurrency=concurrency, takes=0.3
        )

        async def play() -> None:
            await stage.play(one)
            await stage.clock.advance(1)
            await stage.stop(grace=1)
            stage.clock.suspend(seconds=15)
            last = stage.sent[-1].scheduled_time
            now = stage.clock.now() - timedelta(seconds=1)
            await stage.play(one)
            await stage.clock.advance(20)
            await stage.stop(grace=1)
            made_up = [sent.scheduled_time for sent in stage.sent]
            made_up = [time for time in made_up if last < time <= now]
            missed = int((now - last).total_seconds())
            assert missed > 15
            assert made_up == [last + timedelta(seconds=n + 1) for n in range(missed)]

        asyncio.run(play())

    def test_what_is_late_because_the_loop_stood_still_waits_too(self, stage: Stage) -> None:
        one = job(schedule="@every 1s", missed_runs="execute_all", concurrency="forbid", takes=0.3)

        async def play() -> None:
            await stage.play(one)
            await stage.clock.advance(1)
            stage.clock.suspend(seconds=6)
            await stage.clock.advance(10)
            await stage.stop(grace=1)

        asyncio.run(play())
        seconds = [sent.scheduled_time.second for sent in stage.sent]
        assert seconds[:6] == list(range(seconds[0], seconds[0] + 6))

    def test_a_schedule_that_was_changed_meanwhile_has_missed_nothing(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(schedule="0 9 * * *", missed_runs="execute_all"))
            await stage.stop()
            stage.clock.suspend(seconds=120)
            await stage.play(job(schedule="*/2 * * * * *", missed_runs="execute_all"))
            await stage.clock.advance(3)
            await stage.stop()
            stage.clock.suspend(seconds=120)
            zone = "Europe/Berlin"
            await stage.play(
                job(schedule="*/2 * * * * *", timezone=zone, missed_runs="execute_all")
            )
            await stage.stop()

        asyncio.run(play())
        assert stage.of(EventKind.MISSED) == []
        assert len(stage.sent) == 1

    def test_the_first_start_has_missed_nothing_but_the_second_has(self, stage: Stage) -> None:
        one = job(schedule="0 13 * * *")

        async def play() -> None:
            await stage.play(one)
            await stage.kill()
            stage.clock.suspend(hours=2)
            await stage.play(one)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["13:00"]

    def test_execute_all_is_bounded_and_runs_in_order_under_forbid(self, stage: Stage) -> None:
        one = job(schedule="@every 1s", missed_runs="execute_all", concurrency="forbid", takes=0.5)

        async def play() -> None:
            await stage.play(one)
            await stage.clock.advance(1)
            await stage.stop(grace=1)
            del stage.sent[:]
            stage.clock.suspend(days=3)
            await stage.play(one)
            await stage.clock.advance(400)
            await stage.kill()

        asyncio.run(play())
        assert stage.of(EventKind.MISSED)[-1]["or_more"] is True
        assert (
            stage.of(EventKind.MISSED)[-1]["executing"] == 1000 - 11
        )  # the last were late, not missed
        times = [sent.scheduled_time for sent in stage.sent]
        assert times == sorted(set(times))
        assert len(times) > 700

    def test_what_is_older_than_the_starting_deadline_is_dropped(self, stage: Stage) -> None:
        one = job(missed_runs="execute_all", starting_deadline=100.0)

        async def play() -> None:
            await stage.play(one)
            await stage.clock.advance(100)
            await stage.stop()
            stage.clock.suspend(minutes=60)
            await stage.play(one)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["12:01", "12:02", "13:01", "13:02"]
        (missed,) = stage.of(EventKind.MISSED)
        assert (missed["executing"], missed["too_late"]) == (2, missed["missed"] - 2)

    @pytest.mark.parametrize("instant", ["2024-03-10T06:59:30", "2024-03-10T07:00:00"])
    def test_a_job_in_the_gap_is_not_lost_by_a_restart(self, tmp_path: Path, instant: str) -> None:
        stage = Stage(tmp_path, FakeClock(utc("2024-03-10T05:00:00")))
        one = job(schedule="30 2 * * *", timezone="America/New_York")

        async def play() -> None:
            await stage.play(one)
            await stage.clock.advance((utc(instant) - stage.clock.wall).total_seconds() - 1)
            await stage.kill()
            stage.clock.suspend(seconds=45)
            await stage.play(one)
            await stage.clock.advance(3600)
            await stage.stop()

        asyncio.run(play())
        assert stage.times() == ["2024-03-10T03:00:00-04:00"]

    def test_a_disabled_job_misses_nothing(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(enabled=False))
            await stage.clock.advance(600)
            await stage.stop()
            await stage.play(job())
            await stage.clock.advance(40)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["12:11"]


class TestJitter:
    def test_the_start_is_spread_the_same_way_every_time(self, tmp_path: Path) -> None:
        runs = []
        for number in range(2):
            folder = tmp_path / str(number)
            folder.mkdir()
            stage = Stage(folder, FakeClock(utc("2026-03-02T12:00:30")))

            async def play(stage: Stage = stage) -> None:
                await stage.play(*[job(f"j{n}", jitter=40.0) for n in range(50)])
                await stage.clock.advance(29 + 41)
                await stage.stop()

            asyncio.run(play())
            runs.append({sent.job_id: sent.time for sent in stage.sent})
        assert runs[0] == runs[1]
        delays = [(time - utc("2026-03-02T12:01:00")).total_seconds() for time in runs[0].values()]
        assert len(delays) == 50
        assert min(delays) < 8
        assert 32 < max(delays) < 40

    def test_a_restart_before_the_spread_start_loses_nothing(self, stage: Stage) -> None:
        one = job(schedule="0 13 * * *", jitter=3000.0, missed_runs="ignore")

        async def play() -> None:
            await stage.play(one)
            await stage.clock.advance(3600)
            await stage.kill()
            await stage.play(one)
            await stage.clock.advance(3600)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["13:00"]


class TestRecovery:
    @pytest.mark.parametrize("concurrency", ["allow", "forbid", "replace"])
    def test_what_was_cut_off_is_dispatched_again_under_its_id(
        self, stage: Stage, concurrency: str
    ) -> None:
        one = job(takes=20, concurrency=concurrency)

        async def play() -> None:
            await stage.play(one)
            await stage.clock.advance(40)
            await stage.kill()
            await stage.play(one)
            await stage.clock.advance(60)
            await stage.stop(grace=30)

        asyncio.run(play())
        assert stage.clocks() == ["12:01", "12:01", "12:02"]
        assert stage.sent[0].execution_id == stage.sent[1].execution_id
        (recovered,) = stage.of(EventKind.RECOVERED)
        assert recovered["execution_id"] == stage.sent[0].execution_id
        assert recovered["action"] == "retry"

    def test_unless_the_job_says_ignore(self, stage: Stage) -> None:
        one = job(takes=20, on_interrupted="ignore")

        async def play() -> None:
            await stage.play(one)
            await stage.clock.advance(40)
            await stage.kill()
            await stage.play(one)
            await stage.stop()
            await stage.play(one)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["12:01"]
        (recovered,) = stage.of(EventKind.RECOVERED)
        assert recovered["action"] == "ignore"


class TestReload:
    def test_unchanged_jobs_miss_nothing(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(takes=5), job("b", "@every 7s"))
            for _ in range(60):
                await stage.clock.advance(1)
                await stage.reload(job(takes=5), job("b", "@every 7s"), job("c"))
            await stage.stop(grace=10)

        asyncio.run(play())
        assert stage.clocks() == ["12:01"]
        assert stage.clocks("c") == ["12:01"]
        assert len(stage.times("b")) == 8 == len(set(stage.times("b")))
        # Dispatchers of earlier reloads are closed, once what they carried has ended.
        assert all(one.closed for one in stage.dispatchers)

    def test_a_new_schedule_counts_from_now(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(schedule="0 * * * *"))
            await stage.clock.advance(300)
            await stage.reload(job(schedule="3 * * * *"))
            await stage.clock.advance(3600)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["13:03"]

    def test_what_waits_is_started_as_it_is_now_or_dropped(self, stage: Stage) -> None:
        stage.limit = 1

        async def play() -> None:
            await stage.play(job("long", takes=40), job("b", fails="no"), job("gone"))
            await stage.clock.advance(35)
            await stage.reload(job("long", takes=40), job("b"))
            await stage.clock.advance(40)
            await stage.stop()

        asyncio.run(play())
        (ended,) = stage.of(EventKind.ENDED, "b")
        assert ended["status"] == "succeeded"
        (dropped,) = stage.of(EventKind.DROPPED)
        assert dropped["job_id"] == "gone"
        assert stage.of(EventKind.RELOADED) == [{"jobs": 2, "removed": 1, "changed": 1}]


class TestDrain:
    def test_running_ones_get_the_grace(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(takes=20))
            await stage.clock.advance(40)
            await stage.stop(grace=30)

        asyncio.run(play())
        assert [fields["status"] for fields in stage.of(EventKind.ENDED)] == ["succeeded"]
        assert stage.loop.cut_off == 0

    def test_then_they_are_interrupted_and_not_sent_again(self, stage: Stage) -> None:
        one = job(takes=100)

        async def play() -> None:
            await stage.play(one)
            await stage.clock.advance(40)
            await stage.stop(grace=10)
            await stage.play(one)
            await stage.stop()

        asyncio.run(play())
        assert [fields["status"] for fields in stage.of(EventKind.ENDED)] == ["interrupted"]
        assert stage.of(EventKind.RECOVERED) == []
        assert stage.clocks() == ["12:01"]

    def test_notices_of_what_ended_are_sent(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(takes=20, fails="no", notices=["on_failure"]))
            await stage.clock.advance(40)
            await stage.stop(grace=30)

        asyncio.run(play())
        notice = stage.sent[-1]
        assert notice.execution_id == f"{stage.sent[0].execution_id}.on_failure"
        assert notice.outcome
        assert notice.outcome["status"] == "rejected"

    def test_what_waited_is_made_up_for_at_the_next_start(self, stage: Stage) -> None:
        stage.limit = 1
        jobs = [job("long", takes=30), job("waiting", missed_runs="execute_all")]

        async def play() -> None:
            await stage.play(*jobs)
            await stage.clock.advance(35)
            await stage.stop()
            await stage.play(*jobs)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks("waiting") == ["12:01"]


class TestNotices:
    def test_recovery_is_told_after_a_failure_only(self, stage: Stage) -> None:
        notices = ["on_failure", "on_success", "on_recovery"]

        async def play() -> None:
            await stage.play(job(notices=notices))
            await stage.clock.advance(60)
            await stage.reload(job(notices=notices, fails="no"))
            await stage.clock.advance(60)
            await stage.stop()
            await stage.play(job(notices=notices))
            await stage.clock.advance(120)
            await stage.stop()

        asyncio.run(play())
        told = [sent.execution_id.partition(".")[2] for sent in stage.sent if sent.outcome]
        assert told == ["on_success", "on_failure", "on_success", "on_recovery", "on_success"]

    def test_what_was_cut_off_is_told_of_and_recovered_from(self, stage: Stage) -> None:
        notices = ["on_failure", "on_recovery"]

        async def play() -> None:
            await stage.play(job(notices=notices, takes=300))
            await stage.clock.advance(40)
            await stage.stop()  # in the midst of it
            await stage.play(job(notices=notices))
            await stage.clock.advance(60)
            await stage.stop()

        asyncio.run(play())
        told = [sent for sent in stage.sent if sent.outcome]
        names = [sent.execution_id.partition(".")[2] for sent in told]
        assert names == ["on_failure", "on_recovery"]
        assert told[0].outcome
        assert told[0].outcome["status"] == "interrupted"
        assert told[0].outcome["message"].startswith("cut off by the scheduler's stop")

    def test_what_was_killed_and_came_through_again_is_no_recovery(self, stage: Stage) -> None:
        notices = ["on_failure", "on_recovery"]

        async def play() -> None:
            await stage.play(job(notices=notices))
            await stage.clock.advance(60)
            await stage.reload(job(notices=notices, takes=30))
            await stage.clock.advance(40)
            await stage.kill()
            await stage.play(job(notices=notices))
            await stage.clock.advance(5)
            await stage.stop()

        asyncio.run(play())
        assert stage.of(EventKind.RECOVERED)
        assert [sent for sent in stage.sent if sent.outcome] == []


class TestTrouble:
    def test_a_bug_beside_the_loop_ends_it(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job())
            stage.loop.fail(ZeroDivisionError("a bug"))
            await stage.task

        with pytest.raises(ZeroDivisionError):
            asyncio.run(play())

    def test_a_bug_in_a_plug_in_ends_its_execution_only(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(fails="bug"), job("b"))
            await stage.clock.advance(120)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks("b") == ["12:01", "12:02"]
        broken = stage.of(EventKind.ENDED, "a")
        assert [fields["status"] for fields in broken] == ["unreachable"] * 2
        assert "ZeroDivisionError" in broken[0]["message"]

    def test_what_was_fired_while_its_tick_could_not_be_recorded_is_not_made_up_for(
        self, stage: Stage
    ) -> None:
        async def play() -> None:
            await stage.play(job(missed_runs="execute_all"))
            await stage.clock.advance(100)
            await stage.stop()
            with sqlite3.connect(stage.folder / "state.sqlite") as db:
                db.execute("UPDATE ticks SET scheduled_time = '2026-03-02T12:00:00+00:00'")
            await stage.play(job(missed_runs="execute_all"))
            await stage.clock.advance(60)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == ["12:01", "12:02", "12:03"]

    def test_a_full_disk_is_told_and_stops_nothing(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job(takes=10, concurrency="forbid"))
            db = stage.store._database._db
            assert db is not None
            (pages,) = db.execute("PRAGMA page_count").fetchone()
            db.execute(f"PRAGMA max_page_count = {pages}")
            await stage.clock.advance(1800)
            assert len(stage.sent) == 30
            assert stage.of(EventKind.STATE_FAILED)
            db.execute("PRAGMA max_page_count = 1000000")
            await stage.clock.advance(60)
            await stage.stop(grace=10)

        asyncio.run(play())
        assert len(stage.sent) == 31 == len({sent.execution_id for sent in stage.sent})
        # Said again from time to time, not at every tick.
        assert len(stage.of(EventKind.STATE_FAILED)) <= 31
        assert stage.of(EventKind.STATE_RESTORED)
