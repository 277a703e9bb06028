"""Pauses of a whole group: written by the command, taken over by every host."""

import base64
import json
import math
import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

import pytest

from tests.cluster.servers import Nodes
from tests.cluster.stage import ACK_WAIT, SKEWED, Sent, Stage, counts, every_second, requests
from tests.servers.nats_wire import Wire
from tests.support import HttpServer, Result, chronos

Stages = Callable[..., Stage]
Row = Callable[[object], None]

# One job for each policy.
POLICIES = {"ignore": "ignore", "one": "execute_one", "all": "execute_all"}
# What a pause may take to reach all hosts, in seconds.
REACH = 2.0


def by_policy(server: HttpServer, **more: Any) -> list[Any]:
    jobs = every_second(server, len(POLICIES), **more)
    for job, (name, policy) in zip(jobs, POLICIES.items(), strict=True):
        job |= {"name": name, "missed_runs": policy}
    return cast("list[Any]", jobs)


def steer(stage: Stage, *words: str, url: str = "") -> Result:
    config = str(stage.folder / "chronos.yaml")
    return chronos(*words, "--cluster", url or stage.nodes.url, "--config", config)


def done(stage: Stage, *words: str) -> str:
    """What a command says that does what it is asked for."""
    result = steer(stage, *words)
    assert result.code == 0, result.err
    return result.out


def status(stage: Stage) -> Any:
    return json.loads(done(stage, "status", "-o", "json"))


def start(stage: Stage, count: int = 2) -> None:
    hosts = [stage.host() for _ in range(count)]
    for host in hosts:
        host.wait_for("started")


def record(stage: Stage) -> Any:
    """The record of the pause of all jobs, as it stands on the servers."""
    wanted = {"last_by_subj": f"$KV.CHRONOS_{stage.group}.pause.=all"}
    answer = stage.nodes.ask(f"STREAM.MSG.GET.KV_CHRONOS_{stage.group}", wanted)
    return json.loads(base64.b64decode(answer["message"]["data"]))


def unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def ticks(sent: list[Sent], first: float, last: float) -> list[int]:
    """The ticks from one time to another that were sent, none of them twice."""
    found = sorted(one.tick for one in sent if first <= one.tick <= last)
    assert len(set(found)) == len(found), found
    return found


def seconds(first: float, last: float) -> list[int]:
    return list(range(int(first), int(last) + 1))


def assert_quiet(sent: list[Sent], since: float, until: float) -> None:
    """Nothing was sent in a pause, but what its hosts did not know of."""
    assert not [one for one in sent if since + REACH <= one.at < until]


def wait_for(is_so: Callable[[], bool], stage: Stage, limit: float = 20) -> None:
    end = time.monotonic() + limit
    while not is_so():
        assert time.monotonic() < end, stage.logs()
        time.sleep(0.05)


@pytest.mark.row(14, "a pause of all, all hosts killed in it, resume --catch-up")
def test_a_pause_and_its_catching_up(stage: Stages, server: HttpServer, row: Row) -> None:
    here = stage(by_policy(server))
    start(here)
    first = int(time.time()) + 1
    wait_for(lambda: len(requests(server, ["all"])) > 1, here)
    said = done(here, "pause", "--all", "--reason", "migration")
    assert said == "all jobs are paused: ticks are passed over, what runs goes on\n"
    paused = time.time()
    found = status(here)
    assert (found["cluster"]["state"], found["cluster"]["group"]) == ("paused", here.group)
    assert {one["job_id"]: one["paused"]["reason"] for one in found["jobs"]} == dict.fromkeys(
        POLICIES, "migration"
    )
    time.sleep(max(0.0, paused + REACH - time.time()))
    for host in here.hosts:
        host.kill()
    start(here, 1)
    (told,) = here.hosts[-1].events("paused")
    assert (told["scope"], told["reason"]) == ("all", "migration")
    # At least one tick is due once every host knows of the pause.
    time.sleep(max(0.0, math.ceil(paused + REACH) + 0.3 - time.time()))
    said = done(here, "resume", "--all", "--catch-up")
    assert said == "all jobs are resumed; each host makes up for their ticks, as missed_runs says\n"
    (end,) = here.hosts[-1].wait_for("resumed")
    found = record(here)
    assert end["by"] == told["by"] == found["ended_by"]
    ended = unix(found["ended"])
    last = int(time.time())
    every = seconds(first, last)

    def sent(name: str, *span: float) -> list[int]:
        return ticks(requests(server, [name]), *span)

    wait_for(lambda: sent("all", first, last) == every, here)
    # A host that has been killed is waited for: its share comes a second later, or two.
    wait_for(lambda: sent("one", int(ended), last) == seconds(ended, last), here)
    made_up = {name: sent(name, paused + REACH, ended) for name in POLICIES}
    counted = {name: len(ones) for name, ones in made_up.items()}
    row(f"{len(every)} ticks of a job; of the pause {counted}")
    assert_quiet(requests(server, list(POLICIES)), paused, ended)
    assert made_up["ignore"] == []
    assert made_up["one"] == [int(ended)]
    assert sent("all", first, last) == every


