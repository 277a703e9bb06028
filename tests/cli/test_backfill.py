"""`chronos backfill`: the ticks that history does not have, sent to a real server."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chronos_cli.app.backfill import Span, find_missing
from chronos_cli.cli.backfill import _bounds, _nothing
from chronos_cli.dispatch.execution import scheduled_id
from chronos_cli.dispatch.outcome import Status
from chronos_cli.errors import UsageError
from tests.cron.stage import job
from tests.state.support import outcome, store_in
from tests.support import HttpServer, chronos, headers, write

SINCE, UNTIL = datetime(2026, 11, 2, 9, tzinfo=UTC), datetime(2026, 11, 2, 13, tzinfo=UTC)
SPAN = ("--since", SINCE.isoformat(), "--until", UNTIL.isoformat())


def hour(number: int) -> datetime:
    return SINCE + timedelta(hours=number)


def test_it_sends_what_is_missing_and_can_be_repeated(server: HttpServer, tmp_path: Path) -> None:
    path = f"/status/200?{uuid4().hex}"
    document = {
        "defaults": {"webhook": {"url": server.url + path}, "concurrency": "forbid"},
        "jobs": [
            {"name": "a", "schedule": "0 * * * *", "except": "11:00-12:00"},
            {"name": "b", "schedule": "0 */2 * * *", "payload": "{{ vars.x }}"},
            {"name": "off", "schedule": "0 * * * *", "enabled": False},
            {"name": "by-hand"},
        ],
    }
    file = write(tmp_path, json.dumps(document))
    arguments = (file, *SPAN, "--var", "x=y", "--state", str(tmp_path / "state.sqlite"))
    listed = chronos("backfill", *arguments, "--dry-run", "-o", "json").report
    assert [(one["job_id"], one["scheduled_time"][11:13]) for one in listed["results"]] == [
        ("a", "09"),
        ("a", "10"),
        ("b", "10"),
        ("a", "12"),
        ("b", "12"),
    ]
    assert {one["reason"] for one in listed["results"]} == {"missing"}
    assert server.requests(path) == []
    ran = chronos("backfill", *arguments, "-o", "json", "--concurrency", "4")
    assert (ran.code, ran.report["summary"]["succeeded"]) == (0, 5)
    names = ("x-chronos-execution-id", "x-chronos-scheduled-time")
    sent = {tuple(headers(one)[name] for name in names) for one in server.requests(path)}
    assert sent == {(one["execution_id"], one["scheduled_time"]) for one in listed["results"]}
    again = chronos("backfill", *arguments)
    assert (again.code, again.out) == (0, "")
    assert again.err == "nothing to send: all 5 ticks of the span are recorded\n"
    assert len(server.requests(path)) == 5


def test_what_failed_is_sent_again_when_asked_for(server: HttpServer, tmp_path: Path) -> None:
    """With `forbid`, one after the other: none is passed over because another runs.

    What did not start after a failure was not recorded either, and is still missing.
    """
    path = f"/slow/0.1/{uuid4().hex}"
    job = {"name": "a", "schedule": "0 * * * *", "concurrency": "forbid"}
    state = ("--state", str(tmp_path / "state.sqlite"))
    broken = write(tmp_path, json.dumps({**job, "webhook": {"url": f"{server.url}/status/404"}}))
    failed = chronos("backfill", broken, *SPAN, *state, "--quiet", "--fail-fast")
    assert failed.code == 4
    assert failed.err.splitlines()[0].startswith("a 2026-11-02T09:00:00+00:00: rejected 404")
    mended = write(tmp_path, json.dumps({**job, "webhook": {"url": server.url + path}}))
    assert chronos("backfill", mended, *SPAN, *state).code == 0
    assert chronos("backfill", mended, *SPAN, *state, "--failed").code == 0
    times = [headers(one)["x-chronos-scheduled-time"] for one in server.requests(path)]
    assert times == [hour(number).isoformat() for number in (1, 2, 3, 0)]


def test_what_history_has_is_not_missing(tmp_path: Path) -> None:
    one = job(schedule="0 * * * *")
    store = store_in(tmp_path)
    recorded: list[tuple[int, list[Status]]] = [
        (0, [Status.SUCCEEDED]),
        (1, [Status.REJECTED]),
        (2, [Status.SKIPPED]),
        (3, [Status.TIMED_OUT, Status.SUCCEEDED]),
        (4, [Status.SUCCEEDED, Status.REJECTED]),
        (5, [Status.REJECTED, Status.UNREACHABLE]),
    ]
    for number, statuses in recorded:
        for status in statuses:
            identity = scheduled_id("a", hour(number))
            store.ended(outcome(identity, status, job_id="a"), origin="run")
    store.started(scheduled_id("a", hour(6)), "a", hour(6), origin="run")
    # Of another job under the same ID nothing is known here.
    store.ended(outcome(scheduled_id("a", hour(7)), job_id="b"), origin="run")

    def found(**keys: Any) -> list[tuple[int, str]]:
        missing = find_missing([one], Span(SINCE, hour(9), **keys), store, {}, {}).missing
        return [
            ((m.execution.scheduled_time - SINCE) // timedelta(hours=1), m.reason) for m in missing
        ]

    assert found() == [(7, "missing"), (8, "missing")]
    assert found(failed=True) == [
        (1, "rejected"),
        (5, "unreachable"),
        (7, "missing"),
        (8, "missing"),
    ]


def test_nothing_to_send_says_why() -> None:
    assert _nothing(0).startswith("nothing to send: no job has a tick in the span")
    assert _nothing(1) == "nothing to send: the one tick of the span is recorded"


def test_now_is_not_in_the_future() -> None:
    first, last = _bounds("1h", "now")
    assert first < last


def test_many_ticks_in_the_order_of_time(tmp_path: Path) -> None:
    """More than one statement asks for; and more than are allowed."""
    jobs = [job("a", "* * * * *"), job("b", "*/7 * * * *"), job("c", "@every 90s")]
    store = store_in(tmp_path)
    found = find_missing(jobs, Span(SINCE, hour(20)), store, {}, {})
    assert found.ticks == len(found.missing) == 1200 + 180 + 800
    times = [one.execution.scheduled_time for one in found.missing]
    assert all(earlier <= later for earlier, later in pairwise(times))
    with pytest.raises(UsageError, match=r"more than 2,000 ticks: .*--limit N"):
        find_missing(jobs, Span(SINCE, hour(20), 2000), store, {}, {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "say from when on: --since"),
        (("--since", "1h", "--until", "2999-01-01T00:00:00Z"), "--until is in the future"),
        (("--since", "1d", "--job", "b"), "none of these jobs has a schedule"),
    ],
)
def test_a_wrong_command_line(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    jobs = "jobs: [{name: a, schedule: '@hourly'}, {name: b}]\n"
    jobs += "defaults: {webhook: {url: 'http://127.0.0.1:1/'}}\n"
    result = chronos("backfill", write(tmp_path, jobs), *options, "--state", str(tmp_path / "s"))
    assert result.code == 2
    assert message in result.err
