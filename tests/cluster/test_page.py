"""What a group did, and does: `history`, `replay` and `cluster status` on the servers."""

import json
from collections.abc import Callable

from tests.cluster.stage import Stage, every_second, requests
from tests.servers.nats_wire import Wire
from tests.support import ROOT, HttpServer, chronos

Stages = Callable[..., Stage]


def test_history_replay_and_status(stage: Stages, server: HttpServer) -> None:
    (good, bad) = every_second(server, 2)
    bad["webhook"]["url"] = f"{server.url}/status/403"
    here = stage([good, bad])
    here.start(1)
    here.hosts[0].wait_for("ended", 4)
    url = here.nodes.url
    config = ("--config", str(here.folder / "chronos.yaml"))
    shown = chronos("cluster", "status", "--cluster", url, *config, "-o", "json")
    status = json.loads(shown.out)
    assert [(one["is_live"], one["pid"]) for one in status["hosts"]] == [
        (True, here.hosts[0].process.pid)
    ]
    assert abs(status["hosts"][0]["skew"]) < 1
    in_words = chronos("cluster", "status", "--cluster", url, *config)
    assert in_words.out.startswith(f"group {here.group}, led by n")
    here.stop()

    listed = chronos("history", "--cluster", url, *config, "--job", "j1", "-o", "json")
    entries = json.loads(listed.out)["results"]
    assert {one["status"] for one in entries} == {"rejected"}
    assert entries[0]["attempts"][0]["code"] == "403"
    assert [one["started_at"] for one in entries] == sorted(
        (one["started_at"] for one in entries), reverse=True
    )
    identity = entries[0]["execution_id"]
    one = chronos("history", identity[:12], "--cluster", url, *config)
    assert identity in one.out

    before = len(requests(server, ["j1"]))
    again = chronos("replay", identity, "--cluster", url, *config, "-o", "json", cwd=here.folder)
    assert again.only["execution_id"] == identity
    assert len(requests(server, ["j1"])) == before + 1
    assert chronos("history", "nothing", "--cluster", url, *config).code == 2


def test_what_runs_and_what_nobody_is_handed(stage: Stages, server: HttpServer) -> None:
    here = stage(every_second(server, 1, path="/slow/5"))
    (host,) = here.start(1)
    execution = host.wait_for("fired")[0]["execution_id"]
    command = ("cluster", "status", "--cluster", here.nodes.url)
    config = ("--config", str(here.folder / "chronos.yaml"))
    name = json.loads(chronos(*command, *config, "-o", "json").out)["hosts"][0]["id"]
    assert f"running j0: execution {execution} on {name}" in chronos(*command, *config).out
    host.kill()
    wire = Wire(next(iter(here.nodes.by_name.values())).url)
    wire.publish(f"chronos.{here.group}.tick.j0.1700000000000", b"")
    wire.settle()
    wire.close()
    found = json.loads(chronos(*command, *config, "-o", "json").out)
    assert found["waiting"] >= 1
    assert 0 < found["idle_s"] < 60


def test_the_page_names_them() -> None:
    page = (ROOT / "docs/cluster.md").read_text()
    for words in ("cluster status", "cluster init", "history", "replay", "cron"):
        assert f"chronos {words} " in page


def test_what_cannot_be_asked(closed_port: int) -> None:
    away = f"nats://127.0.0.1:{closed_port}"
    for words, code in (
        (("cluster", "status"), 2),
        (("history", "--cluster", away, "--stats"), 2),
        (("history", "--cluster", away, "--state", "x"), 2),
        (("history", "--config", "x"), 2),
        (("history", "--cluster", away), 3),
        (("cluster", "status", "--cluster", away), 3),
        (("cron", "x.yaml", "--cluster", away, "--state", "x"), 2),
    ):
        failed = chronos(*words)
        assert failed.code == code, failed.err
        assert failed.err.count("\n") == 1
