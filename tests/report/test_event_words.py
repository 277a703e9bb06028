"""What the loop says to people, and how grave each event is for programs."""

from collections.abc import Iterator
from typing import Any

import pytest

from chronos_cli.cli.colour import painted
from chronos_cli.cron.events import EventKind, LoopEvent
from chronos_cli.report.event_words import event_words
from chronos_cli.report.events import event_document, event_text
from tests.cron.stage import utc
from tests.support import in_zone

NOW = utc("2026-03-02T23:03:03")
ENDED = {
    "job_id": "report",
    "execution_id": "5f0c",
    "status": "succeeded",
    "code": "200",
    "attempts": 1,
    "duration_ms": 11.2,
}
FAILED = ENDED | {"status": "timed_out", "code": None, "attempts": 3, "duration_ms": 93_000.0}
ATTEMPT = {"attempt": 1, "max_attempts": 5, "status": "unreachable", "next_in_s": 1.5}
MISSED = {"job_id": "report", "missed": 12, "policy": "execute_one", "executing": 1}

SAID: list[tuple[EventKind, dict[str, Any], str]] = [
    (EventKind.STARTED, {"jobs": 3}, "· started with 3 jobs; none is due"),
    (
        EventKind.STARTED,
        {"jobs": 1, "unscheduled": 2, "next": "2026-03-03T00:00:00+01:00"},
        "· started with 1 job, 2 without a schedule; next at 23:00:00",
    ),
    (
        EventKind.LISTENING,
        {"url": "http://127.0.0.1:9190/"},
        "· listening on http://127.0.0.1:9190/",
    ),
    (
        EventKind.WARNING,
        {"message": "any certificate is trusted", "jobs": ["a", "b"], "more": 3},
        "! any certificate is trusted (a, b and 3 more)",
    ),
    (EventKind.FIRED, {"job_id": "report", "late_ms": 0.4}, "→ report starts"),
    (EventKind.FIRED, {"job_id": "report", "late_ms": 2500.0}, "→ report starts 2.5 s late"),
    (
        EventKind.ATTEMPT_FAILED,
        {"job_id": "report", **ATTEMPT, "code": "DNS", "message": "no such name"},
        "… report attempt 1/5 unreachable DNS: no such name; next in 1.5s",
    ),
    (EventKind.ENDED, ENDED, "✓ report 200 11 ms"),
    (EventKind.ENDED, ENDED | {"attempts": 2, "code": None}, "✓ report 11 ms, 2 attempts"),
    (
        EventKind.ENDED,
        FAILED | {"message": "no answer within 30s"},
        "✗ report timed out 1 min 33 s, 3 attempts: no answer within 30s",
    ),
    (
        EventKind.SKIPPED,
        {"job_id": "report", "message": "execution x is still running"},
        "- report skipped: execution x is still running",
    ),
    (
        EventKind.MISSED,
        {**MISSED, "or_more": True, "last": "2026-03-01T09:00:00+00:00"},
        "! report missed at least 12 runs, the last at Sun 2026-03-01 09:00:00; "
        "1 made up for (execute_one)",
    ),
    (
        EventKind.RECOVERED,
        {"job_id": "report", "action": "retry", "message": "cut off when pid 7 died"},
        "↻ report sent again: cut off when pid 7 died",
    ),
    (
        EventKind.PAUSED,
        {
            "job_id": "report",
            "by": "alice",
            "at": "2026-03-02T22:00:00+00:00",
            "reason": "migration",
            "until": "2026-03-02T23:30:00+00:00",
        },
        "! report paused by alice since 22:00:00 until 23:30:00: migration",
    ),
    (
        EventKind.PAUSED,
        {"scope": "all", "by": "alice", "at": "2026-03-02T22:00:00+00:00"},
        "! all jobs paused by alice since 22:00:00",
    ),
    (
        EventKind.RESUMED,
        {"job_id": "report", "by": "bob", "passed_over": 3},
        "· report resumed by bob, 3 ticks passed over",
    ),
    (
        EventKind.RESUMED,
        {"scope": "all", "passed_over": 1, "message": "its time was over"},
        "· all jobs resumed: its time was over, 1 tick passed over",
    ),
    (EventKind.HEARTBEAT_FAILED, {"message": "it did not get through"}, "✗ it did not get through"),
    (EventKind.HEARTBEAT_HELD, {"message": "it is held back"}, "✗ it is held back"),
    (EventKind.HEARTBEAT_RESTORED, {}, "✓ the heartbeat is sent again"),
    (
        EventKind.NOTICE_FAILED,
        {"job_id": "report", "message": "rejected: status 404"},
        "✗ report: the notice did not get through: rejected: status 404",
    ),
    (
        EventKind.NOTICE_SENT,
        {"job_id": "report", "hook": "on_failure", "target": "nats://h/alerts"},
        "✓ report on_failure sent, nats://h/alerts",
    ),
    (
        EventKind.NOTICE_HELD,
        {"job_id": "report", "hook": "on_failure", "message": "told of already, failure 2"},
        "- report on_failure not sent: told of already, failure 2",
    ),
    (EventKind.CLOCK_SET, {"by_s": -3600.0}, "! the clock was set back by 1h"),
    (
        EventKind.CLOCK_BEHIND,
        {"until": "2026-03-02T23:30:00+00:00", "message": "nothing fires"},
        "! until 23:30:00: nothing fires; none is due",
    ),
    (EventKind.STATE_FAILED, {"message": "no room; going on"}, "✗ no room; going on"),
    (EventKind.STATE_RESTORED, {}, "✓ the state can be written again"),
    (EventKind.RELOADED, {"jobs": 3, "added": 1}, "↻ reloaded: 3 jobs, 1 added"),
    (EventKind.RELOADED, {"jobs": 1}, "↻ reloaded: 1 job, nothing changed"),
    (
        EventKind.RELOAD_REFUSED,
        {"message": "the jobs stay as they are", "problems": ["a.yaml:1:2: no", "b.yaml:1:1: no"]},
        "✗ the jobs stay as they are\n    a.yaml:1:2: no\n    b.yaml:1:1: no",
    ),
    (
        EventKind.DRAINING,
        {"running": 2, "waiting": 1, "grace_s": 30.0},
        "· stopping: 2 running, 1 not started; they have 30s",
    ),
    (EventKind.CLUSTER, {"message": "joined as a", "hosts": 3}, "· joined as a"),
    (EventKind.STOPPED, {"interrupted": 1}, "· stopped, 1 cut off"),
]


