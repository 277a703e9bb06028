"""Every tick of three jobs over three protocols arrives, once, whatever is done to the loop."""

import json
import os
import signal
import time
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest

from chronos_cli.dispatch.execution import scheduled_id
from chronos_cli.testing.harness import Harness, Received
from tests.cron.program import Cron
from tests.servers.collector import collecting

PROTOCOLS = ("webhook", "kafka", "nats")


def test_every_tick_arrives_once_in_its_own_span_through_a_reload_and_a_stop(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """CHRONOS_TEST_SECONDS makes it longer: with 60 there are 180 deliveries."""
    seconds = int(os.environ.get("CHRONOS_TEST_SECONDS", "6"))
    far_sides: list[Harness] = [
        import_module(f"tests.protocols.harness_{key}").open_harness(tmp_path / key, request)
        for key in PROTOCOLS
    ]
    targets = {one.key: one.target() for one in far_sides}
    jobs = [{"name": key, "schedule": "@every 1s", key: targets[key]} for key in PROTOCOLS]
    (tmp_path / "jobs.yaml").write_text(json.dumps({"jobs": jobs}))

    with collecting() as collector:
        first = fire(tmp_path, seconds, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})

    wanted = [first + timedelta(seconds=n) for n in range(seconds)]
    sent = [span for span in collector.spans if span.kind != "internal"]
    for far_side in far_sides:
        received = list(far_side.received(targets[far_side.key]))
        arrived = sorted(map(tick, received))
        assert arrived == [(one, scheduled_id(far_side.key, one)) for one in wanted]
        spans = [span for span in sent if span.attributes["chronos.job.id"] == far_side.key]
        contexts = sorted(f"00-{span.trace_id}-{span.span_id}-01" for span in spans)
        assert sorted(one.headers["traceparent"] for one in received) == contexts


def fire(folder: Path, seconds: int, env: dict[str, str]) -> datetime:
    """Fire for so many seconds, with a reload and a restart between; return the first tick."""
    with Cron(folder, "jobs.yaml", env=env) as cron:
        first = datetime.fromisoformat(cron.wait_for("fired")[0]["scheduled_time"])
        sleep_until(first + timedelta(seconds=seconds / 3))
        cron.send(signal.SIGHUP)
        cron.wait_for("reloaded")
        sleep_until(first + timedelta(seconds=seconds * 2 / 3))
        assert cron.stop() == 0
    with Cron(folder, "jobs.yaml", env=env) as cron:
        cron.wait_for("started")
        sleep_until(first + timedelta(seconds=seconds - 0.5))
        assert cron.stop() == 0
    return first


def tick(message: Received) -> tuple[datetime, str]:
    """Of which tick a message is, and under which execution ID it came."""
    moment = datetime.fromisoformat(message.headers["x-chronos-scheduled-time"])
    return moment, message.headers["x-chronos-execution-id"]


def sleep_until(moment: datetime) -> None:
    time.sleep(max(0.0, moment.timestamp() - time.time()))
