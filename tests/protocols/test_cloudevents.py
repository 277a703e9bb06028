"""CloudEvents over every protocol, read by receivers that share nothing with the sender.

The specification's own Python package reads where it knows the binding: HTTP, Kafka, AMQP and
RabbitMQ's. For NATS and gRPC there are readers of a few lines here.
"""

import json
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cloudevents.core.bindings.amqp import AMQPMessage, from_amqp_event
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
from cloudevents.core.bindings.rabbitmq import RabbitMQMessage, from_rabbitmq_event
from cloudevents.core.formats.json import JSONFormat

from chronos_cli.dispatch.registry import Registry
from tests.protocols.harness_grpc import GrpcHarness
from tests.protocols.harness_grpc import open_harness as open_grpc
from tests.protocols.harness_kafka import KafkaHarness, headers_of
from tests.protocols.harness_rabbitmq import RabbitHarness, take_all
from tests.protocols.harness_webhook import open_harness as open_webhook
from tests.support import Result, chronos

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ENVIRONMENT = {"TRACEPARENT": f"00-{TRACE}-00f067aa0ba902b7-01", "TRACESTATE": "vendor=a b"}
TIME = "2026-11-23T09:00:00+01:00"
PAYLOAD = {"report": "daily", "text": "Grüße, \u65e5\u672c"}
MODES = ("binary", "structured")


class Event:
    """What a receiver made of a message, and the traceparent that came beside it."""

    def __init__(self, attributes: dict[str, Any], data: Any, traceparent: str) -> None:
        self.attributes = attributes
        time = attributes.get("time")
        if isinstance(time, str):
            self.attributes = {**attributes, "time": datetime.fromisoformat(time)}
        self.data = data
        self.traceparent = traceparent


def of_package(event: Any, traceparent: str) -> Event:
    return Event(dict(event.get_attributes()), event.get_data(), traceparent)


def by_http(harness: Any, target: dict[str, Any], mode: str) -> Event:
    (message,) = harness.received(target)
    assert is_structured(message.headers["content-type"]) == (mode == "structured")
    if "ce-dept" in message.headers:
        assert message.headers["ce-dept"] == "Stra%C3%9Fe%205%25"
    event = from_http_event(HTTPMessage(message.headers, message.body))
    return of_package(event, message.headers["traceparent"])


def by_kafka(harness: KafkaHarness, target: dict[str, Any], mode: str) -> Event:
    (message,) = harness.messages(target["topic"])
    headers = {name: value or b"" for name, value in headers_of(message)}
    assert is_structured(headers["content-type"].decode()) == (mode == "structured")
    value = message.value()
    assert isinstance(value, bytes)
    event = from_kafka_event(KafkaMessage(headers, message.key(), value))
    found = of_package(event, headers["traceparent"].decode())
    assert found.attributes.pop("partitionkey") in {"contract", b"contract"}
    return found


def by_nats(harness: Any, target: dict[str, Any], mode: str) -> Event:
    (message,) = harness.received(target)
    headers = message.headers
    assert is_structured(headers["content-type"]) == (mode == "structured")
    if mode == "structured":
        return of_package(JSONFormat().read(None, message.body), headers["traceparent"])
    attributes = {
        name.removeprefix("ce-"): unquote(value, errors="strict")
        for name, value in headers.items()
        if name.startswith("ce-")
    }
    return Event(attributes, json.loads(message.body), headers["traceparent"])


def by_amqp(harness: RabbitHarness, target: dict[str, Any], mode: str) -> Event:
    ((_, properties, body),) = take_all(target["url"], target["queue"])
    assert is_structured(properties.content_type) == (mode == "structured")
    if target.get("cloudevents_prefix") == "ce-":
        event = from_rabbitmq_event(
            RabbitMQMessage(properties.headers, properties.content_type, body)
        )
    else:
        outer = {"content-type": properties.content_type}
        event = from_amqp_event(AMQPMessage(outer, properties.headers, body))
    assert properties.message_id == "execution-1"
    return of_package(event, properties.headers["traceparent"])


def by_grpc(harness: GrpcHarness, target: dict[str, Any], mode: str) -> Event:
    """The request as the server's own protobuf told it, as JSON."""
    ((metadata, event),) = harness.events(target)
    attributes = {name: event[name] for name in ("id", "source", "type")}
    attributes["specversion"] = event["spec_version"]
    for name, value in event["attributes"].items():
        ((kind, item),) = value.items()
        assert kind == ("ce_timestamp" if name == "time" else "ce_string")
        attributes[name] = item
    assert "binary_data" not in event
    return Event(attributes, json.loads(event["text_data"]), metadata["traceparent"])


def is_structured(content_type: str) -> bool:
    assert content_type in {"application/json", "application/cloudevents+json; charset=utf-8"}
    return content_type != "application/json"


READERS: dict[str, Callable[[Any, dict[str, Any], str], Event]] = {
    "webhook": by_http,
    "kafka": by_kafka,
    "nats": by_nats,
    "rabbitmq": by_amqp,
    "grpc": by_grpc,
}


def send(harness: Any, target: dict[str, Any], cloudevents: Any, **keys: Any) -> Result:
    keys = {"payload": PAYLOAD, "timezone": "Europe/Berlin", "cloudevents": cloudevents, **keys}
    text = harness.job(target, **keys)
    options = ("--scheduled-time", TIME, "--execution-id", "execution-1", "-o", "json")
    return chronos("run", "-", *options, stdin=text, env=ENVIRONMENT)


