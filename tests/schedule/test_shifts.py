"""What is said of the clock's being put."""

from datetime import datetime
from itertools import islice

import pytest

from chronos_cli.schedule.shifts import shift_note
from chronos_cli.schedule.timetable import fires

NEW_YORK = "America/New_York"
FORWARD = "2024-03-10T00:50-05:00"
BACK = "2024-11-03T00:50-04:00"
GAP = "(the clock goes from 02:00 to 03:00)"
FOLD = "(the clock goes back from 02:00 to 01:00)"

# schedule, zone, after, and what is said of the fire times that follow.
NOTES: list[tuple[str, str, str, list[str | None]]] = [
    ("30 2 * * *", NEW_YORK, FORWARD, [f"02:30 does not exist {GAP}; fires at 03:00", None]),
    (
        "0,20,40 2 * * *",
        NEW_YORK,
        FORWARD,
        [f"02:00, 02:20 and 02:40 do not exist {GAP}; fires at 03:00", None],
    ),
    (
        "0-59 2 * * *",
        NEW_YORK,
        FORWARD,
        [f"02:00, 02:01, 02:02 and more do not exist {GAP}; fires at 03:00", None],
    ),
    ("0 3 * * *", NEW_YORK, FORWARD, [None, None]),
    ("0 1 * * *", NEW_YORK, FORWARD, [None, None]),
    ("@hourly", NEW_YORK, FORWARD, [None, f"02:00 does not exist {GAP}; does not fire then", None]),
    (
        "*/15 2 * * *",
        NEW_YORK,
        FORWARD,
        [f"02:00, 02:15, 02:30 and more do not exist {GAP}; does not fire then", None],
    ),
    ("30 1 * * *", NEW_YORK, BACK, [f"01:30 comes twice {FOLD}; fires the first time only", None]),
    (
        "@hourly",
        NEW_YORK,
        BACK,
        [
            f"01:00 comes twice {FOLD}; this is the first time",
            f"01:00 comes twice {FOLD}; this is the second time",
            None,
        ],
    ),
    ("@every 30m", NEW_YORK, BACK, [None] * 4),
    (
        "0 9 * * *",
        "Pacific/Apia",
        "2011-12-29T12:00-10:00",
        [
            "2011-12-30 09:00 does not exist (the clock goes from 2011-12-30 00:00 to "
            "2011-12-31 00:00); fires at 2011-12-31 00:00",
            None,
        ],
    ),
    (
        "30 0 2 * * *",
        "Australia/Lord_Howe",
        "2024-10-05T12:00+10:30",
        ["02:00:30 does not exist (the clock goes from 02:00 to 02:30); fires at 02:30", None],
    ),
]


@pytest.mark.parametrize(("schedule", "zone", "after", "notes"), NOTES)
def test_notes(schedule: str, zone: str, after: str, notes: list[str | None]) -> None:
    previous = datetime.fromisoformat(after)
    said = []
    for time in islice(fires(schedule, zone, previous), len(notes)):
        said.append(shift_note(schedule, zone, previous, time))
        previous = time
    assert said == notes
