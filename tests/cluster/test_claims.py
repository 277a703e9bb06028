"""Claims and what is handed back, with the parts of a host in this process."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec import structs

from chronos_cli.cluster.api import Api
from chronos_cli.cluster.claims import Claims
from chronos_cli.cluster.clock import ClusterClock
from chronos_cli.cluster.link import Link
from chronos_cli.cluster.members import Members
from chronos_cli.cluster.names import Names, job_and_moment, token
from chronos_cli.cluster.options import connection_of
from chronos_cli.cluster.pull import Puller
from chronos_cli.cluster.say import Troubles
from chronos_cli.cron.clock import SystemLoopClock
from chronos_cli.cron.events import Events
from chronos_cli.cron.pending import PendingStart
from chronos_cli.dispatch.execution import scheduled_id
from chronos_cli.jobs.config import Cluster
from tests.cluster.servers import Nodes
from tests.cluster.stage import ACK_WAIT, Stage, every_second, on_servers, requests
from tests.cron.stage import job
from tests.support import HttpServer

Stages = Callable[..., Stage]
Row = Callable[[object], None]
BURST = 10_000


def behind(others: int) -> Members:
    """A host before which every tick belongs to so many others."""
    me = SimpleNamespace(id="me")
    found = SimpleNamespace(
        me=me, rank=lambda _: others, before=lambda _: set(), suspect=lambda *_: None
    )
    return cast("Members", found)


def claims(api: Api, names: Names, others: int = 0) -> Claims:
    clock = ClusterClock(SystemLoopClock())
    troubles = Troubles(clock, Events(clock, lambda _: None))
    return Claims(api, names, behind(others), clock, troubles, lambda _: "hash")


async def claim(found: Claims, starts: list[PendingStart], limit: float = 30) -> None:
    serving = asyncio.create_task(found.serve())
    for start in starts:
        found.offer(start)
    async with asyncio.timeout(limit):
        while len(found):  # noqa: ASYNC110 - it is counted, not told
            await asyncio.sleep(0.02)
    serving.cancel()


def ticks(count: int) -> list[PendingStart]:
    now = datetime.now(UTC)
    found = []
    for number in range(count):
        moment = now.replace(microsecond=0) - timedelta(seconds=number)
        found.append(PendingStart(job(), scheduled_id("a", moment), moment, now))
    return found


@pytest.mark.row(2, "1,000 ticks done, the duplicate window over, all published again")
def test_what_was_done_is_refused(nodes: Nodes, group: str, row: Row) -> None:
    async def play(api: Api, names: Names) -> tuple[int, int, int]:
        info = await api.call(f"STREAM.INFO.{names.ticks}")
        config = {**info["config"], "duplicate_window": 500_000_000}
        await api.call(f"STREAM.UPDATE.{names.ticks}", config)
        starts = ticks(1000)
        first = claims(api, names)
        await claim(first, starts)
        done: list[Any] = []
        clock = ClusterClock(SystemLoopClock())
        puller = Puller(api.link, names, clock, lambda: 500, done.append)
        pulling = asyncio.create_task(puller.serve())
        async with asyncio.timeout(30):
            while len(done) < 1000:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
        for message in done:
            await api.link.send(message.reply, b"+ACK")
        pulling.cancel()
        await asyncio.sleep(1)  # real time: until the servers forget the IDs
        again = claims(api, names)
        await claim(again, starts)
        return first.stored, again.stored, again.taken

    stored, accepted, taken = on_servers(nodes, group, play)
    row(f"{stored} stored, accepted again {accepted}, refused {taken}")
    assert (stored, accepted, taken) == (1000, 0, 1000)


def test_many_that_died_at_once_are_not_waited_for_in_turn() -> None:
    class Stored:
        async def store(self, *_: Any, **__: Any) -> Any:
            return SimpleNamespace(duplicate=False)

    began = time.monotonic()
    asyncio.run(claim(claims(cast("Api", Stored()), Names("g"), others=7), ticks(1)))
    assert 2.9 < time.monotonic() - began < 3.9  # real time: three turns


def test_a_doubt_ends_though_nothing_is_due(nodes: Nodes, group: str) -> None:
    async def play(api: Api, names: Names) -> None:
        found = claims(api, names)
        found._troubles.begin("claims", "full, and nothing is due for long")
        found._troubles.begin("claim", "no answer, and nothing is due for long")
        serving = asyncio.create_task(found.serve())
        async with asyncio.timeout(5):
            while not found._troubles.is_quiet:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
        serving.cancel()

    on_servers(nodes, group, play)


def test_a_host_that_joins_again_is_one_host(nodes: Nodes, group: str) -> None:
    """As one does that wrote its name and was not told so."""

    async def play(api: Api, names: Names) -> tuple[list[str], list[str]]:
        clock = ClusterClock(SystemLoopClock())
        troubles = Troubles(clock, Events(clock, lambda _: None))
        first, other = (Members(api, names, clock, troubles) for _ in range(2))
        other.me = structs.replace(other.me, pid=other.me.pid + 1)
        for host in (first, first, other, first):
            await host.join()
        return [first.me.id, other.me.id], first.live

    mine, live = on_servers(nodes, group, play)
    assert len(set(mine)) == 2
    assert live == sorted(mine)


def test_hosts_that_join_at_once_have_names_of_their_own(nodes: Nodes, group: str) -> None:
    """On one machine, over names that are new and names that others have left."""
    count, rounds = 5, 4

    async def play(api: Api, names: Names) -> list[set[str]]:
        clock = ClusterClock(SystemLoopClock())
        troubles = Troubles(clock, Events(clock, lambda _: None))
        found = []
        for number in range(rounds):
            hosts = [Members(api, names, clock, troubles) for _ in range(count)]
            for pid, host in enumerate(hosts, number * count):
                host.me = structs.replace(host.me, pid=pid)
            await asyncio.gather(*(host.join() for host in hosts))
            found.append({host.me.id for host in hosts})
            await asyncio.gather(*(host.leave() for host in hosts))
        return found

    assert [len(ids) for ids in on_servers(nodes, group, play)] == [count] * rounds


@pytest.mark.parametrize("text", ["a.b", "plain-1_x", "ä b", "=2E", "*", ">", "$x"])
def test_a_job_id_is_one_part_of_a_subject(text: str) -> None:
    part = token(text)
    assert not set(part) & set(".*> ")
    assert job_and_moment(Names("g").tick(text, 17)) == (text, 17)


@pytest.mark.cluster
@pytest.mark.row(13, "handed back thirty times and more: never given up")
def test_handed_back(stage: Stages, nodes: Nodes, server: HttpServer, row: Row) -> None:
    (known, later) = every_second(server, 2)
    # A name that is due once, in the minute after next at the latest.
    later["schedule"] = "* * * * *"
    here = stage([known, later])
    here.write("one.yaml", {"jobs": [known]})
    host = here.host()
    host.wait_for("started")
    here.hosts[0].stop()
    moment = int(time.time())
    link_ticks = f"chronos.{here.group}.tick.j1.{moment * 1000}"
    other = here.host(jobs="one.yaml")
    other.wait_for("started")

    async def publish() -> None:
        link = Link(connection_of(nodes.url, Cluster()))
        await link.open()
        await Api(link).store(link_ticks, b"")
        await link.close()

    asyncio.run(publish())
    time.sleep(33)  # real time: once a second it goes back
    stream = f"CHRONOS_{here.group}_TICKS"
    info = nodes.ask(f"CONSUMER.INFO.{stream}.hosts")
    back = info["num_redelivered"]
    assert not requests(server, ["j1"])
    here.host().wait_for("started")
    deadline = time.time() + 10
    while not (sent := [one for one in requests(server, ["j1"]) if one.tick == moment]):
        assert time.time() < deadline, here.logs()
        time.sleep(0.1)
    row(f"{back} tick handed back for 33 s, then sent {len(sent)} time")
    assert back == 1
    assert len(sent) == 1


@pytest.mark.cluster
@pytest.mark.row(13.1, "five hosts that die over one tick: given up and told")
def test_a_tick_that_kills(stage: Stages, server: HttpServer, row: Row) -> None:
    jobs = every_second(server, 1, path="/slow/60", timeout="90s")
    jobs[0]["schedule"] = "* * * * *"
    here = stage(jobs)
    host = here.host()
    host.wait_for("started")
    deaths = 0
    while deaths < 5:
        host.wait_for("fired", limit=75)
        host.kill()
        deaths += 1
        host = here.host()
    (told,) = host.wait_for("dropped", limit=ACK_WAIT * 3)
    row(f"{deaths} deaths: {told['message']}")
    assert told["message"] == "given up: 5 hosts died over it"


@pytest.mark.cluster
@pytest.mark.row(10, "10,000 ticks in one instant")
def test_a_burst(stage: Stages, server: HttpServer, tmp_path: Path, nodes: Nodes, row: Row) -> None:
    """By three hosts, and by one on its own."""
    here = stage([])
    took, cpu, ended, published = burst(here, server, 3)
    assert sum(ended) == BURST
    shares = [round(100 * one / BURST) for one in ended]
    folder = tmp_path / "alone"
    folder.mkdir()
    with Stage(folder, nodes, f"{here.group}-one", []) as alone:
        took_alone, (cpu_alone,), (ended_alone,), _ = burst(alone, server, 1)
    assert ended_alone == BURST
    row(
        f"shares {shares} %, {published} publishes; three hosts {took:.0f} s and at most "
        f"{max(cpu):.1f} s of CPU each, one {took_alone:.0f} s and {cpu_alone:.1f} s"
    )
    assert all(25 <= share <= 42 for share in shares)
    assert published <= 1.2 * BURST
    assert took <= took_alone * 1.1
    assert max(cpu) <= 0.5 * cpu_alone


def burst(here: Stage, server: HttpServer, count: int) -> tuple[float, list[float], list[int], int]:
    """Let ticks be due in one instant.

    Returns how long they took, and by host the seconds of CPU and how many it ended; then how many
    claims were published.
    """
    when = datetime.now(UTC) + timedelta(seconds=100)
    jobs = every_second(server, BURST)
    for one in jobs:
        one["schedule"] = f"{when.minute} {when.hour} * * *"
    here.write("jobs.yaml", {"jobs": jobs})
    hosts = [here.host("--concurrency", "50") for _ in range(count)]
    for host in hosts:
        host.wait_for("started", limit=90)
    began = when.replace(second=0, microsecond=0).timestamp()
    time.sleep(max(0.0, began - 1 - time.time()))
    before = [host.cpu() for host in hosts]
    ended = [0] * count
    while sum(ended) < BURST and time.time() < began + 300:
        time.sleep(1)
        ended = [len(host.events("ended")) for host in hosts]
    took = time.time() - began
    cpu = [host.cpu() - earlier for host, earlier in zip(hosts, before, strict=True)]
    assert here.stop() == [0] * count
    published = sum(host.events("cluster")[-1]["published"] for host in hosts)
    return took, cpu, ended, published
