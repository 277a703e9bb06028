"""Three Kafka brokers, of which one dies; Java's partitions; consumers in other languages."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.interop.kafka_cluster import Node, java, kafka_cluster, kafka_version
from tests.interop.load import Load, failures, fire
from tests.interop.runs import send, send_all
from tests.interop.servers import (
    consumed,
    go_version,
    module_version,
    need,
    need_modules,
    node,
)
from tests.protocols.checking import check, failed

pytestmark = pytest.mark.interop

_PARTITIONS, _REPLICAS = 12, 3
_KEYS = [*(f"key-{number}" for number in range(90)), *"äöüß€ø日本語x", ""][:100]


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[list[Node]]:
    with kafka_cluster(tmp_path_factory.mktemp("cluster"), certificates) as nodes:
        yield nodes


def addresses(nodes: list[Node]) -> list[str]:
    return [node.plaintext for node in nodes]


@pytest.mark.far_side(
    "Kafka's Java producer",
    "the partitions of 100 keys, in 12 partitions",
    needs="nothing: `partitioner: murmur2_random` is the default",
)
def test_partitions(cluster: list[Node], record_property: Any) -> None:
    record_property("version", kafka_version())
    cluster[0].create_topic("keys", _PARTITIONS)
    brokers = addresses(cluster)
    theirs = [int(line) for line in java("produce", brokers[0], "keys", stdin="\n".join(_KEYS))]
    jobs = [
        {"name": f"k{number}", "kafka": {"brokers": brokers, "topic": "keys", "key": key}}
        for number, key in enumerate(_KEYS)
    ]
    result = send_all(jobs)
    assert result.code == 0, result.out
    placed = {one["job_id"]: one["receipt"]["partition"] for one in result.report["results"]}
    ours = [placed[f"k{number}"] for number in range(len(_KEYS))]
    assert len(set(ours)) == _PARTITIONS
    equal = sum(one == other for one, other in zip(ours, theirs, strict=True))
    assert equal == len(_KEYS)
    record_property("held", f"{equal} of {len(_KEYS)} equal")


@pytest.mark.far_side(
    "Kafka's consumers: Java, franz-go, kafkajs",
    "keys, values, headers of 20 messages and a structured event",
)
def test_consumers(cluster: list[Node], record_property: Any) -> None:
    need_modules("kafkajs")
    go = go_version("github.com/twmb/franz-go")
    versions = [kafka_version(), go, module_version("kafkajs")]
    record_property("version", ", ".join(versions))
    cluster[0].create_topic("read", _PARTITIONS)
    brokers = addresses(cluster)
    block = {"brokers": brokers, "topic": "read", "headers": {"source": "größe"}}
    jobs: list[dict[str, Any]] = [
        {"name": f"k{number}", "payload": {"n": number, "text": "ä"}, "kafka": block}
        for number in range(20)
    ]
    result = send_all(jobs)
    assert result.code == 0, result.out
    ids = {one["job_id"]: one["execution_id"] for one in result.report["results"]}
    events = {"mode": "structured", "extensions": {"number": 5, "flag": True}}
    sent = send({"kafka": {**block, "key": "event"}}, payload="x", cloudevents=events)
    assert sent.code == 0, sent.out + sent.err
    ids["event"] = sent.only["execution_id"]
    command: list[str | Path] = [
        need("farside"),
        "kafka",
        "-address",
        brokers[0],
        "-from",
        "read",
        "-count",
        "20",
    ]
    by_go = {record["key"]: record for record in consumed(command)}
    by_node = {record["key"]: record for record in _read_by_node(brokers[0], "read", 21)}
    by_java = {
        line.split("\t")[1]: line.split("\t") for line in java("consume", brokers[0], "read", "21")
    }
    assert set(by_go) == set(by_node) == set(by_java) == set(ids)
    for key, execution_id in ids.items():
        headers = dict(by_go[key]["headers"])
        assert headers["X-Chronos-Execution-ID"] == execution_id
        assert headers["source"] == "größe"
        assert dict(by_node[key]["headers"]) == headers
        partition, _, value, *cells = by_java[key]
        assert dict(cell.split("=", 1) for cell in cells) == headers
        assert by_go[key]["value"] == by_node[key]["value"] == value
        assert by_go[key]["partition"] == by_node[key]["partition"] == int(partition)
    event = json.loads(by_go["event"]["value"])
    assert (event["number"], event["flag"]) == (5, True)
    record_property("held", "21 of 21, the same in all three")


def _read_by_node(broker: str, topic: str, count: int) -> list[dict[str, Any]]:
    printed = node("kafkajs", "kafka.js", broker, topic, str(count))
    return [json.loads(line) for line in printed.splitlines()]


@pytest.mark.far_side(
    "Kafka, three brokers",
    "one broker killed while jobs tick, @every 1s; three replicas, min.insync.replicas 2",
    needs="several `brokers`; retries, as an election takes seconds",
)
def test_broker_killed(cluster: list[Node], tmp_path: Path, record_property: Any) -> None:
    record_property("version", kafka_version())
    cluster[0].create_topic("ticks", _PARTITIONS, replicas=_REPLICAS)
    needs_all = {"min.insync.replicas": str(_REPLICAS)}
    cluster[0].create_topic("needs-all", 1, needs_all, replicas=_REPLICAS)
    load = Load(jobs=20, full_rounds=20, attempts=10)
    target = {"brokers": addresses(cluster), "topic": "ticks"}
    killed = cluster[2].process
    found = fire(tmp_path, {"a": {"kafka": target}}, load, between=killed.kill)
    assert failures(found["a"]) == []
    ids = {event["execution_id"] for event in found["a"]}
    count = str(len(found["a"]))
    lines = java("consume", cluster[0].plaintext, "ticks", count)
    assert ids <= {_execution_id(line) for line in lines}
    record_property("held", f"{count} ticks, all stored")
    status, name, message = failed(check("kafka", {**target, "topic": "needs-all"}))
    assert (status, name) == ("unreachable", "partition")
    assert "fewer than 3 replicas are in sync" in message


def _execution_id(line: str) -> str:
    cells = dict(cell.split("=", 1) for cell in line.split("\t")[3:])
    return cells["X-Chronos-Execution-ID"]
