"""Pauses of a whole group: written by the command, taken over by every host."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.cluster.stage import Sent, Stage, every_second, requests
from tests.support import HttpServer, Result, chronos

Stages = Callable[..., Stage]
Row = Callable[[object], None]

POLICIES = ["ignore", "execute_one", "execute_all"]
# What a pause may take to reach all hosts, in seconds.
REACH = 2.0


def jobs_by_policy(server: HttpServer) -> list[Any]:
    jobs = every_second(server, len(POLICIES))
    for job, policy in zip(jobs, POLICIES, strict=True):
        job |= {"name": policy, "missed_runs": policy, "id": policy.replace("_", "-")}
    return jobs


IDS = [policy.replace("_", "-") for policy in POLICIES]


def steer(stage: Stage, *words: str) -> Result:
    config = str(stage.folder / "chronos.yaml")
    return chronos(*words, "--cluster", stage.nodes.url, "--config", config)


def done(stage: Stage, *words: str) -> str:
    result = steer(stage, *words)
    assert result.code == 0, result.err
    return result.out


def ticks(sent: list[Sent], first: float, last: float) -> list[int]:
    return [one.tick for one in sent if first <= one.tick <= last]


def start(stage: Stage, count: int = 2) -> None:
    hosts = [stage.host() for _ in range(count)]
    for host in hosts:
        host.wait_for("started")


@pytest.mark.row(14, "a pause of all, all hosts restarted in it, resume --catch-up")
def test_a_pause_and_its_catching_up(stage: Stages, server: HttpServer, row: Row) -> None:
    here = stage(jobs_by_policy(server))
    start(here)
    first = int(time.time()) + 1
    time.sleep(1.2)
    assert "all jobs are paused" in done(here, "pause", "--all", "--reason", "migration")
    paused = time.time()
    time.sleep(REACH + 1.2)
    assert here.stop() == [0, 0]
    start(here)
    (told,) = here.hosts[-1].events("paused")
    assert (told["scope"], told["reason"]) == ("all", "migration")
    end = int(time.time())
    said = done(here, "resume", "--all", "--catch-up")
    assert said == "all jobs are resumed; each host makes up for its ticks, as missed_runs says\n"
    resumed = time.time()
    time.sleep(REACH + 0.5)
    last = int(time.time()) - 1
    here.stop()
    sent = {job: requests(server, [job]) for job in IDS}
    every = list(range(first, last + 1))
    late = [one for ones in sent.values() for one in ones if paused + REACH < one.at < resumed - 1]
    assert not late, late
    quiet = (paused + REACH, end - 1)
    made_up = {job: len(ticks(ones, *quiet)) for job, ones in sent.items()}
    row(f"{len(every)} ticks of a job, {quiet[1] - quiet[0]:.0f} s of pause: {made_up}")
    for job, ones in sent.items():
        assert len({one.tick for one in ones}) == len(ones), job
    assert sorted(ticks(sent["execute-all"], first, last)) == every, here.logs()
    assert made_up["ignore"] == 0
    before_last = [tick for tick in ticks(sent["execute-one"], quiet[0], resumed) if tick <= end]
    assert len(before_last) <= 2
