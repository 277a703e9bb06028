"""From when ticks count: what a pause and its end leave for those who come later."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from chronos_cli.cluster.api import Api, StoredMessage
from chronos_cli.cluster.marks import Marks
from chronos_cli.cluster.names import Names, job_of_pause
from chronos_cli.cluster.pauses import begun, ended
from chronos_cli.cron.clock import SystemLoopClock
from chronos_cli.state.entries import ALL_JOBS, Pause
from chronos_cli.state.journal import schedule_of
from tests.cluster.test_claims import claims, ticks
from tests.cron.stage import job

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def pause(minutes: float, until: float | None = None) -> Pause:
    return Pause("alice", at(minutes), None, None if until is None else at(until))


def test_an_end_stands_for_all_later_records() -> None:
    first = begun(None, pause(0), at(0))
    assert first.seen_to_at(at(1)) is None
    plain = ended(first, "bob", at(2), catches_up=False)
    assert (plain.is_in_force(at(3)), plain.seen_to_at(at(9))) == (False, at(2))
    second = begun(plain, pause(4), at(4))
    assert ended(second, "bob", at(5), catches_up=True).seen_to_at(at(9)) == at(2)


def test_one_whose_time_is_over_has_passed_over_what_came_before() -> None:
    short = begun(None, pause(0, until=2), at(0))
    assert (short.is_in_force(at(1)), short.is_in_force(at(2))) == (True, False)
    assert short.seen_to_at(at(1)) is None
    # The tick of that very time counts.
    before = at(2) - timedelta(microseconds=1)
    assert short.seen_to_at(at(2)) == before
    assert begun(short, pause(3), at(3)).seen_to_at(at(9)) == before


@pytest.mark.parametrize(
    ("policy", "catches_up", "sent"),
    [
        ("execute_all", True, [1, 2, 3, 4]),
        ("execute_one", True, [3, 4]),
        ("ignore", True, [4]),
        ("execute_all", False, [4]),
    ],
)
def test_what_becomes_of_ticks_that_were_claimed_before(
    policy: str, catches_up: bool, sent: list[int]
) -> None:
    """One each minute; they began to wait at 1, the pause ends between 3 and 4."""
    one = job(missed_runs=policy)
    record = ended(begun(None, pause(1.5), at(1.5)), "bob", at(3.5), catches_up=catches_up)
    started = [
        minute
        for minute in (1, 2, 3, 4)
        if not record.passes_over(one, at(minute), at(minute), at(5))
    ]
    assert started == sent


@pytest.mark.parametrize("job_id", [ALL_JOBS, "a", "a.b", "=all", "all"])
def test_a_key_stands_for_one_job_or_for_all(job_id: str) -> None:
    assert job_of_pause(Names("g").pause(job_id)) == job_id


def test_a_mark_stays_before_what_a_pause_takes_back() -> None:
    """A tick that nobody has claimed is one for its end, though a later one is claimed."""

    class Stored:
        async def last(self, _: str, subject: str) -> StoredMessage:
            mark = {"ms": 1000, "schedule": schedule_of(job())}
            return StoredMessage(subject, 1, START, json.dumps(mark).encode(), {})

    unclaimed = [5000]
    marks = Marks(
        cast("Api", Stored()),
        Names("g"),
        SystemLoopClock(),
        lambda _: min(unclaimed, default=None),
        lambda _: True,
    )
    asyncio.run(marks.load([job()]))
    marks.settled("a", 9000)
    marks.hold("a")
    unclaimed.clear()
    (last,) = marks.last_ticks([job()], START).values()
    assert last.timestamp() == 4.999


def test_whose_mark_it_is_is_not_asked_all_the_time() -> None:
    """With many jobs that would keep a host busy that has nothing to do."""
    asked: list[str] = []

    def is_ours(job_id: str) -> bool:
        asked.append(job_id)
        return False

    marks = Marks(cast("Api", None), Names("g"), SystemLoopClock(), lambda _: None, is_ours)
    marks.settled("a", 9000)

    async def play() -> None:
        serving = asyncio.create_task(marks.serve())
        await asyncio.sleep(2.5)  # real time: it looks once a second
        serving.cancel()

    asyncio.run(play())
    assert asked == ["a"]


def test_a_pause_takes_back_what_is_not_claimed() -> None:
    found = claims(cast("Api", None), Names("g"))
    starts = sorted(ticks(3), key=lambda one: one.scheduled_time)
    for start in starts:
        found.offer(start)
    assert found.withdraw("a") == starts
    assert (len(found), found.waiting(), found.oldest_open("a")) == (0, {}, None)
    assert found.withdraw("a") == []
