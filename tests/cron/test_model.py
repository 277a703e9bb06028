"""Random lives of a loop against an independent statement of its rules.

CHRONOS_TEST_EXAMPLES asks for more lives, and for other ones each time.
"""

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random, SystemRandom

import pytest

from chronos_cli.cron import sleep
from chronos_cli.cron.timer import PUNCTUAL
from chronos_cli.dispatch.execution import new_id, scheduled_id
from chronos_cli.jobs.calendars import calendar_of
from chronos_cli.jobs.model import Job
from chronos_cli.schedule.calendar import Calendar
from chronos_cli.schedule.calendar import ticks as calendar_ticks
from chronos_cli.schedule.exceptions import parse_exemption
from chronos_cli.state.entries import Pause
from tests.cron.stage import FakeClock, Stage, job, utc

MORE = int(os.environ.get("CHRONOS_TEST_EXAMPLES", "0"))
START = utc("2026-03-02T12:00:30")
# The loop looks at the clock at least so often.
LOOK = timedelta(seconds=sleep.LONGEST)
CORRECTION = timedelta(hours=3)

Step = tuple[str, float]

SCHEDULES = ("* * * * *", "*/10 * * * * *", "@every 25s", "*/5 * * * *", "0 * * * *")
CALENDARS = (
    Calendar(("*/2 * * * *", "*/3 * * * *", "@at 2026-03-02T12:17"), "UTC"),
    Calendar(
        ("* * * * *", "@every 40s"),
        "UTC",
        starts=utc("2026-03-02T12:04:00"),
        ends=utc("2026-03-03T08:00:00"),
        exceptions=(parse_exemption("12:10-12:20"), parse_exemption("17:00-09:00")),
    ),
)
JITTERS = (0.0, 9.0, 45.0, 290.0, 3000.0)
POLICIES = ("ignore", "execute_one", "execute_all")


def a_life(chance: Random) -> tuple[Job, list[Step]]:
    """A job, and what is done to its loop: steps with the seconds that they take."""
    calendar = chance.choice([None, *CALENDARS])
    one = job(
        schedule=calendar.schedules if calendar else chance.choice(SCHEDULES),
        calendar=calendar,
        jitter=chance.choice(JITTERS),
        missed_runs=chance.choice(POLICIES),
    )
    return one, [a_step(chance) for _ in range(chance.randint(4, 12))]


def a_step(chance: Random) -> Step:
    # Around the limits of what is late and of what is a correction.
    spans = [chance.uniform(1, 15), chance.uniform(15, 120), chance.uniform(120, 900)]
    usual = ["advance"] * 5 + ["suspend"] * 2 + ["stop", "kill", "reload", "set"]
    what = chance.choice([*usual, "trigger", "pause", "pause", "resume", "catch up"])
    if what == "set":
        most = chance.choice([60, 600, 9_000, 20_000])
        return what, float(chance.randint(-most, most))
    if what == "suspend":
        spans += [chance.uniform(900, 9_000)]  # at most so many are made up for
    return what, float(round(chance.choice(spans)))


@dataclass
class Life:
    """A loop under one job, and what happened to it."""

    stage: Stage
    job: Job
    # The last tick that the state holds, after each step since the last correction.
    marks: list[datetime] = field(default_factory=list)
    corrections: int = 0
    # How often nobody looked at the clock for a while, or it was set.
    gaps: int = 0
    end: datetime = START
    triggered: list[str] = field(default_factory=list)
    # When it was paused, and until when nothing is made up for; None for a pause that still lasts.
    paused: datetime | None = None
    passed_over: list[tuple[datetime, datetime]] = field(default_factory=list)
    held: list[tuple[datetime, datetime]] = field(default_factory=list)

    async def begin(self) -> None:
        if self.marks and self.marks[-1] - self.stage.clock.wall > CORRECTION:
            self.correct()  # the clock was set back by as much in several steps
        await self.stage.play(self.job)
        self.note()

    async def rest(self) -> None:
        """Let everything start that waits for room."""
        while len(self.stage.loop._queue) or len(self.stage.loop._executor):
            await quick_settle()

    def note(self) -> None:
        """Look at the mark; it never goes back but for a correction."""
        self.marks.append(self.stage.last_tick())

    def correct(self) -> None:
        self.corrections += 1
        self.marks.clear()

    async def live(self, steps: list[Step]) -> None:
        clock = self.stage.clock
        await self.begin()
        for what, seconds in steps:
            if what == "advance":
                await clock.advance(seconds)
            elif what == "suspend":
                clock.suspend(seconds=seconds)
                self.gaps += 1
                await clock.advance(LOOK.total_seconds())
            elif what in {"stop", "kill"}:
                await (self.stage.stop() if what == "stop" else self.stage.kill())
                clock.suspend(seconds=seconds)
                self.gaps += 1
                await self.begin()
            elif what == "reload":
                await self.stage.reload(self.job)
            elif what == "trigger":
                self.triggered.append(new_id())
                self.stage.loop.steering.trigger(self.job, self.triggered[-1], "somebody")
            elif what in {"pause", "resume", "catch up"}:
                self.steer(what)
            else:
                await self.set_by(seconds)
            await self.rest()
            self.note()
        self.end = clock.wall
        if self.paused is not None:
            self.passed_over.append((self.paused, self.end))
            self.held.append((self.paused, self.end))
        await self.stage.stop()

    def steer(self, what: str) -> None:
        steering, now = self.stage.loop.steering, self.stage.clock.wall
        if what == "pause" and self.paused is None:
            steering.pause("a", Pause("somebody", now))
            self.paused = now
        elif what != "pause" and self.paused is not None:
            steering.resume("a", "somebody", catches_up=what == "catch up")
            self.held.append((self.paused, now))
            if what == "resume":
                self.passed_over.append((self.paused, now))
            else:
                self.gaps += 1  # after it, too, there is something to make up for
            self.paused = None

    async def set_by(self, seconds: float) -> None:
        clock = self.stage.clock
        clock.set_by(seconds=seconds)
        if abs(timedelta(seconds=seconds)) > CORRECTION:
            self.correct()
        self.gaps += 1
        await clock.advance(LOOK.total_seconds())


