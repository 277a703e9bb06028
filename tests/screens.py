"""Draws the screens of docs/screens.md: `python -m tests.screens > docs/screens.md`.

What is drawn is what the commands draw, from data that stands still.
"""

import io
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from rich.console import Console, RenderableType

from chronos_cli.cli.next import _listings
from chronos_cli.cron.events import EventKind, LoopEvent
from chronos_cli.dispatch.outcome import Attempt, Outcome, Status
from chronos_cli.report.attempts import attempt_line, attempt_words
from chronos_cli.report.event_words import event_words
from chronos_cli.report.events import event_text
from chronos_cli.report.history_table import history_table, stats_table
from chronos_cli.report.outcomes import plain_lines
from chronos_cli.report.table import outcome_table
from chronos_cli.report.timetable import timetable_lines
from chronos_cli.state.entries import HistoryEntry, HistoryStatus, JobStats, Snapshot
from tests.cron.stage import job, utc
from tests.support import in_zone

WIDTHS = (80, 200)
NOW = utc("2027-03-12T09:00:00")
_IDS = (
    "5f0c1d1e-7a43-5b8e-9d5c-0c2f6d1e7a43",
    "a1eeae2a-b203-4210-87aa-25d52b545e3d",
    "09e73fbf-165e-44d8-9bac-0b84cde313ac",
    "c433b631-9fa9-4bd3-b64b-e26d96b0604a",
)
_NO_NAME = "cannot resolve the host name (POST https://hooks.example.com/sync): no such name"

_HEAD = """\
# What the terminal shows

Made by a test from data that stands still: `make screens` draws them anew. Colours are left out:
what succeeded is green, what failed red, what was skipped blue, what was stopped magenta.
`NO_COLOR` takes them away, `FORCE_COLOR` gives them to a pipe.
"""


def page() -> str:
    """Return the whole page."""
    with in_zone("Europe/Berlin"):
        return _HEAD + "".join(_section(title, words, draw) for title, words, draw in _SCREENS)


def _section(title: str, words: str, draw: Callable[[int], str]) -> str:
    screens = {width: draw(width).strip("\n") for width in WIDTHS}
    lines = [f"\n## {title}\n\n{words}\n"]
    if len(set(screens.values())) == 1:
        lines.append(f"\n```text\n{screens[WIDTHS[0]]}\n```\n")
    else:
        lines += [
            f"\n{width} columns:\n\n```text\n{text}\n```\n" for width, text in screens.items()
        ]
    return "".join(lines)


def _drawn(renderable: RenderableType, width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=False).print(renderable)
    return file.getvalue()


def _attempt(number: int, status: Status, code: str, message: str = "") -> Attempt:
    return Attempt(
        number=number,
        started_at=NOW.isoformat(),
        duration_ms=12.0,
        status=status,
        code=code,
        message=message,
    )


def _outcome(number: int, job_id: str, target: str, status: Status, **known: Any) -> Outcome:
    tries = known.pop("tries", 1)
    code, message = known.get("code", ""), known.get("message", "")
    return Outcome(
        job_id=job_id,
        job_name=job_id,
        execution_id=_IDS[number],
        protocol=known.pop("protocol", "http"),
        target=target,
        scheduled_time=NOW.isoformat(),
        status=status,
        attempts=[_attempt(one + 1, status, code, message) for one in range(tries)],
        **known,
    )


OUTCOMES = [
    _outcome(
        0,
        "daily-report",
        "POST https://api.example.com/reports",
        Status.SUCCEEDED,
        code="200",
        duration_ms=211.0,
    ),
    _outcome(
        1,
        "hook-to-the-warehouse",
        "POST https://hooks.example.com/sync",
        Status.UNREACHABLE,
        code="DNS",
        message=_NO_NAME,
        duration_ms=3071.4,
        tries=3,
    ),
    _outcome(
        2,
        "orders",
        "orders.nightly on kafka-1:9092,kafka-2:9092",
        Status.SUCCEEDED,
        protocol="kafka",
        duration_ms=18.2,
    ),
    _outcome(
        3,
        "old-import",
        "POST https://legacy.example.com/import",
        Status.SKIPPED,
        message="disabled: 'enabled: false' in the job file",
        tries=0,
    ),
]


def _entries() -> Iterator[HistoryEntry]:
    for number, outcome in enumerate(OUTCOMES):
        started = NOW - timedelta(days=number, seconds=61 * number)
        took = outcome.duration_ms or None
        yield HistoryEntry(
            execution_id=outcome.execution_id,
            job_id=outcome.job_id,
            job_name=outcome.job_name,
            origin="run" if number else "cron",
            protocol=outcome.protocol,
            target=outcome.target,
            scheduled_time=outcome.scheduled_time,
            started_at=started,
            ended_at=started,
            status=HistoryStatus(outcome.status.value),
            code=outcome.code,
            message=outcome.message,
            duration_ms=took,
            attempts=outcome.attempts,
            pid=4711,
            host="worker-1",
            snapshot=Snapshot(),
        )


