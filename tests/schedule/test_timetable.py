"""What `next_fire` answers, against a table, and against a walk along the clock."""

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise, takewhile
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chronos_cli.schedule.expression import NICKNAMES, check_schedule
from chronos_cli.schedule.timetable import fires, next_fire
from tests.schedule.oracle import walk

LINES = (Path(__file__).parent / "table.txt").read_text().splitlines()
TABLE = [line.split("|") for line in LINES if "|" in line and not line.startswith("#")]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: " ".join("".join(row[:3]).split()))
def test_the_table(row: list[str]) -> None:
    schedule, zone, after, expected = (cell.strip() for cell in row)
    wanted = [datetime.fromisoformat(text) for text in expected.split()]
    found = list(islice(fires(schedule, zone, datetime.fromisoformat(after)), len(wanted)))
    assert [one.isoformat() for one in found] == [
        one.astimezone(ZoneInfo(zone)).isoformat() for one in wanted
    ]


def test_fires_end_with_the_calendar() -> None:
    late = datetime(9998, 6, 1, tzinfo=UTC)
    assert len(list(fires("@monthly", "UTC", late))) == 18
    with pytest.raises(OverflowError):
        next_fire("@yearly", "Europe/Berlin", datetime(9999, 12, 30, tzinfo=UTC))


@pytest.mark.parametrize("schedule", ["", "0 0 30 2 *", "*/0 * * * *", "@boot", "@every 0s"])
def test_what_is_refused_does_not_fire(schedule: str) -> None:
    assert check_schedule(schedule)
    with pytest.raises(ValueError, match=r"."):
        next_fire(schedule, "UTC", datetime(2024, 1, 1, tzinfo=UTC))


# The clock is put forward and back, by half an hour, by two, by a day, at midnight, in Ramadan.
CHANGES = [
    ("America/New_York", "2024-03-10T07:00"),
    ("America/New_York", "2024-11-03T06:00"),
    ("Europe/London", "2024-03-31T01:00"),
    ("Europe/London", "2024-10-27T01:00"),
    ("Europe/Dublin", "2024-10-27T01:00"),
    ("Australia/Lord_Howe", "2024-04-06T15:00"),
    ("Australia/Lord_Howe", "2024-10-05T15:30"),
    ("America/Sao_Paulo", "2018-02-18T02:00"),
    ("America/Sao_Paulo", "2018-11-04T03:00"),
    ("Africa/Casablanca", "2024-03-10T02:00"),
    ("Africa/Casablanca", "2024-04-14T02:00"),
    ("Pacific/Apia", "2011-12-30T10:00"),
    ("Pacific/Kwajalein", "1993-08-21T12:00"),
    ("America/Juneau", "1983-10-30T10:00"),
    ("Asia/Kathmandu", "1985-12-31T18:30"),
    ("Asia/Pyongyang", "2018-05-04T15:00"),
    ("Antarctica/Troll", "2024-03-31T01:00"),
    ("Antarctica/Troll", "2024-10-27T01:00"),
    ("America/Scoresbysund", "2024-03-31T00:00"),
    ("UTC", "2024-02-29T00:00"),
]


def items(low: int, high: int) -> st.SearchStrategy[str]:
    """One item of a field: a number, a range, with or without a step."""
    number = st.integers(low, high)
    ranges = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    steps = st.integers(1, high)
    return st.one_of(
        number.map(str),
        ranges,
        st.tuples(ranges, steps).map(lambda pair: f"{pair[0]}/{pair[1]}"),
        st.tuples(number, steps).map(lambda pair: f"{pair[0]}/{pair[1]}"),
        steps.map(lambda step: f"*/{step}"),
    )


def fields(low: int, high: int, *others: str) -> st.SearchStrategy[str]:
    lists = st.lists(items(low, high), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), lists, *map(st.just, others))


# Hours near midnight and the usual changes are the interesting ones.
HOURS = st.one_of(fields(0, 4), fields(0, 23), st.just("0"), st.just("1,2"))
DAYS = st.one_of(st.just("*"), fields(1, 31, "?", "L", "*/2", "1,L", "30,31"))
WEEKDAYS = st.one_of(st.just("*"), fields(0, 6, "?", "7", "mon-fri", "5#1", "L0", "2,4#5"))
EXPRESSIONS = st.tuples(
    fields(0, 59), HOURS, DAYS, st.one_of(st.just("*"), fields(1, 12)), WEEKDAYS
).map(" ".join)
# Seconds from the change: in the gap or fold, at its ends, and a day around.
STARTS = st.one_of(
    st.integers(-7300, 7300), st.sampled_from([-3600, -1, 0, 1, 3600]), st.integers(-90_000, 90_000)
).map(lambda seconds: timedelta(seconds=seconds))