@pytest.mark.cluster
@pytest.mark.row(14.1, "a pause of one job, plain resume, a host that starts after it")
def test_resume_counts_from_then_on(stage: Stages, server: HttpServer, row: Row) -> None:
    here = stage(by_policy(server))
    start(here)
    first = int(time.time()) + 1
    time.sleep(1.5)
    done(here, "pause", "all", "--reason", "because")
    paused = time.time()
    time.sleep(REACH + 2)
    (shown,) = [one for one in status(here)["jobs"] if one["job_id"] == "all"]
    assert shown["paused"]["reason"] == "because"
    # From a machine whose clock is wrong, which is not the time that counts.
    skewed = [sys.executable, str(SKEWED), "300", "resume", "all", "--cluster", here.nodes.url]
    subprocess.run(skewed, check=True, cwd=here.folder)
    resumed = time.time()
    here.hosts[0].wait_for("resumed")
    # Its mark is that of before the pause.
    here.hosts[0].kill()
    here.hosts[1].kill()
    start(here, 1)
    time.sleep(6)
    last = int(time.time()) - 2
    here.stop()
    sent = {name: requests(server, [name]) for name in POLICIES}
    passed = ticks(sent["all"], paused + REACH, resumed - 1)
    row(f"{resumed - paused:.0f} s of pause, {len(passed)} ticks of it sent")
    assert not passed
    # What the last host did not even claim.
    told = [unix(one["scheduled_time"]) for one in here.hosts[-1].events("skipped")]
    assert not [tick for tick in told if tick > paused + REACH]
    assert ticks(sent["all"], first, paused - 1) == seconds(first, paused - 1)
    assert ticks(sent["all"], resumed + 0.1, last) == seconds(resumed + 1.1, last)
    # The others went on, but for what the killed hosts had begun.
    assert set(seconds(first, resumed - 1)) <= {one.tick for one in sent["one"]}


@pytest.mark.cluster
@pytest.mark.row(14.2, "a pause --until that ends by itself, and in the absence of all hosts")
def test_a_pause_ends_by_itself(stage: Stages, server: HttpServer, row: Row) -> None:
    here = stage(by_policy(server))
    start(here)
    time.sleep(1)
    done(here, "pause", "--all", "--until", "5s")
    paused = time.time()
    (told,) = here.hosts[0].wait_for("resumed")
    assert told["message"] == "its time was over"
    ended = time.time()
    time.sleep(2)
    done(here, "pause", "--all", "--until", "3s")
    again = unix(record(here)["at"])
    here.hosts[0].wait_for("paused", 2)
    here.stop()
    over = unix(record(here)["until"])
    time.sleep(max(0.0, over - time.time()))
    start(here, 1)
    time.sleep(2.5)
    last = int(time.time()) - 1
    here.stop()
    sent = requests(server, ["all"])
    spans = [(paused + REACH, paused + 3.5), (again + REACH, again + 2.5)]
    passed = [ticks(sent, *span) for span in spans]
    row(f"ticks of the pauses that were sent: {passed}")
    assert passed == [[], []]
    assert ticks(sent, ended, again - 0.5) == seconds(ended + 1, again - 0.5)
    assert ticks(sent, over, last) == seconds(over + 1, last)


@pytest.mark.cluster
@pytest.mark.row(14.4, "three hosts, eight pauses with --catch-up, hosts killed in them")
def test_many_pauses(stage: Stages, server: HttpServer, row: Row) -> None:
    here = stage(every_second(server, 3))
    randomness = random.Random(7)
    start(here, 3)
    first = int(time.time()) + 1
    for number in range(8):
        time.sleep(randomness.uniform(0.3, 3))
        done(here, "pause", "--all")
        time.sleep(randomness.uniform(0, 1) if number % 2 else REACH + 0.5)
        if not number % 2:
            living = [host for host in here.hosts if host.is_alive]
            randomness.choice(living).kill()
            start(here, 1)
        done(here, "resume", "--all", "--catch-up")
    last = int(time.time())
    jobs = ["j0", "j1", "j2"]
    wait_for(lambda: not counts(requests(server, jobs), jobs, first, last).lost, here, ACK_WAIT * 3)
    here.stop()
    found = counts(requests(server, jobs), jobs, first, last)
    row(found)
    assert (found.lost, found.repeated) == (0, 0)