@pytest.fixture(autouse=True)
def _in_utc() -> Iterator[None]:
    with in_zone("UTC"):
        yield


@pytest.mark.parametrize(("kind", "fields", "words"), SAID)
def test_events_in_words(kind: EventKind, fields: dict[str, Any], words: str) -> None:
    assert event_words(LoopEvent(kind, NOW, fields)) == f"23:03:03 {words}"


def test_no_event_is_without_words() -> None:
    assert {kind for kind, _, _ in SAID} == set(EventKind) - {EventKind.DROPPED}


def test_the_mark_is_painted_and_has_a_letter_of_every_encoding() -> None:
    event = LoopEvent(EventKind.ENDED, NOW, ENDED)
    assert event_words(event, painted) == "23:03:03 \x1b[32m✓\x1b[0m report 200 11 ms"
    for kind, fields, _ in SAID:
        assert event_words(LoopEvent(kind, NOW, fields), ascii_only=True).isascii()


def test_programs_get_a_level() -> None:
    event = LoopEvent(EventKind.ENDED, NOW, FAILED | {"message": 'said "no"'})
    assert event_text(event) == (
        "time=2026-03-02T23:03:03.000+00:00 level=error event=ended job_id=report "
        "execution_id=5f0c status=timed_out code=None attempts=3 duration_ms=93000.0 "
        'message="said \\"no\\""'
    )
    levels = {
        kind: event_document(LoopEvent(kind, NOW, dict(fields)))["level"]
        for kind, fields, _ in SAID
    }
    assert levels[EventKind.STARTED] == levels[EventKind.FIRED] == "info"
    assert levels[EventKind.ATTEMPT_FAILED] == levels[EventKind.SKIPPED] == "warning"
    assert levels[EventKind.NOTICE_FAILED] == levels[EventKind.RELOAD_REFUSED] == "error"
