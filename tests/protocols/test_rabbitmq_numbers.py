"""RabbitMQ: the numbers of a job's headers, as another client and a headers exchange see them."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import amqp
import pytest

from chronos_cli.dispatch.cloudevents import Event
from chronos_cli.protocols.rabbitmq.event import event_headers
from chronos_cli.protocols.rabbitmq.fields import encode_properties
from tests.protocols.harness_rabbitmq import RabbitNode
from tests.support import Result, chronos, write

NUMBERS = {
    "half": 1.5,
    "tenth": 0.1,
    "whole": 2.0,
    "large": 1e100,
    "tiny": 5e-324,
    "short": -(2**31),
    "long": 2**31,
    "least": -(2**63),
    "most": 2**63 - 1,
    "within": [1.25, {"deep": [0.5]}],
}


@contextmanager
def consumer(node: RabbitNode) -> Iterator[Any]:
    """A channel of py-amqp, which writes and reads tables with code of its own."""
    place = urlsplit(node.url)
    host = f"{place.hostname}:{place.port}"
    with amqp.Connection(host, userid="guest", password="guest") as connection:
        yield connection.channel()


def run(folder: Path, target: dict[str, Any]) -> Result:
    text = json.dumps({"name": "job", "payload": "x", "rabbitmq": target})
    return chronos("run", write(folder, text), "-o", "json")


def bound_to_headers(channel: Any, arguments: dict[str, Any]) -> tuple[str, str]:
    """Declare a headers exchange, and a queue for messages that have all of these."""
    exchange, queue = f"e-{uuid.uuid4().hex[:12]}", f"q-{uuid.uuid4().hex[:12]}"
    channel.exchange_declare(exchange, "headers", durable=True, auto_delete=False)
    channel.queue_declare(queue, durable=True, auto_delete=False)
    channel.queue_bind(queue, exchange, arguments={**arguments, "x-match": "all"})
    return exchange, queue


def test_another_client_reads_the_same_numbers(rabbitmq_broker: RabbitNode, tmp_path: Path) -> None:
    with consumer(rabbitmq_broker) as channel:
        exchange, queue = bound_to_headers(channel, {})
        target = {"url": rabbitmq_broker.url, "exchange": exchange, "headers": NUMBERS}
        result = run(tmp_path, target)
        assert (result.code, result.err) == (0, "")
        got = channel.basic_get(queue, no_ack=True).headers
    assert {name: got[name] for name in NUMBERS} == NUMBERS
    assert {type(got[name]) for name in ("half", "whole", "large", "tiny")} == {float}


@pytest.mark.parametrize(
    ("bound", "is_matched"),
    [({"ratio": 1.5, "size": 7}, True), ({"ratio": 1.25, "size": 7}, False)],
)
def test_a_headers_exchange_matches_by_number(
    rabbitmq_broker: RabbitNode, tmp_path: Path, bound: dict[str, Any], is_matched: bool
) -> None:
    with consumer(rabbitmq_broker) as channel:
        exchange, queue = bound_to_headers(channel, bound)
        headers = {"ratio": 1.5, "size": 7}
        target = {"url": rabbitmq_broker.url, "exchange": exchange, "headers": headers}
        result = run(tmp_path, target)
        arrived = channel.basic_get(queue, no_ack=True)
    assert (arrived is not None) == is_matched
    assert result.only["code"] == (None if is_matched else "312 NO_ROUTE")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (str(2**63), "needs more than AMQP's 64 bits"),
        (str(-(2**63) - 1), "needs more than AMQP's 64 bits"),
        ("1e400", ""),
        (".nan", ""),
    ],
)
def test_what_amqp_cannot_hold_is_a_problem_of_the_file(
    tmp_path: Path, number: str, message: str
) -> None:
    text = f"name: job\nrabbitmq: {{url: 'amqp://h/', queue: q, headers: {{x: {number}}}}}\n"
    result = chronos("validate", write(tmp_path, text))
    assert result.code == 3
    assert message in result.out + result.err


def test_a_number_of_an_event_is_a_long() -> None:
    """As the binding for AMQP 1.0 wants it; the broker makes an int there of a shorter one."""
    event = Event("binary", {"number": 5, "flag": True}, b"")
    table = encode_properties({"headers": event_headers(event, "ce-")})
    assert b"\x09ce-numberl" + (5).to_bytes(8) in table
    assert b"\x07ce-flagt\x01" in table


def test_a_property_that_does_not_fit_is_said() -> None:
    with pytest.raises(ValueError, match="longer than AMQP's 255 bytes"):
        encode_properties({"type": "x" * 256})
    with pytest.raises(TypeError, match="no type for object"):
        encode_properties({"headers": {"x": object()}})
