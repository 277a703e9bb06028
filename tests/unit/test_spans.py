"""What each protocol tells of a message to those who collect traces, and when anybody does."""

import asyncio
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import opentelemetry.semconv._incubating.attributes as conventions
import pytest

from chronos_cli.app.tracing import open_telemetry
from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.registry import Registry
from chronos_cli.dispatch.trace import collects_traces
from chronos_cli.redact import Redactor
from chronos_cli.testing.inside import job_of
from tests.support import ROOT

HTTP = {"http.request.method": "POST", "server.address": "api.example.com"}
SENT = {"messaging.operation.name": "send", "messaging.operation.type": "send"}
PUBLISHED = {"messaging.operation.name": "publish", "messaging.operation.type": "send"}

# A target block; code and receipt; kind, name and attributes of the span.
Told = tuple[str, str | None, dict[str, Any], str, str, dict[str, Any]]
SPANS: list[Told] = [
    (
        "webhook: {url: 'https://u:p@api.example.com/x?token=abcdef'}",
        "503",
        {},
        "client",
        "POST",
        {
            **HTTP,
            "url.full": "https://***@api.example.com/x?token=***",
            "server.port": 443,
            "http.response.status_code": 503,
        },
    ),
    (
        "webhook: {url: 'http://api.example.com:8080/x', method: brew}",
        "ECONNREFUSED",
        {},
        "client",
        "HTTP",
        {
            **HTTP,
            "url.full": "http://api.example.com:8080/x",
            "server.port": 8080,
            "http.request.method": "_OTHER",
            "http.request.method_original": "BREW",
        },
    ),
    (
        "grpc: {address: 'dns:///jobs.example.com:9000', method: /acme.Jobs/Run}",
        "UNAVAILABLE",
        {},
        "client",
        "acme.Jobs/Run",
        {
            "rpc.system.name": "grpc",
            "rpc.method": "acme.Jobs/Run",
            "rpc.response.status_code": "UNAVAILABLE",
            "server.address": "jobs.example.com",
            "server.port": 9000,
        },
    ),
    (
        "grpc: {address: 'unix:/run/jobs.sock', method: Jobs/Run}",
        None,
        {"reply": {}, "method": "acme.v1.Jobs/Run"},
        "client",
        "acme.v1.Jobs/Run",
        {
            "rpc.system.name": "grpc",
            "rpc.method": "acme.v1.Jobs/Run",
            "server.address": "/run/jobs.sock",
        },
    ),
    (
        "kafka: {brokers: ['kafka:9092', 'other:9092'], topic: orders}",
        None,
        {"topic": "orders", "partition": 3, "offset": 42},
        "producer",
        "send orders",
        {
            "messaging.system": "kafka",
            **SENT,
            "messaging.destination.name": "orders",
            "messaging.destination.partition.id": "3",
            "messaging.kafka.offset": 42,
            "server.address": "kafka",
            "server.port": 9092,
        },
    ),
    (
        "kafka: {brokers: ['kafka'], topic: orders}",
        "TIMEOUT",
        {},
        "producer",
        "send orders",
        {
            "messaging.system": "kafka",
            **SENT,
            "messaging.destination.name": "orders",
            "server.address": "kafka",
        },
    ),
    (
        "nats: {url: 'nats://u:p@nats.example.com', subject: jobs.run}",
        None,
        {"server": "n1"},
        "producer",
        "publish jobs.run",
        {
            "messaging.system": "nats",
            **PUBLISHED,
            "messaging.destination.name": "jobs.run",
            "server.address": "nats.example.com",
            "server.port": 4222,
        },
    ),
    (
        "nats: {url: 'nats://nats.example.com', subject: jobs.run, mode: request}",
        None,
        {"reply": "x"},
        "client",
        "request jobs.run",
        {
            "messaging.system": "nats",
            **PUBLISHED,
            "messaging.operation.name": "request",
            "messaging.destination.name": "jobs.run",
            "server.address": "nats.example.com",
            "server.port": 4222,
        },
    ),
    (
        "rabbitmq: {url: 'amqp://u:p@mq.example.com/', exchange: events, routing_key: order.new}",
        None,
        {"confirmed": True},
        "producer",
        "publish events:order.new",
        {
            "messaging.system": "rabbitmq",
            **PUBLISHED,
            "messaging.destination.name": "events:order.new",
            "messaging.rabbitmq.destination.routing_key": "order.new",
            "server.address": "mq.example.com",
            "server.port": 5672,
        },
    ),
    (
        "rabbitmq: {hosts: ['[::1]:5673', mq], queue: jobs}",
        None,
        {},
        "producer",
        "publish jobs",
        {
            "messaging.system": "rabbitmq",
            **PUBLISHED,
            "messaging.destination.name": "jobs",
            "messaging.rabbitmq.destination.routing_key": "jobs",
            "server.address": "::1",
            "server.port": 5673,
        },
    ),
]


@pytest.mark.parametrize("told", SPANS, ids=[one[0] for one in SPANS])
def test_the_span_of_a_message(told: Told) -> None:
    block, code, receipt, *expected = told
    job = job_of(f"name: a\n{block}\n")
    tell = Registry().kind(job.key).span
    assert tell is not None
    span = tell(job.target, code, receipt)
    assert [span.kind, span.name, span.attributes] == expected


def test_every_protocol_tells() -> None:
    registry = Registry()
    told = {block.partition(":")[0] for block, *_ in SPANS}
    assert told == set(registry.target_keys())


def test_the_names_are_those_of_the_conventions() -> None:
    """None that the installed package calls deprecated."""
    known = set(_names())
    assert {name for *_, attributes in SPANS for name in attributes} <= known


def test_the_page_names_them() -> None:
    page = (ROOT / "docs/traces.md").read_text()
    # Told of where they are needed only.
    rare = {"http.request.method_original"}
    told = {name for *_, attributes in SPANS for name in attributes}
    listed = set(re.findall(r"`((?:http|url|rpc|messaging|server)\.[a-z_.]+)`", page))
    assert listed == told - rare


def _names() -> Iterator[str]:
    for module in pkgutil.iter_modules(conventions.__path__):
        found = importlib.import_module(f"{conventions.__name__}.{module.name}")
        yield from (value for name, value in vars(found).items() if name.isupper())


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:4318/v1/metrics"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "True"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "false"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "otlp"}, True),
    ],
)
def test_traces_are_collected_where_the_environment_says_so(
    environment: dict[str, str], expected: bool
) -> None:
    assert collects_traces(environment) == expected


def test_another_way_of_export_is_refused_with_the_one_that_there_is() -> None:
    said: list[str] = []
    environment = {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert open_telemetry(environment, SystemClock(), Redactor(), said.append) is None
    (warning,) = said
    assert "not by grpc; set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf" in warning


def test_a_variable_that_cannot_be_read_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    said: list[str] = []

    async def play() -> None:
        assert open_telemetry(ENDPOINT, SystemClock(), Redactor(), said.append) is None

    asyncio.run(play())
    (warning,) = said
    assert "max_queue_size" in warning
