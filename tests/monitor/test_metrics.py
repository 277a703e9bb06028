"""The figures, read by Prometheus' own parsers, and the rules that look at them."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families

from chronos_cli.cluster.figures import ClusterFigures
from chronos_cli.cron.events import EventKind
from chronos_cli.dispatch.outcome import Status
from chronos_cli.jobs.model import Job
from tests.cron.stage import FakeClock, Stage, job, utc
from tests.monitor.watched import Watched, watched
from tests.support import ROOT

PROMTOOL = shutil.which("promtool")
RULES = ROOT / "docs/alerts.rules.yaml"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def promtool(*arguments: str, given: str = "", cwd: Path = ROOT) -> str:
    """Run promtool, which must find no fault; return what it says."""
    assert PROMTOOL
    done = subprocess.run(
        [PROMTOOL, *arguments], input=given, capture_output=True, text=True, check=False, cwd=cwd
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


async def scrape(site: Watched) -> tuple[str, Samples]:
    text = (await site.get("/metrics")).text
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in samples
            samples[key] = sample.value
    return text, samples


def of(samples: Samples, name: str, **labels: str) -> float | None:
    if "job_id" in labels:
        labels["protocol"] = "nowhere"
    return samples.get((f"chronos_{name}", tuple(sorted(labels.items()))))


def play(
    folder: Path,
    jobs: list[Job],
    scene: Callable[[Watched], Awaitable[None]],
    cluster: ClusterFigures | None = None,
) -> None:
    stage = Stage(folder, FakeClock(utc("2026-03-02T12:02:30")))

    async def all_of_it() -> None:
        await stage.play(*jobs)
        async with watched(stage, cluster=cluster) as site:
            await scene(site)
        await stage.stop()

    asyncio.run(all_of_it())


CLUSTER = ClusterFigures(
    group="default",
    host="n1",
    hosts=3,
    requests=9,
    stored=5,
    taken=2,
    redeliveries=1,
    waiting=4,
    handed=7,
    skew=-0.25,
    silence=1.5,
    gives_up=False,
    refusal=None,
    troubles=frozenset(),
)
JOBS = [
    job("good", takes=2, notices=["on_success"]),
    job("bad", fails="no"),
    job("long", takes=1000, concurrency="forbid"),
    job("off", enabled=False),
]


def test_figures_of_jobs_and_loop(tmp_path: Path) -> None:
    async def scene(site: Watched) -> None:
        _, before = await scrape(site)
        assert of(before, "executions_total", job_id="bad", status="rejected") == 0
        assert of(before, "last_success_timestamp_seconds", job_id="good") is None
        await site.stage.clock.advance(100)
        text, now = await scrape(site)
        assert of(now, "executions_total", job_id="good", status="succeeded") == 2
        assert of(now, "executions_total", job_id="bad", status="rejected") == 2
        assert of(now, "executions_total", job_id="long", status="skipped") == 1
        assert of(now, "execution_duration_seconds_count", job_id="good") == 2
        assert of(now, "execution_duration_seconds_bucket", job_id="good", le="1.0") == 0
        assert of(now, "execution_duration_seconds_bucket", job_id="good", le="2.5") == 2
        assert of(now, "start_lateness_seconds_count") == 5
        assert of(now, "running_executions", job_id="long") == 1
        assert of(now, "running_executions", job_id="good") == 0
        assert of(now, "next_due_timestamp_seconds", job_id="good") == seconds("12:05:00")
        assert of(now, "next_due_timestamp_seconds", job_id="off") is None
        assert of(now, "last_success_timestamp_seconds", job_id="good") == seconds("12:04:02")
        assert of(now, "notices_total", job_id="good", result="sent") == 2
        assert of(now, "jobs") == 4
        assert of(now, "overdue_seconds") == 0
        assert of(now, "state_writable") == 1
        assert "process_cpu_seconds_total" in text
        if PROMTOOL:
            assert promtool("check", "metrics", given=text) == ""

    play(tmp_path, JOBS, scene)


def seconds(clock: str) -> float:
    return utc(f"2026-03-02T{clock}").timestamp()


def test_there_are_series_of_the_jobs_in_force_only(tmp_path: Path) -> None:
    def jobs_of(samples: Samples) -> set[str]:
        labels = [dict(pairs) for _, pairs in samples]
        return {found["job_id"] for found in labels if "job_id" in found}

    async def scene(site: Watched) -> None:
        await site.stage.clock.advance(45)
        _, before = await scrape(site)
        assert jobs_of(before) == {"good", "bad", "long", "off"}
        await site.stage.reload(job("bad", fails="no"), job("new"))
        # Of one that was removed while it ran.
        gone = {"job_id": "long", "execution_id": "x", "status": "succeeded"}
        site.tell(EventKind.ENDED, **gone, duration_ms=1.0)
        _, after = await scrape(site)
        assert jobs_of(after) == {"bad", "new"}
        assert of(after, "executions_total", job_id="bad", status="rejected") == 1
        assert of(after, "reloads_total", result="adopted") == 1
        site.tell(EventKind.RELOAD_REFUSED, message="no", problems=[])
        _, refused = await scrape(site)
        assert of(refused, "last_reload_successful") == 0
        assert of(refused, "reloads_total", result="refused") == 1

    play(tmp_path, JOBS, scene)


def test_the_last_success_outlives_the_process(tmp_path: Path) -> None:
    async def first(site: Watched) -> None:
        await site.stage.clock.advance(45)

    async def second(site: Watched) -> None:
        _, samples = await scrape(site)
        assert of(samples, "last_success_timestamp_seconds", job_id="a") == seconds("12:03:00")

    play(tmp_path, [job("a")], first)
    play(tmp_path, [job("a", "0 9 * * *")], second)


def test_attempts_and_ticks_that_came_to_nothing(tmp_path: Path) -> None:
    async def scene(site: Watched) -> None:
        site.tell(EventKind.ATTEMPT_FAILED, job_id="a", execution_id="x", attempt=1)
        site.stage.clock.suspend(minutes=5)
        await site.stage.clock.advance(60)
        _, samples = await scrape(site)
        assert of(samples, "attempt_failures_total", job_id="a") == 1
        assert of(samples, "missed_ticks_total", job_id="a") == 5

    play(tmp_path, [job("a", missed_runs="ignore")], scene)


def test_figures_of_a_cluster(tmp_path: Path) -> None:
    async def scene(site: Watched) -> None:
        text, now = await scrape(site)
        assert of(now, "cluster_info", group="default", host="n1") == 1
        assert of(now, "cluster_hosts") == 3
        assert of(now, "cluster_claim_requests_total") == 9
        assert of(now, "cluster_claims_total", result="stored") == 5
        assert of(now, "cluster_claims_total", result="taken") == 2
        assert of(now, "cluster_redeliveries_total") == 1
        assert of(now, "cluster_waiting_ticks") == 4
        assert of(now, "cluster_unacknowledged_ticks") == 7
        assert of(now, "cluster_clock_skew_seconds") == -0.25
        assert [of(now, f"cluster_{name}") for name in ("quorum", "claimable")] == [1, 1]
        assert [of(now, f"cluster_{name}") for name in ("stalled", "troubles")] == [0, 0]
        assert of(now, "state_writable") == 1
        assert (await site.get("/readyz")).status_code == 200
        if PROMTOOL:
            assert promtool("check", "metrics", given=text) == ""

    play(tmp_path, [job("a")], scene, CLUSTER)


@pytest.mark.parametrize(
    ("changes", "reason", "figure", "value"),
    [
        ({"troubles": frozenset({"claims"})}, "no tick can be claimed", "claimable", 0),
        ({"silence": 9.0}, None, "quorum", 0),
        ({"silence": 10.0}, "no majority", "quorum", 0),
        ({"gives_up": True}, "no majority", "quorum", 0),
        ({"refusal": "no room", "silence": 99.0}, "store nothing: no room", "quorum", 1),
        ({"refusal": "not now", "silence": 5.0}, None, "quorum", 1),
        ({"troubles": frozenset({"clock"})}, "more than 5m", "troubles", 1),
        ({"troubles": frozenset({"watchdog"})}, None, "stalled", 1),
        ({"waiting": None}, None, "waiting_ticks", None),
    ],
)
def test_a_cluster_in_trouble(
    tmp_path: Path, changes: dict[str, Any], reason: str | None, figure: str, value: int | None
) -> None:
    async def scene(site: Watched) -> None:
        _, now = await scrape(site)
        assert of(now, f"cluster_{figure}") == value
        ready = await site.get("/readyz")
        assert ready.status_code == (200 if reason is None else 503)
        assert (reason or "ok") in ready.json()["status"]
        assert (await site.get("/healthz")).status_code == 200
        loop = (await site.get("/api/status")).json()["loop"]
        assert loop["cluster"] == {"group": "default", "host": "n1", "hosts": 3}
        assert (reason or "") in (loop["state_failure"] or "")

    play(tmp_path, [job("a")], scene, structs.replace(CLUSTER, **changes))


def test_outcomes_that_a_cluster_cannot_store(tmp_path: Path) -> None:
    async def scene(site: Watched) -> None:
        _, now = await scrape(site)
        assert of(now, "state_writable") == 0

    cluster = structs.replace(CLUSTER, troubles=frozenset({"outcomes"}))
    play(tmp_path, [job("a")], scene, cluster)


def exposed(tmp_path: Path) -> set[str]:
    """The names of all families of ours."""
    names: set[str] = set()

    async def scene(site: Watched) -> None:
        await site.stage.clock.advance(45)
        text, _ = await scrape(site)
        names.update(re.findall(r"^# TYPE (chronos_\w+)", text, re.MULTILINE))

    play(tmp_path, JOBS, scene, CLUSTER)
    return names


def test_the_page_of_the_metrics_names_them_all(tmp_path: Path) -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    assert set(re.findall(r"^\| `(chronos_\w+)`", page, re.MULTILINE)) == exposed(tmp_path)
    assert all(f"`{status}`" in page for status in Status)
    rules = yaml.safe_load(RULES.read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    assert set(re.findall(r"^\| `(Chronos\w+)`", page, re.MULTILINE)) == alerts


def test_the_rules_look_at_what_there_is(tmp_path: Path) -> None:
    known = exposed(tmp_path)
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            for name in re.findall(r"chronos_\w+", rule["expr"]):
                assert re.sub("_(bucket|count|sum)$", "", name) in known, rule["alert"]
            assert {"summary", "description"} <= rule["annotations"].keys()


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
def test_the_rules_fire_when_they_should() -> None:
    promtool("check", "rules", str(RULES))
    promtool("test", "rules", "alerts.test.yaml", cwd=ROOT / "tests/monitor")
