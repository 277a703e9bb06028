"""Pauses: what starts while they last, and what becomes of the ticks since."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from chronos_cli.app.control import pausing
from chronos_cli.app.control.offline import StoredPauses
from chronos_cli.cron.events import EventKind
from chronos_cli.dispatch.execution import new_id
from chronos_cli.errors import StateError, UsageError
from chronos_cli.redact import Redactor
from chronos_cli.state.entries import ALL_JOBS, HistoryStatus, Pause
from chronos_cli.state.store import Store
from tests.cron.stage import FakeClock, Stage, job, utc

START = utc("2026-03-02T12:00:30")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, FakeClock(START))


def pause(stage: Stage, job_id: str = "a", **lasts: float) -> None:
    now = stage.clock.now()
    until = now + timedelta(**lasts) if lasts else None
    assert stage.loop.steering.pause(job_id, Pause("alice", now, "migration", until))


def resume(stage: Stage, job_id: str = "a", *, catches_up: bool = False) -> int:
    made_up, recorded = stage.loop.steering.resume(job_id, "bob", catches_up=catches_up)
    assert recorded
    return made_up


def trigger(stage: Stage, job_id: str = "a") -> str:
    identity = new_id()
    stage.loop.steering.trigger(stage.loop.steering.jobs[job_id], identity, "alice")
    return identity


def test_ticks_are_passed_over_and_told_and_nothing_is_recorded(stage: Stage) -> None:
    async def play() -> None:
        await stage.play(job())
        await stage.clock.advance(60)
        pause(stage)
        await stage.clock.advance(120)
        assert stage.clocks() == ["12:01"]
        assert stage.last_tick() == utc("2026-03-02T12:01:00")
        assert [time for _, time in stage.loop.upcoming()] == [None]
        assert resume(stage) == 0
        await stage.clock.advance(60)
        await stage.stop()

    asyncio.run(play())
    assert stage.clocks() == ["12:01", "12:04"]
    (paused,) = stage.of(EventKind.PAUSED)
    assert (paused["job_id"], paused["by"], paused["reason"]) == ("a", "alice", "migration")
    skipped = stage.of(EventKind.SKIPPED, "a")
    assert [one["scheduled_time"][11:16] for one in skipped] == ["12:02", "12:03"]
    assert {one["message"] for one in skipped} == {"paused by alice: migration"}
    (resumed,) = stage.of(EventKind.RESUMED)
    assert (resumed["by"], resumed["passed_over"]) == ("bob", 2)


@pytest.mark.parametrize(
    ("policy", "sent"),
    [("ignore", []), ("execute_one", ["12:03"]), ("execute_all", ["12:01", "12:02", "12:03"])],
)
@pytest.mark.parametrize("between", ["nothing", "restart", "kill"])
def test_catching_up_is_as_missed_runs_says(
    stage: Stage, policy: str, sent: list[str], between: str
) -> None:
    one = job(missed_runs=policy)

    async def play() -> None:
        await stage.play(one)
        pause(stage)
        await stage.clock.advance(100)
        if between != "nothing":
            await (stage.stop() if between == "restart" else stage.kill())
            await stage.play(one)
        await stage.clock.advance(51)  # a second after a tick: late is not what it is
        assert stage.clocks() == []
        assert resume(stage, catches_up=True) == len(sent)
        await stage.clock.advance(1)
        assert stage.clocks() == sent
        await stage.clock.advance(60)
        await stage.stop()

    asyncio.run(play())
    assert stage.clocks() == [*sent, "12:04"]


@pytest.mark.parametrize("ended", ["12:02:10", "12:09:00"])
def test_a_pause_that_has_ended_before_the_loop_learns_of_it(stage: Stage, ended: str) -> None:
    """As one of many hosts does. An end that is yet to come is one now."""

    async def play() -> None:
        await stage.play(job(missed_runs="execute_one"))
        pause(stage)
        await stage.clock.advance(160)
        stage.loop.steering.resume("a", "bob", catches_up=True, ended=utc(f"2026-03-02T{ended}"))
        await stage.clock.advance(1)
        await stage.stop()

    asyncio.run(play())
    assert stage.clocks() == ["12:02" if ended == "12:02:10" else "12:03"]


def test_a_loop_that_is_killed_amid_catching_up_leaves_the_rest_to_the_next(stage: Stage) -> None:
    one = job(missed_runs="execute_all", concurrency="forbid", takes=5)

    async def play() -> None:
        await stage.play(one)
        pause(stage)
        await stage.clock.advance(155)
        assert resume(stage, catches_up=True) == 3
        await stage.clock.advance(6)
        await stage.kill()
        await stage.play(one)
        await stage.clock.advance(30)
        await stage.stop()

    asyncio.run(play())
    assert sorted(set(stage.clocks())) == ["12:01", "12:02", "12:03"]


@pytest.mark.parametrize("between", ["nothing", "restart", "down"])
def test_a_pause_ends_by_itself_and_is_not_made_up_for(stage: Stage, between: str) -> None:
    one = job(missed_runs="execute_all")

    async def play() -> None:
        await stage.play(one)
        pause(stage, minutes=3)
        await stage.clock.advance(60)
        assert stage.next_time() == "2026-03-02T12:04:00+00:00"
        if between == "nothing":
            await stage.clock.advance(240)
        else:
            await stage.stop()
            if between == "down":
                stage.clock.suspend(seconds=220)
            await stage.play(one)
            await stage.clock.advance(20 if between == "down" else 240)
        await stage.stop()

    asyncio.run(play())
    assert stage.clocks()[:2] == ["12:04", "12:05"]
    (resumed,) = stage.of(EventKind.RESUMED)
    assert resumed["message"] == "its time was over"
    assert "by" not in resumed


def test_what_waits_does_not_start_and_what_runs_goes_on(stage: Stage) -> None:
    stage.limit = 1
    jobs = [job("long", takes=100), job("waits")]

    async def play() -> None:
        await stage.play(*jobs)
        await stage.clock.advance(40)
        assert stage.loop.steering.under_way("waits")[1]
        pause(stage, ALL_JOBS)
        assert stage.loop.steering.under_way("waits") == ([], [])
        await stage.clock.advance(600)
        await stage.stop()

    asyncio.run(play())
    assert [sent.job_id for sent in stage.sent] == ["long"]
    assert [one["status"] for one in stage.of(EventKind.ENDED)] == ["succeeded"]
    assert len(stage.of(EventKind.SKIPPED, "waits")) == 11


def test_a_start_that_jitter_put_off_is_made_up_for_once(stage: Stage) -> None:
    one = job(schedule="0 * * * *", jitter=3000.0, missed_runs="execute_all")

    async def play() -> None:
        stage.clock.set_by(minutes=59)
        await stage.play(one)
        await stage.clock.advance(60)  # its tick has come, its start has not
        pause(stage)
        assert stage.sent == []
        await stage.clock.advance(30)
        resume(stage, catches_up=True)
        await stage.clock.advance(3500)
        await stage.stop()

    asyncio.run(play())
    assert stage.clocks() == ["13:00"]


def test_a_pause_of_all_holds_for_those_that_come_and_leaves_those_of_one(stage: Stage) -> None:
    async def play() -> None:
        await stage.play(job("a"), job("b"))
        pause(stage, "a")
        pause(stage, ALL_JOBS)
        await stage.reload(job("a"), job("b"), job("c"))
        await stage.clock.advance(60)
        assert stage.sent == []
        resume(stage, ALL_JOBS)
        await stage.clock.advance(60)
        await stage.stop()

    asyncio.run(play())
    assert sorted(sent.job_id for sent in stage.sent) == ["b", "c"]


def test_a_job_that_is_taken_out_stays_paused(stage: Stage) -> None:
    async def play() -> None:
        await stage.play(job("a"), job("b"))
        pause(stage, "a")
        await stage.reload(job("b"))
        steering = stage.loop.steering
        assert list(steering.pauses.strangers(steering.jobs)) == ["a"]
        await stage.reload(job("a"), job("b"))
        await stage.clock.advance(60)
        assert stage.clocks("a") == []
        await stage.stop()

    asyncio.run(play())


class TestWithoutALoop:
    """On the state alone; the next loop takes it over."""

    @staticmethod
    def book(stage: Stage) -> StoredPauses:
        stage.store = Store.open(stage.folder / "state.sqlite", Redactor(), stage.clock)
        return StoredPauses(stage.store, stage.clock)

    @pytest.mark.parametrize(("catches_up", "sent"), [(True, ["12:01", "12:02"]), (False, [])])
    def test_what_was_missed_is_made_up_for_if_asked_for(
        self, stage: Stage, catches_up: bool, sent: list[str]
    ) -> None:
        one = job(missed_runs="execute_all")

        async def play() -> None:
            await stage.play(one)
            pause(stage)
            await stage.stop()
            stage.clock.suspend(seconds=110)
            said = pausing.resume(self.book(stage), "a", "bob", catches_up=catches_up, where="here")
            assert ("the next loop makes up" in said) is catches_up
            stage.store.close()
            await stage.play(one)
            await stage.clock.advance(1)
            assert stage.clocks() == sent
            await stage.clock.advance(60)
            await stage.stop()

        asyncio.run(play())
        assert stage.clocks() == [*sent, "12:03"]

    def test_what_was_paused_so_is_paused(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job())
            await stage.stop()
            book = self.book(stage)
            said = pausing.pause(book, "a", Pause("alice", stage.clock.now()), "here")
            assert said == "a is paused: ticks are passed over, what runs goes on"
            with pytest.raises(UsageError, match="no job 'b' here"):
                pausing.pause(book, "b", Pause("alice", stage.clock.now()), "here")
            stage.store.close()
            await stage.play(job())
            await stage.clock.advance(120)
            await stage.stop()

        asyncio.run(play())
        assert stage.sent == []
        assert [one["by"] for one in stage.of(EventKind.PAUSED)] == ["alice"]

    def test_while_a_loop_runs_that_does_not_answer_nothing_is_changed(self, stage: Stage) -> None:
        async def play() -> None:
            await stage.play(job())
            other = Store.open(stage.folder / "state.sqlite", Redactor(), stage.clock)
            with pytest.raises(StateError, match="another scheduler has the state"):
                StoredPauses(other, stage.clock)
            other.close()
            await stage.stop()

        asyncio.run(play())


def test_of_two_pauses_the_longer_one_counts(stage: Stage) -> None:
    async def play() -> None:
        await stage.play(job())
        pause(stage, ALL_JOBS, minutes=5)
        pause(stage, "a", minutes=2)
        assert stage.next_time() == "2026-03-02T12:06:00+00:00"
        pause(stage, "a")
        assert [time for _, time in stage.loop.upcoming()] == [None]
        pause(stage, "a", minutes=2)
        await stage.clock.advance(340)
        await stage.stop()

    asyncio.run(play())
    assert stage.clocks() == ["12:06"]


class TestTrigger:
    def test_it_starts_now_once_and_leaves_the_schedule_alone(self, stage: Stage) -> None:
        async def play() -> str:
            await stage.play(job(schedule="0 * * * *"))
            pause(stage)  # of ticks
            mark = stage.last_tick()
            identity = trigger(stage)
            await stage.clock.advance(10)
            assert stage.last_tick() == mark
            (entry,) = stage.store.find(identity)
            assert (entry.origin, entry.status) == ("trigger", HistoryStatus.SUCCEEDED)
            await stage.stop()
            return identity

        identity = asyncio.run(play())
        assert [(one.execution_id, one.scheduled_time) for one in stage.sent] == [(identity, START)]
        (fired,) = stage.of(EventKind.FIRED)
        assert fired["triggered_by"] == "alice"

    @pytest.mark.parametrize(
        ("concurrency", "sent", "kind"),
        [
            ("allow", 2, None),
            ("forbid", 1, EventKind.SKIPPED),
            ("replace", 2, None),
        ],
    )
    def test_concurrency_holds(
        self, stage: Stage, concurrency: str, sent: int, kind: EventKind | None
    ) -> None:
        async def play() -> None:
            await stage.play(job(takes=45, concurrency=concurrency))
            await stage.clock.advance(31)
            identity = trigger(stage)
            await stage.clock.advance(20)
            passed = stage.of(kind) if kind else []
            assert [one["execution_id"] for one in passed] == ([identity] if kind else [])
            await stage.stop()

        asyncio.run(play())
        assert len(stage.sent) == sent
        if concurrency == "replace":
            assert stage.of(EventKind.ENDED)[0]["status"] == "interrupted"

    def test_one_that_was_cut_off_is_sent_again_as_what_it_was(self, stage: Stage) -> None:
        one = job(schedule="0 * * * *", takes=20)

        async def play() -> str:
            await stage.play(one)
            identity = trigger(stage)
            await stage.clock.advance(5)
            await stage.kill()
            await stage.play(one)
            await stage.clock.advance(25)
            origins = {entry.origin for entry in stage.store.find(identity)}
            assert origins == {"trigger"}
            await stage.stop()
            return identity

        identity = asyncio.run(play())
        assert [sent.execution_id for sent in stage.sent] == [identity, identity]