# CHRONOS_TEST_EXAMPLES asks for more of them, and for other ones each time.
MORE = int(os.environ.get("CHRONOS_TEST_EXAMPLES", "0"))


def examples(usual: int) -> settings:
    return settings(max_examples=MORE or usual, deadline=None, derandomize=not MORE, database=None)


Moment = tuple[str, datetime]


@st.composite
def known_changes(draw: st.DrawFn) -> Moment:
    """A moment near a change that is interesting for its kind."""
    zone, change = draw(st.sampled_from(CHANGES))
    return zone, datetime.fromisoformat(change).replace(tzinfo=UTC) + draw(STARTS)


@st.composite
def any_change(draw: st.DrawFn) -> Moment:
    """A moment near a change in any zone and year, or anywhere in a year without one."""
    zone, year = draw(st.sampled_from(ZONES)), draw(st.integers(1970, 2037))
    change = draw(st.sampled_from(changes_of(zone, year)))
    offset = change.astimezone(ZoneInfo(zone)).utcoffset()
    assume(offset is not None and not offset % timedelta(minutes=1))
    return zone, change + draw(STARTS)


ZONES = sorted(zone for zone in available_timezones() if "/" in zone)


@cache
def changes_of(zone: str, year: int) -> list[datetime]:
    """When a zone's offset changed in a year, to the minute; the year's middle if it did not."""
    place = ZoneInfo(zone)

    def offset(moment: datetime) -> timedelta | None:
        return moment.astimezone(place).utcoffset()

    found = []
    step = timedelta(hours=12)
    moment = datetime(year, 1, 1, tzinfo=UTC)
    while moment.year == year:
        if offset(moment) != offset(moment + step):
            minutes = (moment + timedelta(minutes=n) for n in range(1, 721))
            found.append(next(one for one in minutes if offset(one) != offset(moment)))
        moment += step
    return found or [datetime(year, 7, 1, tzinfo=UTC)]


@examples(300)
@given(
    moment=st.one_of(known_changes(), any_change()),
    expression=EXPRESSIONS,
    seconds=st.sampled_from(["", "0 "]),
)
def test_against_a_walk_along_the_clock(moment: Moment, expression: str, seconds: str) -> None:
    assume(check_schedule(expression) is None)
    zone, after = moment
    assert_walked(expression, seconds + expression, zone, after, timedelta(hours=30))


@examples(60)
@given(
    moment=st.one_of(known_changes(), any_change()),
    second=fields(0, 59),
    minute=st.one_of(fields(0, 59), st.just("*")),
    hour=HOURS,
)
def test_seconds_against_a_walk_along_the_clock(
    moment: Moment, second: str, minute: str, hour: str
) -> None:
    expression = f"{second} {minute} {hour} * * *"
    zone, after = moment
    assume(zone not in {"Pacific/Apia", "Pacific/Kwajalein"})  # which skipped a day
    assert_walked(expression, expression, zone, after, timedelta(hours=2))


def assert_walked(
    walked: str, expression: str, zone: str, after: datetime, span: timedelta
) -> None:
    until = after + span
    expected = walk(walked, zone, after, until)[:150]
    coming = (one.astimezone(UTC) for one in fires(expression, zone, after))
    found = list(islice(takewhile(lambda one: one <= until, coming), 150))
    assert found == expected
    assert all(earlier < later for earlier, later in pairwise([after, *found]))


@examples(100)
@given(
    moment=st.one_of(known_changes(), any_change()),
    expression=st.one_of(EXPRESSIONS, st.sampled_from([*NICKNAMES, "@every 7m", "@every 1h1s"])),
    rests=st.lists(st.floats(0, 1), min_size=1, max_size=4),
)
def test_a_restart_changes_nothing(moment: Moment, expression: str, rests: list[float]) -> None:
    """Asked at any instant before a fire time, the answer is that time."""
    assume(check_schedule(expression) is None)
    zone, after = moment
    for expected in islice(fires(expression, zone, after), 8):
        pause = expected.astimezone(UTC) - after
        assert pause > timedelta(0)
        for share in rests:
            between = after + min(pause * share, pause - timedelta(microseconds=1))
            assert next_fire(expression, zone, between).isoformat() == expected.isoformat()
        after = expected.astimezone(UTC)
    # Some never fire again: a wildcard whose every time is in the gap of its year.
    for later in islice(fires(expression, zone, after.astimezone(ZoneInfo(zone))), 1):
        assert later.astimezone(UTC) > after
