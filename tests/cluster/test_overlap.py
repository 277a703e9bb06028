"""`forbid` and `replace` hold in the whole cluster, also when a holder is killed."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chronos_cli.cluster.api import Api
from chronos_cli.cluster.clock import ClusterClock
from chronos_cli.cluster.link import Link
from chronos_cli.cluster.locks import Lock, Locks
from chronos_cli.cluster.members import Members
from chronos_cli.cluster.names import Names
from chronos_cli.cluster.options import connection_of
from chronos_cli.cluster.streams import Plan, Streams
from chronos_cli.cron.clock import SystemLoopClock
from chronos_cli.jobs.config import Cluster
from tests.cluster.servers import Nodes
from tests.cluster.stage import ACK_WAIT, Host, Stage, every_second
from tests.support import HttpServer

Stages = Callable[..., Stage]
Row = Callable[[object], None]


def moment(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def spans(stage: Stage, job: str, until: float) -> list[tuple[float, float, str]]:
    """When executions of a job ran: from their start to their end, or to their host's death."""
    found = []
    for host in stage.hosts:
        ended = {one["execution_id"]: moment(one) for one in host.events("ended")}
        died = host.died or until
        for one in host.events("fired"):
            if one["job_id"] == job:
                end = ended.get(one["execution_id"], died)
                found.append((moment(one), end, one["execution_id"]))
    return sorted(found)


def overlaps(ran: list[tuple[float, float, str]]) -> int:
    return sum(later[0] < earlier[1] - 0.01 for earlier, later in pairwise(ran))


def just_started(stage: Stage, limit: float = 20) -> Host:
    """The host on which the next execution starts."""
    before = [len(host.events("fired")) for host in stage.hosts]
    end = time.monotonic() + limit
    while time.monotonic() < end:
        for host, known in zip(stage.hosts, before, strict=True):
            if len(host.events("fired")) > known:
                return host
        time.sleep(0.02)
    raise AssertionError(stage.logs())


def overlapping(stage: Stage, concurrency: str, seconds: float, row: Row) -> None:
    stage.start(3)
    time.sleep(seconds)
    holder = just_started(stage)
    time.sleep(0.5)
    killed = time.time()
    holder.kill()
    holder.died = killed
    time.sleep(2 * ACK_WAIT + 4)
    until = time.time()
    stage.stop()
    ran = spans(stage, "j0", until)
    again = min(begin for begin, _, _ in ran if begin > killed)
    row(
        f"{concurrency}: {len(ran)} ran, {overlaps(ran)} overlaps, "
        f"again {again - killed:.1f} s after the holder's death"
    )
    assert overlaps(ran) == 0
    assert again - killed <= 2 * ACK_WAIT + 2
    assert len(ran) >= 3


@pytest.mark.cluster
@pytest.mark.row(7, "forbid, a job 2.5 times its schedule, its holder killed")
def test_forbid(stage: Stages, server: HttpServer, row: Row) -> None:
    jobs = every_second(server, 1, path="/slow/2.5", concurrency="forbid", missed_runs="ignore")
    here = stage(jobs)
    overlapping(here, "forbid", 4, row)
    skipped = [one for host in here.hosts for one in host.events("skipped")]
    assert any("is still running" in one["message"] for one in skipped)


@pytest.mark.cluster
@pytest.mark.row(7.2, "forbid, the servers stopped for a while, and many ticks handed out at once")
def test_forbid_after_a_standstill(
    stage: Stages, own_nodes: Nodes, server: HttpServer, row: Row
) -> None:
    jobs = every_second(server, 1, path="/slow/2.5", concurrency="forbid", missed_runs="ignore")
    here = stage(jobs, on=own_nodes)
    here.start(2)
    for _ in range(3):
        time.sleep(3)
        for node in own_nodes.by_name.values():
            node.process.pause()
        time.sleep(4)
        for node in own_nodes.by_name.values():
            node.process.resume()
    time.sleep(8)
    until = time.time()
    assert here.stop() == [0, 0]
    ran = spans(here, "j0", until)
    row(f"{len(ran)} ran, {overlaps(ran)} overlaps")
    assert overlaps(ran) == 0
    assert len(ran) >= 3


def test_of_many_who_want_a_lock_at_once_one_gets_it(nodes: Nodes, group: str) -> None:
    async def play() -> list[int]:
        link = Link(connection_of(nodes.url, Cluster()))
        await link.open()
        api, names = Api(link), Names(group)
        await Streams(api, Plan(names, ACK_WAIT, 86400.0, 3)).ensure()
        clock = ClusterClock(SystemLoopClock())
        hosts = [Locks(api, names, member(f"h{number}", clock), ACK_WAIT) for number in range(4)]
        got = []
        for turn in range(20):
            wants = (
                host.take("a", f"{turn}-{number}", turn) for number, host in enumerate(hosts * 3)
            )
            taken = [one for one in await asyncio.gather(*wants) if isinstance(one, Lock)]
            got.append(len(taken))
            for lock in taken:
                await hosts[0].free(lock)
        await link.close()
        return got

    assert asyncio.run(play()) == [1] * 20


def member(name: str, clock: ClusterClock) -> Members:
    found = SimpleNamespace(
        me=SimpleNamespace(id=name), clock=clock, server_now=lambda: datetime.now(UTC)
    )
    return cast("Members", found)


@pytest.mark.cluster
@pytest.mark.row(7.1, "replace, the same")
def test_replace(stage: Stages, server: HttpServer, row: Row) -> None:
    jobs = every_second(server, 1, path="/slow/5", concurrency="replace", missed_runs="ignore")
    jobs[0]["schedule"] = "*/2 * * * * *"
    overlapping(stage(jobs), "replace", 6, row)
