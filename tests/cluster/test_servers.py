"""Servers that die, are full, or are cut off: no tick is lost, and nothing claimed is forgotten."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cluster.looking import until_ready_is
from tests.cluster.proxy import Cut
from tests.cluster.servers import Nodes
from tests.cluster.stage import ACK_WAIT, Sent, Stage, counts, every_second, requests
from tests.cluster.test_kills import names, soon, wait_until
from tests.support import HttpServer

Stages = Callable[..., Stage]
Row = Callable[[object], None]


def gap(sent: list[Sent], first: float, last: float) -> float:
    """The longest time in which nothing arrived, in seconds."""
    at = sorted({first, last, *(one.at for one in sent if first <= one.at <= last)})
    return max(b - a for a, b in pairwise(at))


def until_all_arrived(server: HttpServer, jobs: list[str], first: float, last: float) -> None:
    """Wait for every tick that was due, and for what may be sent twice.

    Servers of 2.9 that were all killed may elect for half a minute.
    """
    end = time.time() + 90
    while counts(requests(server, jobs), jobs, first, last).lost and time.time() < end:
        time.sleep(0.5)
    time.sleep(ACK_WAIT * 2)


@pytest.mark.cluster
@pytest.mark.row(5, "the ticks' leader killed")
def test_a_killed_leader(stage: Stages, own_nodes: Nodes, server: HttpServer, row: Row) -> None:
    jobs = names(2)
    here = stage(every_second(server, 2), on=own_nodes)
    here.start(2)
    first = soon()
    wait_until(first + 1.5)
    own_nodes.by_name[own_nodes.leader(f"CHRONOS_{here.group}_TICKS")].process.kill()
    wait_until(first + 11 + ACK_WAIT)
    here.stop()
    sent = requests(server, jobs)
    found = counts(sent, jobs, first, first + 8)
    pause = gap(sent, first, first + 10)
    row(f"{found}, gap {pause:.1f} s")
    assert (found.lost, found.two_ids) == (0, 0)
    assert found.most <= 2
    assert pause <= 10


@pytest.mark.cluster
@pytest.mark.row(5.1, "a follower, the leader, the quorum for 30 s, all three killed")
def test_servers_killed(stage: Stages, own_nodes: Nodes, server: HttpServer, row: Row) -> None:
    jobs = names(3)
    here = stage(every_second(server, 3), on=own_nodes)
    here.start(3)
    stream = f"CHRONOS_{here.group}_TICKS"
    nodes = own_nodes.by_name
    first = soon()
    wait_until(first + 3)

    def kill(*killed: str, away: float) -> tuple[float, float]:
        began = time.time()
        for name in killed:
            nodes[name].process.kill()
        time.sleep(away)
        for name in killed:
            nodes[name].start()
        ended = time.time()
        own_nodes.ask(f"STREAM.INFO.{stream}")
        time.sleep(8)
        return began, ended

    leader = own_nodes.leader(stream)
    follower = next(name for name in nodes if name != leader)
    kill(follower, away=5)
    began, _ = kill(own_nodes.leader(stream), away=5)
    at_leader = gap(requests(server, jobs), began, began + 13)
    down, up = kill("n1", "n2", away=30)
    kill("n1", "n2", "n3", away=2)
    last = int(time.time())
    until_all_arrived(server, jobs, first, last)
    here.stop()
    sent = requests(server, jobs)
    found = counts(sent, jobs, first, last)
    # What was pulled before may end then; nothing new begins.
    unfounded = [one for one in sent if down + ACK_WAIT < one.at < up]
    row(f"{found}, gap at the leader {at_leader:.1f} s, {len(unfounded)} sent without quorum")
    assert (found.lost, found.two_ids) == (0, 0)
    assert found.most <= 2
    assert at_leader <= 10
    assert not unfounded
    assert any("no tick" in one or "no answer" in one for one in [here.logs()])


@pytest.mark.cluster
@pytest.mark.row(6, "the stream of ticks full")
def test_a_full_stream(stage: Stages, nodes: Nodes, server: HttpServer, row: Row) -> None:
    here = stage(every_second(server, 1))
    (host,) = here.start(1)
    stream = f"CHRONOS_{here.group}_TICKS"
    host.wait_for("ended", 2)
    config = nodes.ask(f"STREAM.INFO.{stream}")["config"]
    nodes.ask(f"STREAM.UPDATE.{stream}", {**config, "max_msgs": 1})
    host.wait_for("warning")
    first = soon()
    alarms = host.warnings("no tick can be claimed, nothing fires")
    time.sleep(2)
    assert alarms, host.text
    nodes.ask(f"STREAM.UPDATE.{stream}", {**config, "max_msgs": -1})
    wait_until(first + 14)
    here.stop()
    found = counts(requests(server, ["j0"]), ["j0"], first - 1, first + 10)
    row(f"{len(alarms)} alarm, then {found}")
    assert found.lost == 0
    assert found.repeated == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 64 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write a file that takes all the room there is; return it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(4096))
    return filler


@pytest.mark.cluster
@pytest.mark.row(6.1, "the servers' disk full, and room made")
def test_a_full_disk(stage: Stages, small_disk: Path, server: HttpServer, row: Row) -> None:
    with Nodes(small_disk).running() as small:
        small.wait_ready()
        here = stage(every_second(server, 1), on=small)
        host = here.host("--listen", "127.0.0.1:0")
        host.wait_for("ended", 2)
        first = soon()
        wait_until(first + 1.5)
        filler = fill(small_disk)
        took, reason = until_ready_is(host, 503, 60)
        full = time.time()
        time.sleep(10)
        sent = [one for one in requests(server, ["j0"]) if one.at > full + 1]
        filler.unlink()
        for node in small.by_name.values():  # one without room gives JetStream up until then
            node.process.kill()
            node.start()
        until_ready_is(host, 200, 60)
        last = int(time.time())
        until_all_arrived(server, ["j0"], first, last)
        assert here.stop() == [0]
    found = counts(requests(server, ["j0"]), ["j0"], first, last)
    row(f"not ready after {took:.1f} s ({reason}), {len(sent)} sent meanwhile; then {found}")
    assert not sent
    assert found.lost == 0
    assert found.most <= 2
    assert found.two_ids == 0


@pytest.mark.cluster
@pytest.mark.row(14, "a host cut off for a minute, and back")
def test_a_host_cut_off(stage: Stages, nodes: Nodes, server: HttpServer, row: Row) -> None:
    jobs = names(3)
    here = stage(every_second(server, 3))
    first_port = next(iter(nodes.by_name.values())).port
    assert first_port
    with Cut(first_port) as cut:
        away = here.host(url=f"nats://127.0.0.1:{cut.port}")
        away.wait_for("started")
        here.start(2)
        first = soon()
        wait_until(first + 5)
        cut.silence()
        time.sleep(60)
        cut.heal()
        time.sleep(15)
        last = int(time.time())
        wait_until(last + ACK_WAIT + 2)
        here.stop()
    found = counts(requests(server, jobs), jobs, first, last)
    row(found)
    assert found.lost == 0
    assert found.most <= 2
    # Only what it had begun when it was cut off may have been sent twice.
    assert found.repeated <= 3
    assert found.two_ids == 0
