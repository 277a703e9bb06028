"""`chronos next`, from the command line."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chronos_cli.redact import Redactor
from chronos_cli.state.entries import Pause
from chronos_cli.state.store import Store
from tests.cli.test_validate import on_terminal
from tests.support import chronos, write

JOBS = """
defaults: {webhook: {url: "http://localhost/"}}
jobs:
  - {name: nightly, schedule: "30 2 * * *", timezone: America/New_York}
  - {name: twin, schedule: "30 2 * * *", timezone: America/New_York}
  - {name: pulse, schedule: "@every 90s"}
  - {name: paused, schedule: "@daily", enabled: false}
  - {name: by-hand}
"""
AFTER = ("--after", "2024-03-10T00:00-05:00")


def test_json_is_exactly_this(tmp_path: Path) -> None:
    path = write(tmp_path, JOBS)
    result = chronos("next", path, *AFTER, "--count", "2", "--output", "json")
    assert result.code == 0
    nightly = {
        "schedule": "30 2 * * *",
        "timezone": "America/New_York",
        "fires": ["2024-03-10T03:00:00-04:00", "2024-03-11T02:30:00-04:00"],
        "excepted": [],
    }
    pulse = ["2024-03-10T05:01:30+00:00", "2024-03-10T05:03:00+00:00"]
    utc: dict[str, Any] = {"timezone": "UTC", "excepted": []}
    assert result.report == {
        "schema_version": 1,
        "results": [
            {"job_id": "nightly", **nightly},
            {"job_id": "twin", **nightly},
            {"job_id": "pulse", "schedule": "@every 90s", **utc, "fires": pulse},
            {"job_id": "paused", "schedule": "@daily", **utc, "fires": []},
        ],
    }
    assert result.err == (
        "chronos: 1 job disabled: paused\nchronos: 1 job without a schedule: by-hand\n"
    )


def test_the_table_says_it_to_people(tmp_path: Path) -> None:
    result = chronos("next", write(tmp_path, JOBS), *AFTER, "--count", "2")
    assert result.code == 0
    blocks = result.out.split("\n\n")
    assert blocks[0].splitlines() == [
        "nightly: at 02:30 every day",
        "  30 2 * * *  America/New_York",
        "  Sun 2024-03-10 03:00:00 -04:00  =  2024-03-10 07:00:00 UTC"
        "  ! 02:30 does not exist (the clock goes from 02:00 to 03:00); fires at 03:00",
        "  Mon 2024-03-11 02:30:00 -04:00  =  2024-03-11 06:30:00 UTC",
    ]
    assert [block.splitlines()[0] for block in blocks[1:]] == [
        "twin: at 02:30 every day",
        "pulse: every 1m30s",
        "paused (disabled: does not fire): at 00:00 every day",
    ]
    assert result.err == "chronos: 1 job without a schedule: by-hand\n"


def test_merged_is_one_list_in_order_of_time(tmp_path: Path) -> None:
    jobs = """
    defaults: {webhook: {url: "http://h/${UNSET}"}, timezone: Europe/Berlin}
    jobs:
      - {name: late, schedule: "0 3 * * *"}
      - {name: gap, schedule: "30 2 * * *"}
      - {name: utc, schedule: "15 1 * * *", timezone: UTC}
      - {name: paused, schedule: "@hourly", enabled: false}
    """
    path = write(tmp_path, jobs)
    options = ("--merged", "--after", "2024-03-31T00:00+01:00", "--count", "4")
    result = chronos("next", path, *options)
    assert result.out.splitlines() == [
        "Sun 2024-03-31 03:00:00 +02:00  =  2024-03-31 01:00:00 UTC  late",
        "Sun 2024-03-31 03:00:00 +02:00  =  2024-03-31 01:00:00 UTC  gap"
        "  ! 02:30 does not exist (the clock goes from 02:00 to 03:00); fires at 03:00",
        "Sun 2024-03-31 01:15:00 +00:00  =  2024-03-31 01:15:00 UTC  utc",
        "Mon 2024-04-01 02:30:00 +02:00  =  2024-04-01 00:30:00 UTC  gap",
    ]
    assert result.err == "chronos: 1 job disabled: paused\n"
    document = chronos("next", path, *options, "-o", "json").report
    assert document == {
        "schema_version": 1,
        "results": [
            {"time": time, "job_id": job_id, "timezone": zone}
            for time, job_id, zone in (
                ("2024-03-31T03:00:00+02:00", "late", "Europe/Berlin"),
                ("2024-03-31T03:00:00+02:00", "gap", "Europe/Berlin"),
                ("2024-03-31T01:15:00+00:00", "utc", "UTC"),
                ("2024-04-01T02:30:00+02:00", "gap", "Europe/Berlin"),
            )
        ],
    }


def test_five_from_now_unless_told_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path, 'name: a\nschedule: "* * * * *"\nwebhook: {url: "http://h/"}\n')
    result = chronos("next", path, "--output", "json")
    times = [datetime.fromisoformat(text) for text in result.only["fires"]]
    assert len(times) == 5
    wait = (times[0] - datetime.now(times[0].tzinfo)).total_seconds()
    assert -30 < wait <= 60


def test_jitter_is_told(tmp_path: Path) -> None:
    write(tmp_path, 'name: a\nschedule: "@daily"\njitter: 30m\nwebhook: {url: "http://h/"}\n')
    result = chronos("next", "job.yaml", cwd=tmp_path)
    assert result.out.splitlines()[1] == "  @daily  UTC  (starts up to 30m later: jitter)"


def test_no_schedule_at_all(tmp_path: Path) -> None:
    path = write(tmp_path, 'name: a\nwebhook: {url: "http://h/"}\n')
    result = chronos("next", path, "--output", "json")
    assert (result.code, result.report["results"]) == (0, [])
    assert chronos("next", path).out == ""


def test_a_time_with_an_offset_that_rfc_3339_does_not_know(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'name: a\nschedule: "0 9 * * *"\ntimezone: Africa/Monrovia\nwebhook: {url: "http://h/"}\n',
    )
    result = chronos("next", path, "--after", "1960-01-01T00:00Z", "--count=1", "--output", "json")
    assert result.only["fires"] == ["1960-01-01T09:44:30+00:00"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--after", "tomorrow"),
        ("--after", "2024-03-10T00:00"),
        ("--after", "9999-12-31T00:00Z"),
        ("--after", "0001-01-01T00:00+14:00"),
        ("--count", "0"),
        ("--count", "10001"),
        ("--output", "jsonl"),
    ],
)
def test_a_wrong_command_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = chronos("next", write(tmp_path, JOBS), *arguments)
    assert (result.code, result.out) == (2, "")
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    "schedule", ["0 0 31 2,4,6,9,11 *", "0 0 */30 * 1#2", "0 22-2 * * *", "@boot", "0 0 W * *"]
)
def test_a_schedule_that_cannot_be(schedule: str, tmp_path: Path) -> None:
    path = write(tmp_path, f'name: a\nschedule: "{schedule}"\nwebhook: {{url: "http://h/"}}\n')
    result = chronos("next", path)
    assert (result.code, result.out) == (3, "")
    assert "job.yaml:2:11: " in result.err
    assert result.seconds < 5


CALENDAR = """\
BEGIN:VCALENDAR
BEGIN:VEVENT
DTSTART;VALUE=DATE:20201225
DTEND;VALUE=DATE:20201227
RRULE:FREQ=YEARLY
SUMMARY:Christmas
END:VEVENT
END:VCALENDAR
"""
EXCEPTIONS = """
name: a
schedule: ["0 9 * * *", "@at 2026-12-27T12:00"]
starts: 2026-12-24
except: [holidays.ics, 2026-12-28..2026-12-31]
webhook: {url: "http://h/"}
"""
FROM_CHRISTMAS = ("--after", "2026-12-01T00:00Z", "--count", "4")


def test_exceptions_are_struck_out(tmp_path: Path) -> None:
    """The zone is that of chronos.yaml."""
    write(tmp_path, CALENDAR, "holidays.ics")
    path = write(tmp_path, EXCEPTIONS)
    write(tmp_path, "scheduler: {timezone: Asia/Tokyo}\n", "chronos.yaml")
    result = chronos("next", path, *FROM_CHRISTMAS, "--output", "json", cwd=tmp_path)
    assert result.only["schedule"] == ["0 9 * * *", "@at 2026-12-27T12:00"]
    assert result.only["timezone"] == "Asia/Tokyo"
    assert result.only["fires"] == [
        "2026-12-24T09:00:00+09:00",
        "2026-12-27T09:00:00+09:00",
        "2026-12-27T12:00:00+09:00",
        "2027-01-01T09:00:00+09:00",
    ]
    days = [(one["time"][:10], one["exception"]) for one in result.only["excepted"]]
    assert days == [
        ("2026-12-25", "Christmas"),
        ("2026-12-26", "Christmas"),
        *((f"2026-12-{day}", "2026-12-28..2026-12-31") for day in (28, 29, 30, 31)),
    ]
    lines = chronos("next", path, *FROM_CHRISTMAS, cwd=tmp_path).out.splitlines()
    assert lines[0] == (
        "a: at 09:00 every day; and once, at 2026-12-27 12:00:00; from 2026-12-24 00:00"
    )
    assert lines[3] == (
        "- Fri 2026-12-25 09:00:00 +09:00  =  2026-12-25 00:00:00 UTC  ! does not fire: Christmas"
    )
    _, shown = on_terminal(["next", path, *FROM_CHRISTMAS], tmp_path)
    struck = "\x1b[9mFri 2026-12-25 09:00:00 +09:00  =  2026-12-25 00:00:00 UTC\x1b[29m"
    assert f"- {struck}\n    ! does not fire: Christmas\n" in shown


def test_an_exception_without_end_is_cut_short(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "name: a\nschedule: '* * * * * *'\nexcept: 2026-12-01..8999-12-31\n"
        "webhook: {url: 'http://h/'}\n",
    )
    result = chronos("next", path, *FROM_CHRISTMAS[:2], "--count", "2", "--output", "json")
    assert result.only["fires"] == ["9000-01-01T00:00:00+00:00", "9000-01-01T00:00:01+00:00"]
    assert [one.get("more") for one in result.only["excepted"]] == [None, True]


@pytest.mark.parametrize("command", ["next", "list", "history"])
def test_a_pause_is_told_beside_what_is_shown(tmp_path: Path, command: str) -> None:
    (tmp_path / "jobs.yaml").write_text(
        "jobs:\n"
        '  - {name: a, schedule: "@hourly", webhook: {url: "http://localhost/"}}\n'
        '  - {name: b, schedule: "@hourly", webhook: {url: "http://localhost/"}}\n'
    )
    state = ("--state", str(tmp_path / "state.sqlite"))
    files = () if command == "history" else (str(tmp_path / "jobs.yaml"),)
    assert "paused" not in chronos(command, *files, *state).err
    store = Store.open(tmp_path / "state.sqlite", Redactor())
    for name in ("a", "elsewhere"):
        store.pause(name, Pause("alice", datetime.now(UTC), "they \x1b[31mmove"))
    store.close()
    told = chronos(command, *files, *state)
    assert told.code == 0
    assert "chronos: a: paused by alice" in told.err
    assert "\x1b" not in told.err
    assert ("elsewhere" in told.err) == (command == "history")
    if files:
        one = chronos(command, *files, "--job", "b", *state)
        assert "paused" not in one.err


def test_a_state_that_cannot_be_read_fails_only_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(
        'name: a\nschedule: "@hourly"\nwebhook: {url: "http://localhost/"}\n'
    )
    broken = tmp_path / "chronos" / "state.sqlite"
    broken.parent.mkdir()
    broken.write_text("no database")
    job = str(tmp_path / "job.yaml")
    assert chronos("next", job, env={"XDG_STATE_HOME": str(tmp_path)}).code == 0
    assert chronos("next", job, "--state", str(broken)).code == 3
