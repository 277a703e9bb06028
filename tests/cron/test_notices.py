"""Notices of the loop: how often failures are told of, and what is recorded of it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from chronos_cli.cron.events import EventKind
from chronos_cli.dispatch.outcome import Status
from chronos_cli.dispatch.streak import Streak, follow
from chronos_cli.jobs.model import Job, Notify
from chronos_cli.state.entries import HistoryFilter
from tests.cron.stage import FakeClock, Stage, job, utc

HOOKS = ("on_failure", "on_success", "on_recovery")
EVENING = utc("2026-03-02T21:59:30")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, FakeClock(EVENING))


def minutely(*, fails: str = "", hooks: tuple[str, ...] = HOOKS[::2], **notify: Any) -> Job:
    return job(notices=hooks, fails=fails, notify=Notify(**notify))


def told(stage: Stage) -> list[str]:
    """What was told, and of which tick."""
    return [
        f"{sent.execution_id.partition('.')[2]} {sent.scheduled_time:%H:%M}"
        for sent in stage.sent
        if sent.outcome is not None
    ]


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def played() -> None:
        await scene()

    asyncio.run(played())


@pytest.mark.parametrize(
    ("policy", "before", "status", "after", "is_told"),
    [
        (Notify(), Streak(), Status.REJECTED, Streak(1, 1000.0), True),
        (Notify(), Streak(1, 10.0), Status.TIMED_OUT, Streak(2, 10.0), False),
        (Notify(after=3), Streak(1), Status.UNREACHABLE, Streak(2), False),
        (Notify(after=3), Streak(2), Status.INTERRUPTED, Streak(3, 1000.0), True),
        (Notify(after=3), Streak(7), Status.REJECTED, Streak(8, 1000.0), True),
        (Notify(repeat=60.0), Streak(5, 940.5), Status.REJECTED, Streak(6, 1000.0), True),
        (Notify(repeat=60.0), Streak(5, 950.0), Status.REJECTED, Streak(6, 950.0), False),
    ],
)
def test_what_a_failure_makes_of_a_streak(
    policy: Notify, before: Streak, status: Status, after: Streak, is_told: bool
) -> None:
    found = follow(policy, before, status, 1000.0)
    assert (found.streak, found.held is None) == (after, is_told)


@pytest.mark.parametrize("before", [Streak(), Streak(2), Streak(9, 5.0)])
def test_a_success_ends_it(before: Streak) -> None:
    found = follow(Notify(), before, Status.SUCCEEDED, 1000.0)
    assert (found.streak, found.held) == (Streak(), None)
    assert found.has_recovered == (before.told_at is not None)


def test_an_hour_of_failures_is_told_of_now_and_then(stage: Stage) -> None:
    """The loop starts again in the midst of it: the count stands in the state."""
    down = minutely(fails="no", after=3, repeat=1200.0)

    async def scene() -> None:
        await stage.play(down)
        await stage.clock.advance(150)
        await stage.stop()
        await stage.play(down)
        await stage.clock.advance(45 * 60)
        await stage.reload(minutely(after=3, repeat=1200.0))
        await stage.clock.advance(180)
        await stage.stop()

    play(scene)
    assert told(stage) == [
        "on_failure 22:02",
        "on_failure 22:22",
        "on_failure 22:42",
        "on_recovery 22:48",
    ]


def test_what_was_not_told_has_no_recovery(stage: Stage) -> None:
    async def scene() -> None:
        await stage.play(minutely(fails="no", after=3, hooks=HOOKS))
        await stage.clock.advance(120)
        await stage.reload(minutely(after=3, hooks=HOOKS))
        await stage.clock.advance(120)
        await stage.stop()

    play(scene)
    assert told(stage) == ["on_success 22:02", "on_success 22:03"]
    assert [fields["message"] for fields in stage.of(EventKind.NOTICE_HELD)] == [
        "failure 1 in a row, notify.after is 3",
        "failure 2 in a row, notify.after is 3",
    ]


def test_a_failure_that_nobody_heard_of_is_told_of_again(stage: Stage) -> None:
    async def scene() -> None:
        deaf = job(notices=["on_failure"], fails="no", notice_fails="deaf", notify=Notify())
        await stage.play(deaf)
        await stage.clock.advance(120)
        await stage.stop()
        await stage.play(minutely(fails="no"))
        await stage.clock.advance(120)
        await stage.stop()

    play(scene)
    assert told(stage) == ["on_failure 22:00", "on_failure 22:01", "on_failure 22:02"]
    failed = stage.of(EventKind.NOTICE_FAILED)
    assert [(one["hook"], one["message"]) for one in failed] == [
        ("on_failure", "rejected: deaf"),
        ("on_failure", "rejected: deaf"),
    ]
    assert [one["hook"] for one in stage.of(EventKind.NOTICE_SENT)] == ["on_failure"]


def test_history_knows_what_became_of_each_notice(stage: Stage) -> None:
    async def scene() -> None:
        await stage.play(minutely(fails="no"))
        await stage.clock.advance(120)
        held, sent = stage.store.history(HistoryFilter())
        await stage.stop()
        assert [(one.hook, one.status) for one in sent.notices] == [("on_failure", "succeeded")]
        (notice,) = held.notices
        assert (notice.hook, notice.status, notice.target) == ("on_failure", "skipped", "nowhere")
        assert notice.message == "told of already, failure 2"

    play(scene)


def test_notices_of_a_loop_that_stops_are_accounted_for(stage: Stage) -> None:
    """One that is given up is told of as such."""

    async def scene() -> None:
        await stage.play(job(notices=["on_failure"], fails="no", notice_takes=1000.0))
        await stage.clock.advance(40)
        await stage.stop()

    play(scene)
    (given_up,) = stage.of(EventKind.NOTICE_FAILED)
    assert given_up["message"].startswith("interrupted: stopped during attempt 1")