STATS = [
    JobStats(
        job_id=job_id,
        executions=good + bad,
        succeeded=good,
        failed=bad,
        success_rate=good / (good + bad),
        p50_ms=p50,
        p95_ms=p95,
        last_success=NOW - timedelta(hours=-streak if streak < 0 else 0),
        streak=streak,
    )
    for job_id, good, bad, p50, p95, streak in (
        ("daily-report", 89, 1, 203.0, 340.0, 61),
        ("hook-to-the-warehouse", 2120, 40, 31.0, 2950.0, -3),
        ("orders", 2160, 0, 17.0, 25.0, 2160),
    )
]


def _events() -> Iterator[LoopEvent]:
    def event(seconds: float, kind: EventKind, **fields: Any) -> LoopEvent:
        return LoopEvent(kind, NOW + timedelta(seconds=seconds), fields)

    def ended(seconds: float, outcome: Outcome) -> LoopEvent:
        known = ("job_id", "execution_id", "code", "duration_ms", "message")
        fields = {name: value for name in known if (value := getattr(outcome, name))}
        fields |= {"status": outcome.status.value, "attempts": len(outcome.attempts)}
        return event(seconds, EventKind.ENDED, **fields)

    report, hook = OUTCOMES[0], OUTCOMES[1]
    yield event(-5, EventKind.STARTED, jobs=3, unscheduled=1, next=NOW.isoformat())
    missed = {"job_id": "orders", "missed": 2, "policy": "execute_one", "executing": 1}
    yield event(-5, EventKind.MISSED, **missed, last=(NOW - timedelta(hours=1)).isoformat())
    for outcome in (report, hook):
        fields = {"job_id": outcome.job_id, "execution_id": outcome.execution_id}
        yield event(0, EventKind.FIRED, **fields, late_ms=0.8)
    tried = {"job_id": hook.job_id, "attempt": 1, "max_attempts": 3, "status": "unreachable"}
    yield event(0.1, EventKind.ATTEMPT_FAILED, **tried, code="DNS", message=_NO_NAME, next_in_s=1.1)
    yield ended(0.2, report)
    yield ended(3, hook)
    yield event(60, EventKind.RELOADED, jobs=4, added=1)
    problems = ["jobs/new.yaml:3:10: 'x' is not a duration such as 500ms, 30s or 1h30m"]
    refused = "the files have problems, the jobs stay as they are"
    yield event(75, EventKind.RELOAD_REFUSED, message=refused, problems=problems)
    yield event(90, EventKind.DRAINING, running=1, grace_s=30.0)
    yield event(91, EventKind.STOPPED)


def _next(width: int) -> str:
    nightly = job("nightly", "30 2 * * *", timezone="America/New_York")
    pulse = job("pulse", "@every 90s", jitter=10.0)
    return timetable_lines(_listings([nightly, pulse], utc("2027-03-13T12:00:00"), 2), width)


def _under_way(_width: int) -> str:
    return attempt_words("hook-to-the-warehouse", 2, 3, -2.0, "DNS: no such name")


def _verbose(_width: int) -> str:
    return "\n".join(
        attempt_line(OUTCOMES[1].job_id, attempt, 3, wait)
        for attempt, wait in zip(OUTCOMES[1].attempts, (1.1, 1.9, None), strict=True)
    )


_SCREENS: list[tuple[str, str, Callable[[int], str]]] = [
    ("`chronos run`, under way", "One line, which goes when it ends.", _under_way),
    (
        "`chronos run`",
        "The reason stands under each job that has one.",
        lambda width: _drawn(outcome_table(OUTCOMES, width), width),
    ),
    (
        "`chronos run`, off a terminal",
        "In a pipe, a file, a CI log: a line for each job, without colour and without wrapping.",
        lambda _: plain_lines(OUTCOMES),
    ),
    ("`chronos run --verbose`", "On stderr, a line for each attempt.", _verbose),
    (
        "`chronos cron`",
        "On a terminal, in words; `--live` keeps a table of the jobs below them.",
        lambda _: "\n".join(map(event_words, _events())),
    ),
    (
        "`chronos cron`, off a terminal",
        "As logfmt, with a level; with `--log-format json` as JSON.",
        lambda _: "\n".join(map(event_text, _events())),
    ),
    (
        "`chronos history`",
        "Times are those of this machine's zone. `history ID` and `replay ID` take its beginning.",
        lambda width: _drawn(history_table(list(_entries()), width), width),
    ),
    (
        "`chronos history --stats`",
        "A streak above 0 are successes in a row, one below 0 failures.",
        lambda width: _drawn(stats_table(STATS, width), width),
    ),
    ("`chronos next`", "Each time on the job's clock and in UTC.", _next),
]


if __name__ == "__main__":
    sys.stdout.write(page())