def test_every_protocol_has_a_reader() -> None:
    assert set(READERS) == set(Registry().target_keys())


@pytest.mark.parametrize("mode", MODES)
def test_a_receiver_reads_the_same_event(harness: Any, mode: str) -> None:
    target = harness.event_target()
    settings = {"mode": mode, "extensions": {"dept": "Straße 5%", "run": "{{ attempt }}"}}
    result = send(harness, target, settings)
    assert result.code == 0, result.out + result.err
    event = READERS[harness.key](harness, target, mode)
    traceparent = event.attributes["traceparent"]
    assert event.attributes == {
        "specversion": "1.0",
        "id": "execution-1",
        "source": "/chronos/jobs/contract",
        "type": "dev.chronos.job.fired.v1",
        "subject": "contract",
        "time": datetime.fromisoformat(TIME),
        "datacontenttype": "application/json",
        "traceparent": event.traceparent,
        "tracestate": "vendor=a b",
        "dept": "Straße 5%",
        "run": "1",
    }
    assert event.data == PAYLOAD
    assert traceparent.split("-")[1] == TRACE


def test_type_and_source_may_be_set(harness: Any) -> None:
    target = harness.event_target()
    settings = {"mode": "structured", "type": "acme.{{ job.id }}.v2", "source": "/billing#a"}
    assert send(harness, target, settings).code == 0
    event = READERS[harness.key](harness, target, "structured")
    assert event.attributes["type"] == "acme.contract.v2"
    assert event.attributes["source"] == "/billing#a"


def test_the_usual_mode(harness: Any) -> None:
    """A mapping need not say how: it is as the protocol's binding prefers it."""
    target = harness.event_target()
    assert send(harness, target, {}).code == 0
    mode = "structured" if harness.key == "nats" else "binary"
    event = READERS[harness.key](harness, target, mode)
    assert event.attributes["id"] == "execution-1"


def test_a_job_without_payload(harness: Any) -> None:
    target = harness.event_target()
    text = harness.job(target, cloudevents="structured")
    options = ("--execution-id", "execution-1")
    assert chronos("run", "-", *options, stdin=text).code == 0
    event = READERS[harness.key](harness, target, "structured")
    assert event.data["execution_id"] == "execution-1"
    assert "tracestate" not in event.attributes


def test_a_dry_run_shows_it(harness: Any) -> None:
    target = harness.event_target()
    text = harness.job(target, cloudevents="structured")
    shown = chronos("run", "-", "--dry-run", stdin=text)
    assert shown.code == 0, shown.err
    assert "dev.chronos.job.fired.v1" in shown.out


@pytest.mark.parametrize("prefix", ["cloudEvents_", "ce-"])
def test_amqp_prefixes_and_types(prefix: str, request: pytest.FixtureRequest) -> None:
    harness = RabbitHarness(request.getfixturevalue("rabbitmq_broker"))
    target = {**harness.target(), "cloudevents_prefix": prefix}
    typed = {"number": 5, "least": -(2**31), "flag": True, "word": "5"}
    assert send(harness, target, {"mode": "binary", "extensions": typed}).code == 0
    event = by_amqp(harness, target, "binary")
    for name, value in typed.items():
        found = event.attributes[name]
        assert found == value
        assert [isinstance(found, kind) for kind in (bool, int, str)] == [
            isinstance(value, kind) for kind in (bool, int, str)
        ]
    assert event.attributes["time"] == datetime.fromisoformat(TIME)
    assert event.attributes["traceparent"] == event.traceparent
    assert event.data == PAYLOAD


@pytest.fixture
def grpc_harness(request: pytest.FixtureRequest, tmp_path: Path) -> GrpcHarness:
    return open_grpc(tmp_path, request)


def test_a_method_that_takes_no_event(grpc_harness: GrpcHarness) -> None:
    harness = grpc_harness
    result = send(harness, harness.target(), "binary")
    assert (result.code, result.only["status"], result.only["code"]) == (
        4,
        "rejected",
        "CLOUDEVENTS",
    )
    assert "io.cloudevents.v1.CloudEvent" in result.only["message"]


def test_bytes_over_grpc(grpc_harness: GrpcHarness, tmp_path: Path) -> None:
    harness = grpc_harness
    raw = bytes(range(256))
    (tmp_path / "raw").write_bytes(raw)
    target = harness.event_target()
    job = {"payload_file": str(tmp_path / "raw"), "cloudevents": "binary"}
    text = harness.job(target, **job)
    assert chronos("run", "-", stdin=text).code == 0
    ((_, event),) = harness.events(target)
    assert b64decode(event["binary_data"]) == raw


def test_a_notice_is_an_event_of_its_own(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    harness = open_webhook(tmp_path, request)
    target = harness.target()
    job = {
        "name": "failing",
        "retry_policy": {"max_attempts": 1},
        "webhook": {"url": target["url"], "expect": {"status": "418"}},
        "on_failure": {"cloudevents": "structured", "webhook": target},
    }
    chronos("run", "-", "--execution-id", "execution-1", stdin=json.dumps(job))
    _, notice = harness.received(target)
    event = from_http_event(HTTPMessage(notice.headers, notice.body))
    assert event.get_type() == "dev.chronos.job.ended.v1"
    assert event.get_id() == "execution-1.on_failure"
    data: Any = event.get_data()
    assert data["status"] == "rejected"