def ticks(one: Job, after: datetime, until: datetime) -> Iterator[datetime]:
    """The ticks of a job in a time, by the timetable alone."""
    for time in calendar_ticks(calendar_of(one), after):
        if time > until:
            return
        yield time


def lived(folder: Path, one: Job, steps: list[Step]) -> Life:
    life = Life(Stage(folder, FakeClock(START)), one)
    asyncio.run(life.live(steps))
    return life


def test_the_rules_hold_whatever_is_done_to_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.cron.stage.settle", quick_settle)
    seed = SystemRandom().randrange(10**6) if MORE else 0
    for number in range(MORE or 60):
        one, steps = a_life(Random(f"{seed} {number}"))
        folder = tmp_path / str(number)
        folder.mkdir()
        spec = one.spec
        told = f"seed {seed} {number}: {spec.schedule} {spec.jitter} {spec.missed_runs} {steps}"
        check(lived(folder, one, steps), told)
        shutil.rmtree(folder)


async def quick_settle() -> None:
    for _ in range(16):
        await asyncio.sleep(0)


def check(life: Life, told: str) -> None:
    ids = [one.execution_id for one in life.stage.sent]
    # What was asked for by hand is sent once, and nothing else hangs on it.
    assert all(ids.count(one) == 1 for one in life.triggered), told
    sent = [one for one in life.stage.sent if one.execution_id not in life.triggered]
    times = [one.scheduled_time for one in sent]
    # Each tick is sent at most once, under the ID that stands for it.
    assert len(set(times)) == len(times), told
    assert all(one.execution_id == scheduled_id("a", one.scheduled_time) for one in sent), told
    # Only ticks of the schedule, and none before its time by the clock that was valid.
    assert all(time in ticks(life.job, time - timedelta(seconds=1), time) for time in times), told
    assert all(one.time >= one.scheduled_time for one in sent), told
    # The mark stands for all before it.
    assert all(earlier <= later for earlier, later in pairwise(life.marks)), told
    if not life.corrections:
        # Nothing starts in a pause.
        spans = [span for span in life.held for one in sent if span[0] < one.time < span[1]]
        assert spans == [], told
        # In the order of the schedule.
        assert times == sorted(times), told
        check_policy(life, times, told)


def check_policy(life: Life, times: list[datetime], told: str) -> None:
    """What each policy says of ticks that nobody saw in time."""
    policy, jitter = life.job.spec.missed_runs, timedelta(seconds=life.job.spec.jitter)
    late = [
        one
        for one in life.stage.sent
        if one.time - one.scheduled_time > jitter + PUNCTUAL
        and one.execution_id not in life.triggered
    ]
    if policy == "ignore":
        assert late == [], told
    if policy == "execute_one":
        # Once after each time in which nobody looked.
        assert len(late) <= life.gaps, told
        assert len({one.time for one in late}) == len(late), told
    if policy == "execute_all":
        # What jitter puts off at the end may be sent, or not yet.
        until = max([life.end - jitter, *times])
        missing = set(ticks(life.job, START, until)) - set(times)
        assert set(times) <= set(ticks(life.job, START, until)), told
        # A pause that was not made up for, with what jitter had put off into it.
        spans = [(since - jitter, end) for since, end in life.passed_over]
        lost = [one for one in missing if not any(a <= one <= b for a, b in spans)]
        assert lost == [], told
