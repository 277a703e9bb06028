"""What is read of an iCalendar file, and what is refused."""

from datetime import datetime

import pytest

from chronos_cli.schedule.exceptions import Span
from chronos_cli.schedule.icalendar import IcsError, events


def read(*lines: str) -> list[Span]:
    body = "\r\n".join(lines)
    return events(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTIMEZONE\r\nTZID:x\r\nBEGIN:STANDARD\r\n"
        "DTSTART:19701025T030000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\n"
        f"END:VTIMEZONE\r\nBEGIN:VEVENT\r\n{body}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )


def test_whole_days() -> None:
    lines = (
        "DTSTART;VALUE=DATE:20261224",
        "DTEND;VALUE=DATE:20261227",
        "SUMMARY:Christ",
        " mas\\, long",
    )
    assert read(*lines) == [Span(datetime(2026, 12, 24), datetime(2026, 12, 27), "Christmas, long")]
    assert read("DTSTART:20261224", "DURATION:P2D")[0].last == datetime(2026, 12, 26)
    assert read("DTSTART;VALUE=DATE:20261224")[0].last == datetime(2026, 12, 25)


@pytest.mark.parametrize(
    ("lines", "zone", "first", "last"),
    [
        (["DTSTART:20261224T080000Z", "DTEND:20261224T100000Z"], "UTC", 8, 10),
        (["DTSTART:20261224T080000", "DTEND:20261224T100000"], None, 8, 10),
        (
            ["DTSTART;TZID=Europe/Berlin:20261224T080000", "DURATION:PT2H30M"],
            "Europe/Berlin",
            8,
            10.5,
        ),
        (
            ["DTSTART;TZID=Europe/Berlin:20261224T080000", "DTEND:20261224T100000Z"],
            "Europe/Berlin",
            8,
            11,
        ),
    ],
)
def test_with_a_time(lines: list[str], zone: str | None, first: float, last: float) -> None:
    (span,) = read(*lines)
    assert span.zone == zone
    assert [span.first.hour, span.last.hour + span.last.minute / 60] == [first, last]


@pytest.mark.parametrize(
    ("rule", "years"),
    [
        ("FREQ=YEARLY", [2020, 2021, 2022, 2023, 2024, 2025, 2026]),
        ("FREQ=YEARLY;INTERVAL=2", [2020, 2022, 2024, 2026]),
        ("FREQ=YEARLY;COUNT=3", [2020, 2021, 2022]),
        ("FREQ=YEARLY;UNTIL=20221225", [2020, 2021, 2022]),
        ("FREQ=YEARLY;UNTIL=20221224T235959Z;BYMONTH=12;BYMONTHDAY=25;WKST=MO", [2020, 2021]),
    ],
)
def test_every_year(rule: str, years: list[int]) -> None:
    (span,) = read("DTSTART;VALUE=DATE:20201225", f"RRULE:{rule}")
    begins = {first for year in range(2015, 2027) for first, _ in span.occurrences(year)}
    assert sorted(one.year for one in begins if one.year <= 2026) == years


def test_the_29th_of_february_comes_in_leap_years() -> None:
    (span,) = read("DTSTART:20240229", "RRULE:FREQ=YEARLY")
    begins = {first.year for year in range(2024, 2033) for first, _ in span.occurrences(year)}
    assert begins == {2024, 2028, 2032}


def test_what_is_cancelled_takes_no_time() -> None:
    assert read("DTSTART:20261224", "STATUS:CANCELLED") == []


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["DTSTART:20261224", "RRULE:FREQ=MONTHLY"], "line 12: of rules only FREQ=YEARLY is known"),
        (["DTSTART:20261224", "RRULE:FREQ=YEARLY;BYDAY=4TH"], "line 12: of rules only"),
        (["DTSTART:20261224", "RRULE:FREQ=YEARLY;BYMONTH=11"], "line 12: of rules only"),
        (["DTSTART:20261224", "EXDATE:20271224"], "line 12: EXDATE is not supported"),
        (["DTSTART:20261224", "DTSTART:20261225"], "line 12: a second DTSTART"),
        (["DTSTART:20261324"], "line 11: cannot read DTSTART '20261324'"),
        (["DTSTART;TZID=Middle Earth:20261224T080000"], "line 11: no time zone 'Middle Earth'"),
        (["DTSTART:20261224", "DTEND:20261224"], "line 11: the event ends before it begins"),
        (["DTSTART:20261224", "DTEND:20261225T080000"], "line 12: DTSTART and DTEND are not both"),
        (["DTSTART:20261224T080000", "DURATION:-PT1H"], "line 12: cannot read DURATION '-PT1H'"),
        (["SUMMARY:x"], "an event has no DTSTART"),
        (["no line of a calendar"], "line 11: cannot read 'no line of a calendar'"),
        (["END:VALARM"], "line 11: END:VALARM ends nothing"),
    ],
)
def test_what_is_not_understood_is_refused(lines: list[str], message: str) -> None:
    with pytest.raises(IcsError) as error:
        read(*lines)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "text",
    ["", "<html>", "BEGIN:VCARD\nEND:VCARD\n", "BEGIN:VCALENDAR\n", "BEGIN:VCALENDAR\n" * 50_000],
)
def test_what_is_no_calendar(text: str) -> None:
    with pytest.raises(IcsError):
        events(text)


def test_a_calendar_without_end() -> None:
    event = "BEGIN:VEVENT\nDTSTART:20261224\nEND:VEVENT\n"
    with pytest.raises(IcsError, match="more than 2000 events"):
        events(f"BEGIN:VCALENDAR\n{event * 2001}END:VCALENDAR\n")
