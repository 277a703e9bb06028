"""Several schedules, bounds and exceptions: what a job's ticks are, taken together."""

import time as clock
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from random import Random

import pytest

from chronos_cli.schedule.calendar import Calendar, allows, excepted, next_tick, ticks
from chronos_cli.schedule.exceptions import QuietHours, Span, parse_exemption
from chronos_cli.schedule.icalendar import events
from chronos_cli.schedule.shifts import calendar_note
from chronos_cli.schedule.timetable import fires

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def calendar(*schedules: str, zone: str = "UTC", silent: tuple[str, ...] = ()) -> Calendar:
    return Calendar(schedules, zone, exceptions=tuple(map(parse_exemption, silent)))


def found(one: Calendar, after: str, count: int) -> list[str]:
    return [t.isoformat() for t in islice(ticks(one, datetime.fromisoformat(after)), count)]


def test_where_two_schedules_meet_there_is_one_tick() -> None:
    one = calendar("0 9 * * *", "0 9,18 * * 1", "@at 2026-11-24T09:00", "@reboot")
    assert found(one, "2026-11-23T00:00Z", 4) == [
        "2026-11-23T09:00:00+00:00",
        "2026-11-23T18:00:00+00:00",
        "2026-11-24T09:00:00+00:00",
        "2026-11-25T09:00:00+00:00",
    ]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("@at 2027-01-04T09:00", "2027-01-04T09:00:00+01:00"),
        ("@at 2027-01-04 09:00:30", "2027-01-04T09:00:30+01:00"),
        ("@at 2027-01-04T09:00Z", "2027-01-04T10:00:00+01:00"),
        ("@at 2027-01-04T09:00-05:00", "2027-01-04T15:00:00+01:00"),
        ("@at 2027-03-28T02:30", "2027-03-28T03:00:00+02:00"),  # in the gap, as a fixed schedule
        ("@at 2027-10-31T02:30", "2027-10-31T02:30:00+02:00"),  # the first of two
    ],
)
def test_once(schedule: str, expected: str) -> None:
    assert found(calendar(schedule, zone=BERLIN), "2026-01-01T00:00Z", 2) == [expected]
    assert found(calendar(schedule, zone=BERLIN), expected, 2) == []


def test_what_a_change_of_the_clock_does_to_it() -> None:
    def note(*schedules: str) -> str | None:
        one = calendar(*schedules, zone=BERLIN)
        before = datetime(2027, 1, 1, tzinfo=UTC)
        return calendar_note(one, before, next_tick(one, before))

    put = "the clock goes from 02:00 to 03:00"
    missing = f"02:30 does not exist ({put}); fires at 03:00"
    assert note("@at 2027-03-28T02:30") == missing
    assert note("@at 2027-03-28T02:30", "0 9 1 7 *") == missing
    put = "the clock goes back from 03:00 to 02:00"
    assert note("@at 2027-10-31T02:30") == f"02:30 comes twice ({put}); fires the first time only"
    assert note("@at 2027-10-31T02:30+01:00") is None


def test_the_bounds_belong_to_the_span() -> None:
    starts = datetime(2026, 11, 23, 9, tzinfo=UTC)
    one = Calendar(("0 9 * * *",), "UTC", starts, starts + timedelta(days=1))
    assert found(one, "2020-01-01T00:00Z", 5) == [
        "2026-11-23T09:00:00+00:00",
        "2026-11-24T09:00:00+00:00",
    ]
    second = timedelta(seconds=1)
    moments = [
        starts - second,
        starts,
        starts + timedelta(days=1),
        starts + timedelta(days=1, seconds=1),
    ]
    assert [allows(one, moment) for moment in moments] == [False, True, True, False]


def test_quiet_hours_are_those_of_the_clock() -> None:
    """The clock goes back at 2:00: 1:30 is read twice, and both are quiet; 6:00 is not."""
    one = calendar("30 * * * *", "0 6 * * *", zone=NEW_YORK, silent=("22:00-06:00",))
    assert found(one, "2024-11-02T20:45-04:00", 3) == [
        "2024-11-02T21:30:00-04:00",
        "2024-11-03T06:00:00-05:00",
        "2024-11-03T06:30:00-05:00",
    ]
    passed = excepted(one, datetime.fromisoformat("2024-11-03T00:45-04:00"), None)
    assert [(p.time.isoformat(), p.words) for p in islice(passed, 3)] == [
        ("2024-11-03T01:30:00-04:00", "22:00-06:00"),
        ("2024-11-03T01:30:00-05:00", "22:00-06:00"),
        ("2024-11-03T02:30:00-05:00", "22:00-06:00"),
    ]


def test_a_range_of_times_ends_before_its_end() -> None:
    silent = ("2026-12-24T18:00..2026-12-24T20:00", "2026-12-25T09:00Z..2026-12-25T10:00Z")
    one = calendar("0 * * * *", zone=BERLIN, silent=silent)
    passed = excepted(one, datetime(2026, 12, 24, tzinfo=UTC), datetime(2026, 12, 26, tzinfo=UTC))
    assert [p.time.isoformat()[8:16] for p in passed] == ["24T18:00", "24T19:00", "25T10:00"]


