"""Every tick of three jobs over three protocols arrives, once, whatever is done to the loop."""

import json
import os
import signal
import time
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from chronos_cli.dispatch.execution import scheduled_id
from chronos_cli.testing.harness import Harness, Received
from tests.cron.program import Cron
from tests.servers.collector import collecting
from tests.support import chronos

PROTOCOLS = ("webhook", "kafka", "nats")


def test_every_tick_arrives_once_through_a_reload_and_a_stop(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """CHRONOS_TEST_SECONDS makes it longer: with 60 there are 180 deliveries."""
    seconds = int(os.environ.get("CHRONOS_TEST_SECONDS", "6"))
    far_sides = open_far_sides(tmp_path, request)
    targets = write_jobs(tmp_path, far_sides)

    with Cron(tmp_path, "jobs.yaml") as cron:
        first = datetime.fromisoformat(cron.wait_for("fired")[0]["scheduled_time"])
        sleep_until(first + timedelta(seconds=seconds / 3))
        cron.send(signal.SIGHUP)
        cron.wait_for("reloaded")
        sleep_until(first + timedelta(seconds=seconds * 2 / 3))
        assert cron.stop() == 0
    with Cron(tmp_path, "jobs.yaml") as cron:
        sleep_until(first + timedelta(seconds=seconds - 0.5))
        assert cron.stop() == 0

    wanted = [first + timedelta(seconds=n) for n in range(seconds)]
    for far_side in far_sides:
        arrived = sorted(map(tick, far_side.received(targets[far_side.key])))
        assert arrived == [(one, scheduled_id(far_side.key, one)) for one in wanted]


def test_what_arrives_names_the_span_that_a_collector_gets(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    far_sides = open_far_sides(tmp_path, request)
    targets = write_jobs(tmp_path, far_sides)
    with collecting() as collector:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        result = chronos("run", "jobs.yaml", env=env, cwd=tmp_path)
        spans = [span for span in collector.spans if span.kind != "internal"]
    assert (result.code, result.err) == (0, "")
    for far_side in far_sides:
        (span,) = [one for one in spans if one.attributes["chronos.job.id"] == far_side.key]
        (arrived,) = far_side.received(targets[far_side.key])
        assert arrived.headers["traceparent"] == f"00-{span.trace_id}-{span.span_id}-01"


def open_far_sides(folder: Path, request: pytest.FixtureRequest) -> list[Harness]:
    return [
        import_module(f"tests.protocols.harness_{key}").open_harness(folder / key, request)
        for key in PROTOCOLS
    ]


def write_jobs(folder: Path, far_sides: list[Harness]) -> dict[str, Any]:
    """Write a job for each far side; return their targets by protocol."""
    targets = {one.key: one.target() for one in far_sides}
    jobs = [{"name": key, "schedule": "@every 1s", key: targets[key]} for key in PROTOCOLS]
    (folder / "jobs.yaml").write_text(json.dumps({"jobs": jobs}))
    return targets


def tick(message: Received) -> tuple[datetime, str]:
    """Of which tick a message is, and under which execution ID it came."""
    moment = datetime.fromisoformat(message.headers["x-chronos-scheduled-time"])
    return moment, message.headers["x-chronos-execution-id"]


def sleep_until(moment: datetime) -> None:
    time.sleep(max(0.0, moment.timestamp() - time.time()))
