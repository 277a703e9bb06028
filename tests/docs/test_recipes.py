"""Every recipe is pasted, runs, and reaches its far side."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from uuid import uuid4

import pytest

from tests.brokers.kafka import KafkaBroker
from tests.brokers.nats import NatsServer
from tests.docs.pages import Block, blocks, crontab_lines, lines
from tests.docs.stage import Stage
from tests.protocols.grpc_servers import GrpcServer
from tests.protocols.harness_kafka import consume, headers_of
from tests.support import ROOT

RECIPES = {
    heading: list(group)
    for heading, group in groupby(blocks(ROOT / "docs/recipes.md"), key=lambda block: block.heading)
}
FILES = {
    "/run/secrets/api-token": "token-of-the-file",
    "/run/secrets/hook": "secret-of-the-hook",
}
# The paths that a recipe's HTTP jobs and notices must have reached, and how often.
REACHED = {
    "A bearer token from a file": {"/report": 1},
    "A notice to Slack": {"/services/T0/B0/abcdef": 1, "/import": 1},
    "A notice to Teams": {"/workflows/abcdef": 1},
    "A health ping": {"/health": 1},
    "A dead man's switch": {"/backup": 1, "/2f1c8a": 1},
    "One job for each environment": {"/cache": 1},
    "Forty jobs from one template": {f"/shops/shop-{n:02}/sync": 1 for n in range(1, 41)},
    "One after another": {"/export": 1, "/transform": 1, "/publish": 1},
    "CI with JUnit": {"/deployed": 1},
    "A night that was missed": {"/sums": 8},
    "No two at once, from a crontab": {"/poll": 2},
    "A signed webhook": {"/hooks/rebuild": 1},
    "Not on holidays": {"/bell": 1},
}


def paste(stage: Stage, recipe: list[Block]) -> list[str]:
    """Write a recipe's files and run its commands; return what each printed."""
    printed = []
    for name, text in FILES.items():
        stage.write(name, text)
    for block in recipe:
        if block.file:
            stage.write(block.file, block.text)
            stage.write(f"/etc/chronos/jobs/{block.file}", block.text)
    for block in recipe:
        commands = lines(block) if block.language == "console" else []
        commands += crontab_lines(block) if block.language == "crontab" else []
        for line in commands:
            result = stage.run(line)
            assert result.code == 0, f"{line.where}: {line.text}\n{result.out}{result.err}"
            printed.append(result.out)
    return printed


@pytest.mark.parametrize("heading", REACHED)
def test_a_recipe_over_http(heading: str, stage: Stage) -> None:
    paste(stage, RECIPES[heading])
    reached = [request.target for request in stage.receiver.seen]
    assert {path: reached.count(path) for path in REACHED[heading]} == REACHED[heading]
    assert len(reached) == sum(REACHED[heading].values())


def test_a_recipe_over_kafka(stage: Stage, kafka_broker: KafkaBroker) -> None:
    topic = f"orders-{uuid4().hex}"
    kafka_broker.create_topic(topic)
    stage.addresses["topic: orders"] = f"topic: {topic}"
    for name in ("kafka-1.example.com:9092", "kafka-2.example.com:9092"):
        stage.addresses[name] = kafka_broker.plaintext
    (report,) = paste(stage, RECIPES["Kafka, with key and headers"])
    (message,) = consume(kafka_broker.plaintext, topic)
    day = json.loads(report)["results"][0]["scheduled_time"][:10]
    assert message.key() == day.encode()
    assert json.loads(message.value() or b"") == {"report": "orders", "day": day}
    assert {("source", b"chronos"), ("tenant", b"acme")} <= set(headers_of(message))


def test_a_recipe_over_nats(stage: Stage, nats_server: NatsServer) -> None:
    stage.addresses["nats://nats.example.com:4222"] = nats_server.url
    with responder(nats_server.url, "maintenance.clean-up", b"ok, 3 removed") as asked:
        paste(stage, RECIPES["A NATS request"])
    assert [json.loads(one) for one in asked] == [{"older_than": "30d"}]


def test_a_recipe_over_grpc(stage: Stage) -> None:
    server = GrpcServer()
    try:
        stage.addresses["jobs.example.com:9000"] = server.address
        paste(stage, RECIPES["gRPC health check"])
    finally:
        server.stop()


def test_slack_hears_of_the_third_failure_and_of_its_end(stage: Stage, closed_port: int) -> None:
    recipe = RECIPES["A notice to Slack"]
    export, _, run = lines(recipe[-1])
    stage.run(export)
    stage.write("chronos.yaml", "scheduler: {default_retry_policy: {max_attempts: 1}}")
    stage.addresses["https://api.example.com"] = f"http://127.0.0.1:{closed_port}"
    stage.write("slack.yaml", recipe[0].text)
    assert [stage.run(run).code for _ in range(4)] == [5] * 4
    del stage.addresses["https://api.example.com"]
    stage.write("slack.yaml", recipe[0].text)
    assert [stage.run(run).code for _ in range(2)] == [0, 0]
    told = [json.loads(body)["text"] for body in stage.receiver.bodies("/services/T0/B0/abcdef")]
    assert [text.split(" (")[0] for text in told] == [
        ":red_circle: nightly-import: unreachable",
        ":large_green_circle: nightly-import works again",
    ]


def test_no_recipe_is_left_out() -> None:
    others = {"Kafka, with key and headers", "A NATS request", "gRPC health check"}
    assert set(RECIPES) == {*REACHED, *others}
    assert len(RECIPES) >= 12


@contextmanager
def responder(url: str, subject: str, reply: bytes) -> Iterator[list[bytes]]:
    """Answer requests on a subject; yields what was asked."""
    import nats
    from nats.aio.msg import Msg

    asked: list[bytes] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        client = await nats.connect(url)

        async def answer(message: Msg) -> None:
            asked.append(message.data)
            await message.respond(reply)

        await client.subscribe(subject, cb=answer)
        await client.flush()
        ready.set()
        await asyncio.to_thread(over.wait, 20)
        await client.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield asked
    finally:
        over.set()
        thread.join(10)