@pytest.mark.cluster
@pytest.mark.row(14.3, "ticks that were claimed and wait for room when the pause comes")
@pytest.mark.parametrize("catches_up", [False, True])
def test_what_was_claimed_before(
    stage: Stages, server: HttpServer, row: Row, catches_up: bool
) -> None:
    here = stage(by_policy(server, webhook={"url": f"{server.url}/slow/3"}, timeout="10s"))
    for host in [here.host("--concurrency", "1") for _ in range(2)]:
        host.wait_for("started")
    first = int(time.time()) + 1
    time.sleep(4)
    done(here, "pause", "--all", "--reason", "enough")
    paused = time.time()
    time.sleep(REACH + 1)
    before = len(requests(server, list(POLICIES)))
    time.sleep(4)
    assert len(requests(server, list(POLICIES))) == before
    # More room, so that all has its end soon.
    here.stop()
    start(here)
    done(here, "resume", "--all", *(["--catch-up"] if catches_up else []))
    resumed = time.time()
    time.sleep(10)
    listed = json.loads(done(here, "history", "--limit", "5000", "-o", "json"))["results"]
    here.stop()
    sent = {name: requests(server, [name]) for name in POLICIES}
    skipped = {
        (one["job_id"], one["scheduled_time"])
        for one in listed
        if one["status"] == "skipped" and "enough" in one["message"]
    }
    passed = {name: len(ticks(ones, first, paused)) for name, ones in sent.items()}
    row(
        f"{len(seconds(first, paused))} ticks each before it: {passed} sent, {len(skipped)} skipped"
    )
    assert skipped
    if catches_up:
        assert ticks(sent["all"], first, resumed) == seconds(first, resumed)
        assert not [one for one in skipped if one[0] == "all"]
    else:
        assert before == sum(len(ticks(ones, 0, resumed - 1)) for ones in sent.values())


@pytest.mark.cluster
def test_what_the_commands_say(stage: Stages, server: HttpServer) -> None:
    here = stage(every_second(server, 2, webhook={"url": f"{server.url}/slow/60"}, timeout="90s"))
    missing = steer(here, "pause", "--all")
    assert (missing.code, "chronos cluster init makes it" in missing.err) == (3, True)
    host = here.host("--grace", "0s")
    host.wait_for("fired", 2)
    time.sleep(1.5)  # real time: a job is known by its mark, which is written once a second
    unknown = steer(here, "pause", "j00")
    assert (unknown.code, "did you mean 'j0'?" in unknown.err) == (2, True)
    assert done(here, "resume", "j1") == "j1 is not paused\n"
    said = done(here, "pause", "j0", "--reason", "why")
    assert said == "j0 is paused: ticks are passed over, what runs goes on\n"
    assert done(here, "pause", "j0").startswith("j0 is paused already, by ")
    found = status(here)
    (name,) = [one["id"] for one in found["cluster"]["hosts"]]
    (j0, j1) = found["jobs"]
    by = j0["paused"]["by"]
    assert (j0["job_id"], j0["paused"]["reason"], j1["paused"]) == ("j0", "why", None)
    assert j0["hosts"] == dict.fromkeys(j0["running"], name)
    assert f" running on {name}, paused " in done(here, "status")
    assert f"j0: paused by {by}" in done(here, "cluster", "status")
    assert f"j0: paused by {by} since" in steer(here, "history").err
    host.stop()
    away = steer(here, "pause", "--all")
    assert (away.code, "no host of the group" in away.err) == (0, True)
    resumed = done(here, "resume", "j0")
    assert resumed.startswith(f"j0 is resumed; it stays paused with all jobs, by {by} since ")


def test_what_cannot_be_asked(closed_port: int) -> None:
    away = f"nats://127.0.0.1:{closed_port}"
    for words, code in (
        (("status", "--cluster", away, "--state", "x"), 2),
        (("pause", "a", "--config", "x"), 2),
        (("resume", "a", "--env-file", "x"), 2),
        (("trigger", "a", "--cluster", away), 2),
        (("pause", "a", "--cluster", away), 3),
        (("status", "--cluster", away), 3),
    ):
        failed = chronos(*words)
        assert (failed.code, failed.err.count("\n")) == (code, 1), failed.err


@pytest.mark.cluster
def test_a_host_that_cannot_read_the_pauses_does_not_start(stage: Stages, nodes: Nodes) -> None:
    here = stage([{"name": "a", "schedule": "@daily", "webhook": {"url": "http://127.0.0.1:1"}}])
    first = here.host()
    first.wait_for("started")
    wire = Wire(nodes.by_name["n1"].url)
    wire.publish(f"$KV.CHRONOS_{here.group}.pause.a", b"{")
    wire.settle()
    wire.close()
    first.wait_for("warning")
    assert "cannot be read" in first.events("warning")[-1]["message"]
    second = here.host()
    assert second.wait() == 3
    assert "pause.a cannot be read" in second.text
