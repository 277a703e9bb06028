"""What is answered: the page, how jobs stand, their history, whether the loop is well."""

import asyncio
import base64
import hashlib
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from chronos_cli.app.control.answers import Answers
from chronos_cli.cron import control
from chronos_cli.cron.events import EventKind
from chronos_cli.dispatch.outcome import Attempt, Status
from chronos_cli.jobs.model import Job
from chronos_cli.monitor.status import job_history_document
from chronos_cli.state.entries import ALL_JOBS, HistoryEntry, HistoryStatus, Pause, Snapshot
from tests.cron.stage import FakeClock, Stage, job, utc
from tests.monitor.watched import Watched, watched

SECRET = "hunter2-and-more"
NOON = "2026-03-02T12:00:00+00:00"


def stage_of(folder: Path) -> Stage:
    return Stage(folder, FakeClock(utc("2026-03-02T12:02:30")))


def play(stage: Stage, jobs: list[Job], scene: Callable[[Watched], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        await stage.play(*jobs)
        async with watched(stage, lambda redactor: redactor.add(SECRET)) as site:
            await scene(site)
        await stage.stop()

    asyncio.run(all_of_it())


def by_id(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["job_id"]: row for row in document["jobs"]}


def test_a_pause_is_shown(tmp_path: Path) -> None:
    async def scene(site: Watched) -> None:
        until = utc("2026-03-02T14:00:00")
        pause = Pause("alice", utc("2026-03-02T12:02:30"), f"no {SECRET}", until)
        site.stage.loop.steering.pause("quick", pause)
        rows = by_id((await site.get("/api/status")).json())
        assert rows["quick"]["paused"] == {
            "by": "alice",
            "at": "2026-03-02T12:02:30.000Z",
            "reason": "no ***",
            "until": "2026-03-02T14:00:00.000Z",
        }
        assert rows["other"]["paused"] is None
        figures = (await site.get("/metrics")).text
        found = re.findall(r'^chronos_paused\{job_id="(\w+)".*\} (\S+)$', figures, re.MULTILINE)
        assert dict(found) == {"quick": "1.0", "other": "0.0"}

    play(stage_of(tmp_path), [job("quick"), job("other")], scene)


def test_the_loop_is_as_status_says(tmp_path: Path) -> None:
    """On the page and by `chronos status` alike."""

    async def words(site: Watched) -> set[str]:
        answers = Answers(site.stage.loop, site.stage.clock, lambda data: data)
        *_, told = [answer async for answer in answers.to(control.Status(), "alice")]
        assert isinstance(told, control.LoopStatus)
        return {told.state, (await site.get("/api/status")).json()["loop"]["state"]}

    async def scene(site: Watched) -> None:
        loop = site.stage.loop
        assert await words(site) == {"running"}
        loop.steering.pause("quick", Pause("alice", site.stage.clock.now(), None, None))
        assert await words(site) == {"running"}
        loop.steering.pause(ALL_JOBS, Pause("alice", site.stage.clock.now(), None, None))
        assert await words(site) == {"paused"}
        loop.stop()
        assert await words(site) == {"stopping"}

    play(stage_of(tmp_path), [job("quick")], scene)


def test_jobs_as_they_stand(tmp_path: Path) -> None:
    jobs = [
        job("quick", fails=f"no such thing as {SECRET}", tags={"team": "finance"}),
        job("long", takes=100, concurrency="forbid"),
        job("later", "0 9 * * *", timezone="Europe/Berlin", description="Once a day"),
        job("off", enabled=False),
    ]

    async def scene(site: Watched) -> None:
        await site.stage.clock.advance(105)
        document = (await site.get("/api/status")).json()
        assert document["schema_version"] == 1
        assert document["totals"] == {"jobs": 4, "matching": 4, "running": 1, "waiting": 0}
        assert [row["job_id"] for row in document["jobs"]][:2] == ["long", "quick"]
        rows = by_id(document)
        (execution,) = rows["long"]["executions"]
        assert execution["started_at"] == "2026-03-02T12:03:00.000Z"
        assert execution["attempt"] == 1
        # The second tick found the first still running.
        assert [one["status"] for one in rows["long"]["outcomes"]] == ["skipped"]
        assert [one["status"] for one in rows["quick"]["outcomes"]] == ["rejected"] * 2
        assert rows["quick"]["next"] == "2026-03-02T12:05:00+00:00"
        assert rows["later"]["next"] == "2026-03-03T09:00:00+01:00"
        assert rows["later"]["schedule_words"] == "at 09:00 every day"
        assert rows["off"] | {"enabled": False, "next": None} == rows["off"]
        matching = (await site.get("/api/status", params={"q": "TEAM=fin quick"})).json()
        assert [row["job_id"] for row in matching["jobs"]] == ["quick"]
        assert matching["totals"]["jobs"] == 4
        history = (await site.get("/api/history?job=quick")).json()
        newest, before = history["results"]
        assert newest["started_at"] > before["started_at"]
        assert newest["attempts"][0]["status"] == "rejected"
        assert SECRET not in str(history)
        assert "no such thing as ***" in str(history)
        unknown = await site.get("/api/history?job=nobody")
        assert (unknown.status_code, unknown.json()["error"][:5]) == (404, "?job=")

    play(stage_of(tmp_path), jobs, scene)


def test_answers_are_bounded(tmp_path: Path) -> None:
    many = [job(f"j{n:03}", "@yearly") for n in range(510)]
    busy = [job("often", "@every 1s"), job("stuck", "@every 1s", takes=1000)]

    async def scene(site: Watched) -> None:
        await site.stage.clock.advance(60)
        document = (await site.get("/api/status")).json()
        assert (len(document["jobs"]), document["totals"]["matching"]) == (500, 512)
        # What runs comes first.
        assert [row["job_id"] for row in document["jobs"]][:2] == ["stuck", "often"]
        rows = by_id(document)
        assert len(rows["often"]["outcomes"]) == 20
        assert (rows["stuck"]["running"], len(rows["stuck"]["executions"])) == (60, 20)
        history = (await site.get("/api/history?job=often")).json()
        assert len(history["results"]) == 50

    play(stage_of(tmp_path), [*busy, *many], scene)


def test_of_many_attempts_the_last_are_told() -> None:
    attempts = [
        Attempt(number=n, started_at=NOON, duration_ms=1.0, status=Status.UNREACHABLE)
        for n in range(1, 101)
    ]
    entry = HistoryEntry(
        execution_id="x",
        job_id="a",
        job_name="a",
        origin="cron",
        protocol="nowhere",
        target="nowhere",
        scheduled_time=NOON,
        started_at=datetime.fromisoformat(NOON),
        ended_at=None,
        status=HistoryStatus.RUNNING,
        attempts=attempts,
        pid=1,
        host="h",
        snapshot=Snapshot(),
    )
    (shown,) = job_history_document([entry])["results"]
    assert [one["number"] for one in shown["attempts"]] == list(range(81, 101))
    assert shown["attempts_left_out"] == 80


def test_a_refused_reload_is_shown_until_one_is_adopted(tmp_path: Path) -> None:
    async def scene(site: Watched) -> None:
        line = f"job.yaml:1:1: unknown key {SECRET}"
        site.tell(EventKind.RELOAD_REFUSED, message="the files have problems", problems=[line])
        loop = (await site.get("/api/status")).json()["loop"]
        assert loop["reload_refused"]["problems"] == ["job.yaml:1:1: unknown key ***"]
        await site.stage.reload(job("a"), job("b"))
        document = (await site.get("/api/status")).json()
        assert document["loop"]["reload_refused"] is None
        assert list(by_id(document)) == ["a", "b"]

    play(stage_of(tmp_path), [job("a")], scene)


def test_a_loop_that_leaves_a_tick_alone_is_not_well(tmp_path: Path) -> None:
    async def scene(site: Watched) -> None:
        for path in ("/healthz", "/readyz"):
            well = await site.get(path)
            assert (well.status_code, well.json()) == (200, {"status": "ok", "overdue_s": 0.0})
        site.stage.clock.suspend(seconds=45)  # nobody is woken
        for path in ("/healthz", "/readyz"):
            late = await site.get(path)
            assert (late.status_code, late.json()["overdue_s"]) == (503, 15.0)
        assert (await site.get("/api/status")).json()["loop"]["state"] == "late"
        await site.stage.clock.advance(2)
        assert (await site.get("/healthz")).status_code == 200

    play(stage_of(tmp_path), [job("a")], scene)


def test_not_ready_while_it_stops_or_cannot_record(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)

    async def scene(site: Watched) -> None:
        blocker = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        stage.store.set_patience(0)
        await stage.clock.advance(45)
        blocked = await site.get("/readyz")
        assert (blocked.status_code, blocked.json()["status"]) == (
            503,
            "the state cannot be written",
        )
        assert (await site.get("/healthz")).status_code == 200
        assert "locked" in (await site.get("/api/status")).json()["loop"]["state_failure"]
        blocker.execute("ROLLBACK")
        await stage.clock.advance(60)
        assert (await site.get("/readyz")).status_code == 200
        stage.loop.stop()
        stopping = await site.get("/readyz")
        assert (stopping.status_code, stopping.json()["status"]) == (503, "it is stopping")

    play(stage, [job("a")], scene)


class Elements(HTMLParser):
    """The elements of a page, with their attributes, and the texts of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            self.texts[self.cdata_elem] = self.texts.get(self.cdata_elem, "") + data


def test_the_page_takes_nothing_from_elsewhere(tmp_path: Path) -> None:
    async def scene(site: Watched) -> None:
        page = await site.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        elements = Elements(page.text)
        for tag, attributes in elements.found:
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            assert attributes.get("href") in {None, "data:,"}, tag
            assert "src" not in attributes
        policy = dict(part.strip().split(" ", 1) for part in page.headers[POLICY].split(";"))
        assert policy["default-src"] == "'none'"
        for tag in ("script", "style"):
            digest = hashlib.sha256(elements.texts[tag].encode()).digest()
            assert policy[f"{tag}-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|eval\(|document\.write", page.text
        )

    play(stage_of(tmp_path), [job("a")], scene)


POLICY = "content-security-policy"


def test_every_answer_is_held_to_itself(tmp_path: Path) -> None:
    async def scene(site: Watched) -> None:
        for path in ("/", "/metrics", "/api/status", "/api/history", "/healthz", "/%00", "/?a=b"):
            answer = await site.get(path)
            assert answer.status_code in {200, 404}
            assert "default-src 'none'" in answer.headers[POLICY]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert "access-control-allow-origin" not in answer.headers
        head = await site.client.head("/metrics")
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) > 1000
        many = "&".join(f"a{n}=1" for n in range(20))
        assert (await site.get(f"/api/status?{many}")).status_code == 400
        foreign = await site.get("/api/status", headers={"Host": "evil.example"})
        assert foreign.status_code == 421

    play(stage_of(tmp_path), [job("a")], scene)


def test_who_asks_without_end_waits_his_turn(tmp_path: Path) -> None:
    async def scene(site: Watched) -> None:
        began = time.monotonic()
        answers = await asyncio.gather(*(site.client.get("/healthz") for _ in range(30)))
        assert {answer.status_code for answer in answers} == {200}
        assert time.monotonic() - began > 0.25  # a hundred in a second

    play(stage_of(tmp_path), [job("a")], scene)
