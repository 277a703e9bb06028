"""Consumers of NATS and RabbitMQ in Go and JavaScript: headers, properties, numbers."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.rabbitmq import RabbitServer
from tests.interop.nats import nats_server
from tests.interop.runs import send, send_all
from tests.interop.servers import (
    NODE_SCRIPTS,
    Command,
    consuming,
    go_version,
    module_version,
    need,
    need_modules,
)

pytestmark = pytest.mark.interop

_EXTENSIONS = {"number": 5, "flag": True}
_PREFIXES = ("cloudEvents:", "cloudEvents_", "ce-")


@pytest.mark.far_side("nats.go", "20 messages; a request and its reply; a structured event")
def test_nats(tmp_path: Path, record_property: Any) -> None:
    record_property("version", go_version("github.com/nats-io/nats.go"))
    with nats_server(tmp_path) as port:
        url = f"nats://127.0.0.1:{port}"
        command: Command = [
            need("farside"),
            "nats",
            "-address",
            url,
            "-from",
            "jobs.>",
            "-count",
            "22",
        ]
        with consuming(command, tmp_path / "consumer.log") as consumer:
            block = {"url": url, "subject": "jobs.a", "headers": {"source": "a b"}}
            jobs = [
                {"name": f"j{number}", "payload": {"n": number}, "nats": block}
                for number in range(20)
            ]
            result = send_all(jobs)
            assert result.code == 0, result.out
            asked = send({"nats": {**block, "mode": "request"}}, payload="ä")
            assert asked.code == 0, asked.out
            assert '"state": "done"' in asked.only["receipt"]["reply"]
            events = {"mode": "structured", "extensions": _EXTENSIONS}
            sent = send({"nats": block}, payload="x", cloudevents=events)
            assert sent.code == 0, sent.err
            *messages, last, event = consumer.messages(22)
    assert last["value"] == "ä"
    assert json.loads(event["value"]).items() >= _EXTENSIONS.items()
    seen = {one["headers"]["X-Chronos-Execution-ID"][0]: one for one in messages}
    assert set(seen) == {one["execution_id"] for one in result.report["results"]}
    for execution_id, one in seen.items():
        assert one["headers"]["Nats-Msg-Id"] == [execution_id]
        assert one["headers"]["source"] == ["a b"]
    record_property("held", "22 of 22")


@pytest.mark.far_side(
    "amqp091-go, amqplib (npm)",
    "properties and headers by amq.topic; 1.5 by a headers exchange",
    needs="`exchange`, `routing_key`",
)
def test_amqp(rabbitmq_broker: RabbitServer, tmp_path: Path, record_property: Any) -> None:
    environment = need_modules("amqplib")
    go, js = go_version("github.com/rabbitmq/amqp091-go"), module_version("amqplib")
    record_property("version", f"{go}, {js}")
    url = rabbitmq_broker.url
    in_go: Command = [need("farside"), "amqp", "-address", url, "-from", "jobs.a", "-count", "2"]
    in_js: Command = [need("node"), NODE_SCRIPTS / "amqp.js", url, "jobs.a", "1"]
    headers = {"number": 1.5, "kind": "jobs.a", "whole": 5, "flag": True, "word": "größe"}
    block = {"url": url, "headers": headers}
    with (
        consuming(in_go, tmp_path / "go.log") as by_go,
        consuming(in_js, tmp_path / "js.log", environment) as by_js,
    ):
        topic = {**block, "exchange": "amq.topic", "routing_key": "jobs.a"}
        result = send({"rabbitmq": topic}, payload={"a": 1})
        assert result.code == 0, result.out
        matched = send({"rabbitmq": {**block, "exchange": "amq.headers", "routing_key": ""}})
        assert matched.code == 0, matched.out
        first, second = by_go.messages(2)
        (other,) = by_js.messages(1)
    execution_id = result.only["execution_id"]
    assert first["id"] == other["id"] == execution_id
    assert first["mode"] == other["mode"] == 2
    assert first["value"] == other["value"]
    assert first["content_type"] == other["content_type"] == "application/json"
    assert second["exchange"] == "amq.headers"
    assert first["headers"]["number"] == ["float64", 1.5]
    assert first["headers"]["flag"] == ["bool", True]
    assert first["headers"]["whole"][1] == 5
    assert {name: other["headers"][name] for name in headers} == headers
    record_property("held", "2 of 2; 1.5 arrives as a double and matches")


@pytest.mark.far_side(
    "amqp091-go, amqplib (npm)",
    "CloudEvents with the extensions 5 and true: structured, and binary under each prefix",
    needs="`cloudevents_prefix: ce-` for Knative",
)
def test_amqp_events(rabbitmq_broker: RabbitServer, tmp_path: Path, record_property: Any) -> None:
    environment = need_modules("amqplib")
    go, js = go_version("github.com/rabbitmq/amqp091-go"), module_version("amqplib")
    record_property("version", f"{go}, {js}")
    url, count = rabbitmq_broker.url, len(_PREFIXES) + 1
    in_go: Command = [
        need("farside"),
        "amqp",
        "-address",
        url,
        "-from",
        "e.a",
        "-count",
        str(count),
    ]
    in_js: Command = [need("node"), NODE_SCRIPTS / "amqp.js", url, "e.a", str(count)]
    target = {"url": url, "exchange": "amq.topic", "routing_key": "e.a"}
    with (
        consuming(in_go, tmp_path / "go.log") as by_go,
        consuming(in_js, tmp_path / "js.log", environment) as by_js,
    ):
        for prefix in _PREFIXES:
            publish(target | {"cloudevents_prefix": prefix}, "binary")
        publish(target, "structured")
        *of_go, structured = by_go.messages(count)
        *of_js, same = by_js.messages(count)
    for prefix, one, other in zip(_PREFIXES, of_go, of_js, strict=True):
        assert one["headers"][f"{prefix}number"] == ["int64", 5]
        assert one["headers"][f"{prefix}flag"] == ["bool", True]
        assert {name: other["headers"][prefix + name] for name in _EXTENSIONS} == _EXTENSIONS
    assert structured["value"] == same["value"]
    assert json.loads(same["value"]).items() >= _EXTENSIONS.items()
    record_property("held", f"{count} of {count}, with their types")


def publish(target: dict[str, Any], mode: str) -> None:
    events = {"mode": mode, "extensions": _EXTENSIONS}
    sent = send({"rabbitmq": target}, payload="x", cloudevents=events)
    assert sent.code == 0, sent.out + sent.err