def test_each_exception_is_told_by_its_own_words() -> None:
    """Where they meet and where they overlap; what is passed by is passed by at once."""
    silent = ("2027-03-27", "2027-03-28", "2027-03-28T12:00..2027-03-29T12:00")
    one = calendar("0 6,18 * * *", silent=silent)
    passed = excepted(one, datetime(2027, 3, 27, tzinfo=UTC), datetime(2027, 3, 31, tzinfo=UTC))
    assert [p.words for p in passed] == [silent[0]] * 2 + [silent[1]] * 2 + [silent[2]]
    assert found(one, "2027-03-27T00:00Z", 1) == ["2027-03-29T18:00:00+00:00"]
    days = tuple(Span(day, day + timedelta(1), "") for day in _days(2027, 1500))
    long = Calendar(("0 9 * * *",), "UTC", exceptions=days)
    assert found(long, "2027-01-01T00:00Z", 1) == ["2031-02-09T09:00:00+00:00"]


def _days(year: int, count: int) -> Iterator[datetime]:
    return (datetime(year, 1, 1) + timedelta(number) for number in range(count))


def test_a_yearly_event_never_parts_from_its_schedule() -> None:
    (christmas,) = events(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20201225\nRRULE:FREQ=YEARLY\n"
        "END:VEVENT\nEND:VCALENDAR\n"
    )
    one = Calendar(("0 9 25 12 *",), "UTC", exceptions=(christmas,))
    began = clock.process_time()
    with pytest.raises(OverflowError):
        next_tick(one, datetime(2026, 1, 1, tzinfo=UTC))
    assert clock.process_time() - began < 2
    late = Calendar(
        ("0 9 25 12 *",), "UTC", exceptions=(parse_exemption("2027-01-01..8999-12-31"),)
    )
    assert found(late, "2027-01-01T00:00Z", 1) == ["9000-12-25T09:00:00+00:00"]


def is_silent(one: Calendar, moment: datetime) -> bool:
    """The rule said otherwise, without instants: of the wall clock alone."""
    wall = moment.replace(tzinfo=None)
    for exception in one.exceptions:
        if isinstance(exception, QuietHours):
            minutes = (exception.end.hour - exception.begin.hour) % 24
            if (wall.hour - exception.begin.hour) % 24 < minutes:
                return True
        elif exception.first.date() <= wall.date() < exception.last.date():
            return True
    return False


def a_calendar(chance: Random) -> Calendar:
    texts = [
        "*/25 * * * *",
        "0 9 * * 1-5",
        "30 2 * * *",
        "@every 7h",
        "15 */3 * * *",
        "0 1,2,3 * * *",
    ]
    schedules = tuple(chance.sample(texts, chance.randint(1, 3)))
    day = date(2026, 3, 20) + timedelta(days=chance.randint(0, 12))
    first, last = chance.sample(range(24), 2)
    choices = [
        QuietHours(time(first), time(last), "quiet"),
        parse_exemption(f"{day}..{day + timedelta(days=chance.randint(0, 3))}"),
        parse_exemption(str(day + timedelta(days=2))),
    ]
    silent = tuple(chance.sample(choices, chance.randint(0, 3)))
    return Calendar(schedules, chance.choice([BERLIN, "UTC"]), exceptions=silent)


def expected_ticks(one: Calendar, after: datetime, until: datetime) -> Iterator[datetime]:
    every = {
        fire.astimezone(UTC): fire
        for schedule in one.schedules
        for fire in fires_until(schedule, one.zone, after, until)
    }
    yield from (every[key] for key in sorted(every) if not is_silent(one, every[key]))


def fires_until(schedule: str, zone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    for fire in fires(schedule, zone, after):
        if fire.astimezone(UTC) > until:
            return
        yield fire


def test_against_the_same_rule_said_otherwise() -> None:
    """Over the change of the clock in Berlin, on 29 March 2026."""
    after, until = datetime(2026, 3, 18, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC)
    for seed in range(25):
        one = a_calendar(Random(seed))
        wanted = list(expected_ticks(one, after, until))
        got = list(islice(ticks(one, after), len(wanted) + 1))
        assert got[: len(wanted)] == wanted, (seed, one)
        assert len(got) == len(wanted) or got[-1].astimezone(UTC) > until, (seed, one)


def test_spans_are_told_by_their_own_words() -> None:
    one = Calendar(
        ("0 12 * * *",),
        "UTC",
        exceptions=(Span(datetime(2026, 1, 1), datetime(2026, 1, 2), "New Year"),),
    )
    (passed,) = excepted(
        one, datetime(2025, 12, 31, 13, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
    )
    assert passed.words == "New Year"
