"""Hosts of one group on a cluster, the far side that they send to, and what arrived there."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from chronos_cli.cluster.api import Api
from chronos_cli.cluster.link import Link
from chronos_cli.cluster.names import Names
from chronos_cli.cluster.options import connection_of
from chronos_cli.cluster.streams import Plan, Streams
from chronos_cli.jobs.config import Cluster
from tests.cluster.servers import Nodes
from tests.cron.program import Cron
from tests.support import ROOT, HttpServer, command, headers

T = TypeVar("T")
ACK_WAIT = 4.0
SKEWED = ROOT / "tests/cluster/skewed.py"


class Host(Cron):
    """One host: the program itself; with `skew`, its clock is so many seconds ahead."""

    def __init__(self, folder: Path, url: str, *arguments: str, skew: float, log: str) -> None:
        self._skew = skew
        # When it was killed, unix seconds.
        self.died: float | None = None
        super().__init__(folder, *arguments, "--cluster", url, log=log)

    def _command(self, *arguments: str) -> list[str]:
        if not self._skew:
            return command(*arguments)
        return [sys.executable, str(SKEWED), str(self._skew), *arguments]

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def cpu(self) -> float:
        """The seconds of CPU that it has had."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def warnings(self, words: str) -> list[dict[str, Any]]:
        return [one for one in self.events("warning") if words in one["message"]]


@dataclass(frozen=True)
class Sent:
    """One request at the far side: when, unix seconds, for which tick, by which execution."""

    at: float
    job: str
    tick: int
    execution: str

    @property
    def late(self) -> float:
        return self.at - self.tick


@dataclass(frozen=True)
class Counts:
    """What became of the ticks of a time; `late` and `early` are in seconds, the most of each."""

    due: int
    lost: int
    repeated: int
    most: int
    late: float
    early: float
    two_ids: int

    def __str__(self) -> str:
        words = f"{self.due} due, {self.lost} lost, {self.repeated} repeated (at most {self.most} "
        return f"{words}sends), {self.late:.1f} s late, {self.early:.1f} s early at most"


def every_second(server: HttpServer, count: int, path: str = "/status/200", **more: Any) -> Any:
    """Jobs j0, j1, … that fire every second, and make up for all that was missed."""
    return [
        {
            "name": f"j{number}",
            "schedule": "* * * * * *",
            "missed_runs": "execute_all",
            "webhook": {"url": f"{server.url}{path}"},
            **more,
        }
        for number in range(count)
    ]


class Stage:
    """A group of hosts in a folder of its own."""

    def __init__(
        self, folder: Path, nodes: Nodes, group: str, jobs: Sequence[Any], **settings: Any
    ) -> None:
        self.folder, self.nodes, self.group = folder, nodes, group
        self.server: HttpServer | None = None
        self.hosts: list[Host] = []
        self._count = 0
        cluster = {"group": group, "ack_wait": f"{ACK_WAIT:g}s", **settings}
        self.write("chronos.yaml", {"scheduler": {"cluster": cluster}})
        self.write("jobs.yaml", {"jobs": jobs})

    def write(self, name: str, document: Any) -> None:
        (self.folder / name).write_text(json.dumps(document))

    def host(
        self, *arguments: str, jobs: str = "jobs.yaml", skew: float = 0, url: str = ""
    ) -> Host:
        """Start a host."""
        self._count += 1
        where, log = url or self.nodes.url, f"host-{self._count}.jsonl"
        host = Host(self.folder, where, jobs, *arguments, skew=skew, log=log)
        self.hosts.append(host)
        return host

    def start(self, count: int) -> list[Host]:
        """Start hosts, and wait until all have joined and know of each other."""
        hosts = [self.host() for _ in range(count)]
        for host in hosts:
            host.wait_for("started")
        time.sleep(1.5)
        return hosts

    def stop(self) -> list[int]:
        """Stop all that live, as a service manager does; their exit codes."""
        living = [host for host in self.hosts if host.is_alive]
        for host in living:
            host.process.terminate()
        return [host.wait() for host in living]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for host in self.hosts:
            host.__exit__(*error)

    def logs(self) -> str:
        return "\n".join(f"--- {host.log.name}\n{host.text}" for host in self.hosts)


def on_servers(nodes: Nodes, group: str, play: Callable[[Api, Names], Awaitable[T]]) -> T:
    """Play with the streams of a group."""

    async def all_of_it() -> T:
        link = Link(connection_of(nodes.url, Cluster()))
        await link.open()
        api, names = Api(link), Names(group)
        await Streams(api, Plan(names, ACK_WAIT, 86400.0, 3)).ensure()
        try:
            return await play(api, names)
        finally:
            await link.close()

    return asyncio.run(all_of_it())


def requests(server: HttpServer, jobs: Sequence[str]) -> list[Sent]:
    """What arrived for some jobs, in order."""
    found = []
    for request in server.requests():
        sent = headers(request)
        if sent.get("x-chronos-job-id") in jobs:
            moment = datetime.fromisoformat(sent["x-chronos-scheduled-time"])
            tick, name = round(moment.timestamp()), sent["x-chronos-job-id"]
            execution = sent["x-chronos-execution-id"]
            found.append(Sent(request["time"], name, tick, execution))
    return found


def counts(sent: Sequence[Sent], jobs: Sequence[str], first: float, last: float) -> Counts:
    """Count the ticks of every second from one to another, both included."""
    due = {(job, tick) for job in jobs for tick in range(round(first), round(last) + 1)}
    by_tick: dict[tuple[str, int], list[Sent]] = {}
    for one in sent:
        by_tick.setdefault((one.job, one.tick), []).append(one)
    own = {tick: ones for tick, ones in by_tick.items() if tick in due}
    firsts = [ones[0].late for ones in own.values()]
    return Counts(
        due=len(due),
        lost=len(due - by_tick.keys()),
        repeated=sum(len(ones) > 1 for ones in own.values()),
        most=max(map(len, own.values()), default=0),
        late=max(firsts, default=0.0),
        early=max((-late for late in firsts), default=0.0),
        two_ids=sum(len({one.execution for one in ones}) > 1 for ones in own.values()),
    )
