"""Hosts that are looked at: the figures, what came of all executions, whether they are ready."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from chronos_cli.cluster.api import Api
from chronos_cli.cluster.names import Names
from chronos_cli.cluster.outcomes import ClusterOutcomes
from chronos_cli.cluster.records import Record
from chronos_cli.state.entries import HistoryFilter, HistoryStatus
from tests.cluster.looking import figures, readiness, site, until_ready_is
from tests.cluster.servers import Nodes
from tests.cluster.stage import Host, Stage, every_second, on_servers
from tests.cron.program import wait_until
from tests.monitor.test_program import get
from tests.support import HttpServer

Stages = Callable[..., Stage]
Row = Callable[[object], None]


def test_two_hosts_are_looked_at(stage: Stages, nodes: Nodes, server: HttpServer) -> None:
    good, bad = every_second(server, 2)
    bad["webhook"]["url"] = f"{server.url}/status/403"
    here = stage([good, bad])
    hosts = [here.host("--listen", "127.0.0.1:0") for _ in range(2)]
    for host in hosts:
        host.wait_for("started")
    on_servers(nodes, here.group, lambda api, names: api.store(names.tick("unknown", 1), b""))
    end = time.monotonic() + 10
    while True:
        found = [figures(host) for host in hosts]
        ends = sum(len(ended(host, "j1")) for host in hosts)  # by whichever of them
        # The tick of the job that nobody has is handed back once a second.
        again = sum(one["redeliveries_total"] for one in found)
        if ends >= 2 and again >= 1 and [one["hosts"] for one in found] == [2, 2]:
            break
        assert time.monotonic() < end, here.logs()
        time.sleep(0.1)
    for one in found:
        assert one["info"] == one["quorum"] == one["claimable"] == 1
        assert one["stalled"] == one["troubles"] == 0
        assert abs(one["clock_skew_seconds"]) < 1
        assert one["claim_requests_total"] >= one["claims_totalstored"] + one["claims_totaltaken"]
        assert {"waiting_ticks", "unacknowledged_ticks"} <= one.keys()
    fired = sum(len(host.events("fired")) for host in hosts)
    assert sum(one["claims_totalstored"] for one in found) == pytest.approx(fired, abs=4)
    assert readiness(hosts[0]) == (200, "ok")

    # Each shows what both did.
    ran = {one["execution_id"] for host in hosts for one in ended(host, "j1")}
    for host in hosts:
        until_history_has(host, "j1", ran)
        document = json.loads(get(f"{site(host)}api/status")[1])
        rows = {one["job_id"]: one["outcomes"] for one in document["jobs"]}
        assert {one["status"] for one in rows["j0"]} == {"succeeded"}
        assert {(one["status"], one["code"]) for one in rows["j1"]} == {("rejected", "403")}
        assert document["loop"]["cluster"]["hosts"] == 2
        assert document["loop"]["state_failure"] is None
    assert here.stop() == [0, 0]


def ended(host: Host, job_id: str) -> list[dict[str, Any]]:
    return [one for one in host.events("ended") if one["job_id"] == job_id]


def until_history_has(host: Host, job_id: str, executions: set[str]) -> None:
    """Ask until the outcomes of all executions, some of which may have just ended, are shown."""
    assert executions
    end = time.monotonic() + 5
    shown: set[str] = set()
    while not executions <= shown:
        assert time.monotonic() < end, executions - shown
        found = json.loads(get(f"{site(host)}api/history?job={job_id}")[1])["results"]
        shown = {one["execution_id"] for one in found if one["status"] == "rejected"}
        assert found == sorted(found, key=lambda one: one["started_at"], reverse=True)


async def record(api: Api, names: Names, job_id: str, number: int) -> None:
    """Store that a job was started once more, and how it ended."""
    moment = datetime.fromtimestamp(number, UTC)
    one = Record(
        kind="ended",
        execution_id=f"{job_id}-{number}",
        job_id=job_id,
        scheduled_time=moment.isoformat(),
        host="h",
        machine="h",
        pid=1,
        number=1,
        started_at=moment,
        ended_at=moment,
        outcome={"status": "succeeded"},
    )
    await api.store(names.outcome(job_id, number * 1000), one.encode())


def test_history_of_a_job_among_many(nodes: Nodes, group: str) -> None:
    """What is rare, and what was dense long ago: the newest ones are found, in their order."""
    rare = [7, 30, 31, 32, 700]

    async def play(api: Api, names: Names) -> tuple[list[str], list[str]]:
        jobs = ["dense"] * 300 + ["rare" if number in rare else "others" for number in range(900)]
        numbers = [*range(300), *range(900)]
        calls = [record(api, names, *one) for one in zip(jobs, numbers, strict=True)]
        for at in range(0, len(calls), 100):
            await asyncio.gather(*calls[at : at + 100])
        await record(api, names, "dense", 1000)
        outcomes = ClusterOutcomes(api, names)
        found, asked = [], count_requests(api)
        for job_id, most in (("rare", 4), ("dense", 20)):
            wanted = HistoryFilter(jobs=frozenset({job_id}), limit=most)
            found.append([one.execution_id for one in await outcomes.history(wanted)])
        assert len(asked) < 300
        return found[0], found[1]

    some, many = on_servers(nodes, group, play)
    assert some == [f"rare-{number}" for number in reversed(rare[1:])]
    assert many == ["dense-1000", *(f"dense-{number}" for number in range(299, 280, -1))]


def test_endings_are_taken_in_once(nodes: Nodes, group: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("chronos_cli.cluster.outcomes._MOST", 40)
    monkeypatch.setattr("chronos_cli.cluster.outcomes._FRESH", 0.0)

    async def play(api: Api, names: Names) -> None:
        await record(api, names, "old", 1)
        for number in range(50):
            await record(api, names, "new", number)
        outcomes = ClusterOutcomes(api, names)
        first = await outcomes.recent_endings(["old", "new", "none"], 20)
        # It is too far back, but it is the last one of its job.
        assert [one.started_at.timestamp() for one in first["old"]] == [1]
        assert [one.started_at.timestamp() for one in first["new"]] == list(range(30, 50))
        assert first["none"] == []
        await record(api, names, "old", 2)
        await record(api, names, "none", 3)
        asked = count_requests(api)
        second = await outcomes.recent_endings(["old", "new", "none"], 20)
        assert [one.started_at.timestamp() for one in second["old"]] == [2]
        assert [one.started_at.timestamp() for one in second["none"]] == [3]
        assert second["none"][0].status == HistoryStatus.SUCCEEDED
        assert len(asked) == 3  # where the end is, and the two that are new
        await record(api, names, "old", 4)
        for number in range(50, 100):
            await record(api, names, "new", number)
        second = await outcomes.recent_endings(["old", "new", "none"], 20)
        # Among those that were passed over.
        assert [one.started_at.timestamp() for one in second["old"]] == [4]
        assert [one.started_at.timestamp() for one in second["none"]] == [3]
        await api.link.close()
        assert await outcomes.recent_endings(["old", "new", "none"], 20) == second

    on_servers(nodes, group, play)


def count_requests(api: Api) -> list[str]:
    asked: list[str] = []
    call = api.call

    async def counted(subject: str, *more: Any, **named: Any) -> dict[str, Any]:
        asked.append(subject)
        return await call(subject, *more, **named)

    api.call = counted  # type: ignore[method-assign]
    return asked


@pytest.mark.cluster
@pytest.mark.row(20, "ready or not: a leader killed, the quorum lost, and back")
@pytest.mark.parametrize("schedule", ["@yearly", "* * * * * *"])
def test_not_ready_without_a_quorum(
    stage: Stages,
    own_nodes: Nodes,
    server: HttpServer,
    row: Row,
    schedule: str,
) -> None:
    here = stage([{**every_second(server, 1)[0], "schedule": schedule}], on=own_nodes)
    host = here.host("--listen", "127.0.0.1:0")
    host.wait_for("started")
    assert until_ready_is(host, 200, 5)[1] == "ok"
    first = own_nodes.by_name[own_nodes.leader(f"CHRONOS_{here.group}_TICKS")]
    first.process.kill()
    end = time.monotonic() + 12
    while time.monotonic() < end:  # as long as an election takes, and longer
        assert readiness(host)[0] == 200
        time.sleep(0.1)
    second = next(node for node in own_nodes.by_name.values() if node.is_alive)
    second.process.kill()
    took, reason = until_ready_is(host, 503, 14)
    assert "no majority" in reason
    assert get(f"{site(host)}healthz")[0] == 200
    assert figures(host)["quorum"] == 0
    assert "waiting_ticks" not in figures(host)
    document = json.loads(get(f"{site(host)}api/status")[1])
    assert "no majority" in document["loop"]["state_failure"]
    # One of the servers may take itself for the leader a little longer.
    wait_until(lambda: get(f"{site(host)}api/history?job=j0")[0] == 503)
    first.start()
    second.start()
    back, _ = until_ready_is(host, 200, 30)
    row(f"{schedule}: not ready after {took:.1f} s, ready {back:.1f} s after the servers' start")
    assert 5 <= took <= 12
    assert figures(host)["quorum"] == 1
    assert here.stop() == [0]


@pytest.mark.cluster
@pytest.mark.row(21, "ready or not: the stream of ticks full, and emptied")
def test_not_ready_while_full(stage: Stages, nodes: Nodes, server: HttpServer, row: Row) -> None:
    here = stage(every_second(server, 1))
    host = here.host("--listen", "127.0.0.1:0")
    host.wait_for("ended", 2)
    stream = f"CHRONOS_{here.group}_TICKS"
    config = nodes.ask(f"STREAM.INFO.{stream}")["config"]
    nodes.ask(f"STREAM.UPDATE.{stream}", {**config, "max_msgs": 1})
    took, reason = until_ready_is(host, 503, 5)
    assert "no tick can be claimed" in reason
    found = figures(host)
    assert (found["claimable"], found["quorum"]) == (0, 1)
    nodes.ask(f"STREAM.UPDATE.{stream}", {**config, "max_msgs": -1})
    back, _ = until_ready_is(host, 200, 5)
    row(f"not ready after {took:.1f} s, ready after {back:.1f} s")
    assert figures(host)["claimable"] == 1
    assert here.stop() == [0]


@pytest.mark.cluster
def test_not_ready_with_a_clock_of_its_own(stage: Stages, server: HttpServer) -> None:
    here = stage([{**every_second(server, 1)[0], "schedule": "@yearly"}])
    host = here.host("--listen", "127.0.0.1:0", skew=400)
    host.wait_for("started")
    _, reason = until_ready_is(host, 503, 20)
    assert "clock" in reason
    assert -401 < figures(host)["clock_skew_seconds"] < -399
