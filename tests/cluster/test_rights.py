"""A user with the rights that docs/cluster.md lists, and one that lacks one of them."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.servers import Nodes
from tests.cluster.stage import Stage, counts, every_second, requests
from tests.cluster.test_kills import names, soon, wait_until
from tests.monitor.test_program import get
from tests.support import ROOT, HttpServer, chronos

Stages = Callable[..., Stage]
Row = Callable[[object], None]
GROUP = "g"


def listed() -> tuple[list[str], list[str]]:
    """What a host may publish and subscribe to, as the page has it."""
    page = (ROOT / "docs/cluster.md").read_text()
    _, _, rest = page.partition("<!-- rights -->")
    block, _, _ = rest.partition("<!-- end -->")
    lines = [line for line in block.splitlines() if line and not line.startswith("```")]
    at = lines.index("subscribe:")
    wanted = [line.replace("<g>", GROUP) for line in lines]
    return wanted[1:at], wanted[at + 1 :]


def users(publish: list[str], subscribe: list[str]) -> str:

    def without(number: int) -> str:
        fewer = [*publish[:number], *publish[number + 1 :]]
        return json.dumps({"publish": fewer, "subscribe": subscribe})

    rights = json.dumps({"publish": publish, "subscribe": subscribe})
    lacking = json.dumps({"publish": publish[1:], "subscribe": subscribe})
    deaf = json.dumps({"publish": publish, "subscribe": subscribe[1:]})
    each = "".join(
        f"{{user: without-{number}, password: p, permissions: {without(number)}}}\n"
        for number in range(len(publish))
    )
    return (
        "accounts {A {jetstream: enabled, users: [\n"
        "{user: operator, password: p}\n"
        f"{{user: host, password: p, permissions: {rights}}}\n"
        f"{{user: lacking, password: p, permissions: {lacking}}}\n"
        f"{{user: deaf, password: p, permissions: {deaf}}}\n"
        f"{each}"
        "]}\n S {users: [{user: s, password: s}]}}\nsystem_account: S\n"
    )


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Nodes]:
    with Nodes(tmp_path / "guarded", users(*listed())).running() as running:
        yield running


def count_violations(nodes: Nodes) -> int:
    logs = (node.process.log_text() for node in nodes.by_name.values())
    return sum(log.count("Permissions Violation") for log in logs)


def login(nodes: Nodes, user: str) -> str:
    return nodes.url.replace("nats://", f"nats://{user}:p@")


def made(nodes: Nodes, folder: Path) -> str:
    """Let an operator make the streams; returns the path of chronos.yaml."""
    config = str(folder / "chronos.yaml")
    arguments = ("cluster", "init", "--cluster", login(nodes, "operator"), "--config", config)
    end = time.monotonic() + 30
    while (tried := chronos(*arguments)).code:  # a cluster that has just begun has no leader yet
        assert time.monotonic() < end, tried.err
        time.sleep(0.5)
    return config


@pytest.mark.row(11, "streams made by an operator, the listed rights, and one taken away")
def test_the_listed_rights_suffice(
    stage: Stages, guarded: Nodes, server: HttpServer, tmp_path: Path, row: Row
) -> None:
    jobs = names(2)
    here = stage(every_second(server, 2), on=guarded)
    here.write("chronos.yaml", {"scheduler": {"cluster": {"group": GROUP, "ack_wait": "4s"}}})
    config = made(guarded, tmp_path)
    stranger = chronos("cron", "jobs.yaml", "--cluster", guarded.url, cwd=tmp_path)
    assert stranger.code == 3
    assert "set 'user' and 'password'" in stranger.err
    assert "scheduler.cluster" in stranger.err
    lacking = chronos("cron", "jobs.yaml", "--cluster", login(guarded, "lacking"), cwd=tmp_path)
    assert lacking.code == 3
    assert lacking.err.count("\n") == 1
    assert listed()[0][0].removesuffix(">") in lacking.err
    violations = count_violations(guarded)
    deaf = chronos("cron", "jobs.yaml", "--cluster", login(guarded, "deaf"), cwd=tmp_path)
    assert deaf.code == 3
    assert deaf.err.count("\n") == 1
    assert listed()[1][0].removesuffix(">").lower() in deaf.err.lower()
    assert deaf.seconds < 10
    of_the_deaf = count_violations(guarded) - violations
    host = here.host("--listen", "127.0.0.1:0", url=login(guarded, "host"))
    host.wait_for("started")
    time.sleep(1)
    first = soon()
    wait_until(first + 5)
    page = host.events("listening")[0]["url"]
    looked_at = [get(f"{page}api/{what}") for what in ("status", "history?job=j0")]
    assert all(code == 200 and "succeeded" in text for code, text in looked_at)
    for words in ("pause", "status", "resume"):
        scope = [] if words == "status" else ["--all"]
        steered = chronos(words, *scope, "--cluster", login(guarded, "host"), "--config", config)
        assert steered.code == 0, steered.err
        if words == "pause":
            host.wait_for("paused")  # the host looks once a second
    host.wait_for("resumed")
    refused = host.warnings("refuses")
    assert here.stop() == [0]
    found = counts(requests(server, jobs), jobs, first, first + 3)
    violations = count_violations(guarded) - of_the_deaf
    row(f"{found}; {len(refused)} refusals; lacking one: exit {lacking.code}")
    assert (found.lost, found.repeated) == (0, 0)
    assert not refused
    # Those of the one that lacks a right.
    assert violations <= 2


@pytest.mark.cluster
@pytest.mark.row(11.1, "each right taken away in turn")
def test_each_right_is_asked_for(
    stage: Stages, guarded: Nodes, server: HttpServer, tmp_path: Path, row: Row
) -> None:
    here = stage(every_second(server, 1), on=guarded)
    here.write("chronos.yaml", {"scheduler": {"cluster": {"group": GROUP, "ack_wait": "4s"}}})
    made(guarded, tmp_path)
    publish, _ = listed()
    for number, right in enumerate(publish):
        url = login(guarded, f"without-{number}")
        failed = chronos("cron", "jobs.yaml", "--cluster", url, cwd=tmp_path, limit=30)
        assert failed.code == 3, (right, failed.err)
        assert right.rstrip(">*").lower() in failed.err.lower(), failed.err
        assert failed.err.count("\n") == 1
    row(f"{len(publish)} rights, each missed at the start and named")
