"""`chronos cron` with so many jobs that a thousand ticks take a minute."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cron.program import Cron

_CONFIG = {
    "dispatcher": {"http": {"max_idle_conns": 1000}},
    "scheduler": {"max_concurrent_jobs": 1000},
}

Event = dict[str, Any]

# Of a thousand ticks at each target; fewer are for trying a test.
_SHARE = int(os.environ.get("CHRONOS_TEST_TICKS", "1000")) / 1000


@dataclass(frozen=True)
class Load:
    """How many jobs tick at each target, how often, and how many times."""

    jobs: int = 25
    full_rounds: int = 40
    every: str = "1s"
    attempts: int = 1

    @property
    def rounds(self) -> int:
        return max(3, int(self.full_rounds * _SHARE))

    @property
    def ticks(self) -> int:
        return self.jobs * self.rounds


@contextmanager
def ticking(folder: Path, targets: Mapping[str, Any], load: Load) -> Iterator[Cron]:
    """Run the loop; `targets` are keys of a job by a name for it."""
    jobs = [
        _job(f"{name}-{number}", keys, load)
        for name, keys in targets.items()
        for number in range(load.jobs)
    ]
    (folder / "ticks.yaml").write_text(json.dumps({"jobs": jobs}))
    (folder / "chronos.yaml").write_text(json.dumps(_CONFIG))
    with Cron(folder, "ticks.yaml") as cron:
        yield cron


def fire(
    folder: Path,
    targets: Mapping[str, Any],
    load: Load,
    between: Callable[[], None] = lambda: None,
) -> dict[str, list[Event]]:
    """Run the loop until all have ticked; `between` is done after a third of the ticks.

    Returns the ends of the executions by the name of their target.
    """
    total = load.ticks * len(targets)
    limit = time.monotonic() + 120 + load.rounds * float(load.every.removesuffix("s"))
    with ticking(folder, targets, load) as cron:
        cron.wait_for("ended", total // 3, limit - time.monotonic())
        between()
        cron.wait_for("ended", total, limit - time.monotonic())
        assert cron.stop() == 0, cron.text[-2000:]
        ended = cron.events("ended")
    found: dict[str, list[Event]] = {name: [] for name in targets}
    for event in ended:
        found[event["job_id"].rpartition("-")[0]].append(event)
    return found


def failures(events: list[Event]) -> list[str]:
    """Tell how each execution ended that did not succeed."""
    return [
        f"{event['status']} {event.get('code')}: {event.get('message')}"
        for event in events
        if event["status"] != "succeeded"
    ]


def assert_held(found: Mapping[str, list[Event]], load: Load) -> str:
    """Hold that each tick succeeded; return the words for the table."""
    for name, events in found.items():
        lost = failures(events)
        assert not lost, f"{len(lost)} of {len(events)} failed at {name}: {lost[0]}"
        assert len(events) >= load.ticks
        assert {event["attempts"] for event in events} == {1}
    total = sum(len(events) for events in found.values())
    return f"{total} ticks, no failed attempt"


def _job(name: str, keys: dict[str, Any], load: Load) -> dict[str, Any]:
    policy = {"max_attempts": load.attempts, "initial_interval": "200ms", "max_interval": "2s"}
    job = {"name": name, "schedule": f"@every {load.every}", "timeout": "10s"}
    return {**job, "retry_policy": policy, **keys}
