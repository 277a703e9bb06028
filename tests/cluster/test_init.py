"""`chronos cluster init`: what is missing is made, and nothing that is there is changed."""

import json
from pathlib import Path
from typing import Any

from tests.cluster.servers import Nodes
from tests.support import Result, SilentPort, chronos, write


def settings(folder: Path, **cluster: Any) -> str:
    return write(folder, json.dumps({"scheduler": {"cluster": cluster}}), "chronos.yaml")


def init(url: str, config: str) -> Result:
    return chronos("cluster", "init", "--cluster", url, "--config", config)


def test_it_makes_what_is_missing_and_says_what_is_otherwise(
    nodes: Nodes, group: str, tmp_path: Path
) -> None:
    config = settings(tmp_path, group=group, ack_wait="4s")
    made = init(nodes.url, config)
    assert (made.code, made.err.splitlines()) == (
        0,
        [
            f"made CHRONOS_{group}_TICKS",
            f"made CHRONOS_{group}_OUTCOMES",
            f"made KV_CHRONOS_{group}",
            f"made CHRONOS_{group}_TICKS.hosts",
        ],
    )
    again = init(nodes.url, config)
    assert (again.code, again.err) == (0, "all of it is there already\n")
    other = init(nodes.url, settings(tmp_path, group=group, ack_wait="5s", max_age="2h"))
    assert other.code == 3
    assert f"CHRONOS_{group}_TICKS: max_age is 86400s, not 7200s" in other.err
    assert f"CHRONOS_{group}_TICKS.hosts: ack_wait is 4s, not 5s" in other.err
    info = nodes.ask(f"CONSUMER.INFO.CHRONOS_{group}_TICKS.hosts")
    assert info["config"]["ack_wait"] == 4_000_000_000


def test_what_cannot_be_is_one_line(tmp_path: Path, nodes: Nodes) -> None:
    ours = "chronos.yaml: scheduler.cluster"
    for cluster, url, code, words in (
        ({"group": "a.b"}, nodes.url, 3, f"{ours}.group: 'a.b' has other characters"),
        ({"max_age": "8d"}, nodes.url, 3, f"{ours}.max_age: at most 7d"),
        ({"token": "a", "user": "b"}, nodes.url, 3, f"{ours}: several logins"),
        ({}, "http://x", 2, "--cluster: the URL must begin with nats:// or tls://"),
        ({}, "nats://127.0.0.1:1", 3, "--cluster: "),
    ):
        failed = init(url, settings(tmp_path, **cluster))
        assert failed.code == code
        assert failed.err.startswith(f"chronos: {words}")
        assert failed.err.count("\n") == 1


def test_servers_that_say_nothing_are_told_of(tmp_path: Path, silent_port: SilentPort) -> None:
    failed = init(f"nats://127.0.0.1:{silent_port}", settings(tmp_path))
    assert failed.code == 3
    assert "no server let us in within 6s" in failed.err
    assert "connected, but no INFO came" in failed.err
    assert failed.seconds < 15


def test_a_stream_of_another_kind_is_named(nodes: Nodes, group: str, tmp_path: Path) -> None:
    name = f"CHRONOS_{group}_TICKS"
    stream = {"name": name, "subjects": [f"chronos.{group}.tick.>"], "retention": "workqueue"}
    nodes.ask(f"STREAM.CREATE.{name}", {**stream, "num_replicas": 3, "storage": "file"})
    failed = init(nodes.url, settings(tmp_path, group=group))
    assert failed.code == 3
    assert f'{name}: retention is "workqueue", not "limits"' in failed.err


def test_the_printed_commands_hold_the_same_settings(tmp_path: Path) -> None:
    printed = chronos("cluster", "init", "--print", "--config", settings(tmp_path, group="g"))
    assert printed.code == 0
    lines = printed.out.splitlines()
    assert "nats stream add CHRONOS_g_TICKS --config CHRONOS_g_TICKS.json" in lines
    start = lines.index("cat > CHRONOS_g_TICKS.json <<'END'")
    text = "\n".join(lines[start + 1 : lines.index("END", start)])
    assert json.loads(text)["republish"]["dest"] == "chronos.g.claimed.>"
