"""The messages on docs/when-something-fails.md, and how each comes about."""

import re

import pytest
from msgspec import Struct

from tests.docs.pages import Line
from tests.docs.stage import Stage
from tests.support import ROOT

PAGE = (ROOT / "docs/when-something-fails.md").read_text()
MESSAGES = [row.split("`")[1] for row in PAGE.splitlines() if row.startswith("| `")]
_BROKERS = "@(kafka_address|nats_url|rabbitmq_url)@"
HEAD = "name: a\nretry_policy: {max_attempts: 1}\n"


class Case(Struct, frozen=True):
    """How a message comes about: what a job has, and the command.

    `@name@` stands for the fixture of that name.
    """

    job: str
    command: str = "chronos run job.yaml"


def http(where: str, more: str = "") -> Case:
    return Case(f"webhook: {{url: '{where}'{more}}}")


def invalid(job: str, command: str = "chronos validate job.yaml") -> Case:
    return Case(f"{job}\nwebhook: {{url: 'http://127.0.0.1:1/'}}", command)


# In the order of the page.
CASES = [
    invalid("schedule: */5 * * * *"),
    invalid("payload: {{ now }}"),
    invalid("timout: 3s"),
    invalid("body: x"),
    invalid("timezone: europe/berlin"),
    invalid("payload: ${TOKEN}"),
    invalid("payload: $TOKEN"),
    invalid("payload_file: nope.json"),
    Case("webhook: {url: 'http://h/'}\n---\nname: a\nwebhook: {url: 'http://h/'}"),
    invalid("", "chronos cron job.yaml"),
    Case("", "env PATH=/bin sh -c 'chronos run job.yaml'"),
    Case("", "chronos run /nowhere/job.yaml"),
    invalid("", "chronos run job.yaml --job b"),
    invalid("enabled: false", "chronos run job.yaml"),
    Case("concurrency: forbid\nwebhook: {url: 'http://127.0.0.1:@one_that_runs@/'}"),
    Case("webhook: {url: 'https://127.0.0.1:1/', http2: true}"),
    invalid("", "chronos run job.yaml --state /proc/nowhere/state.sqlite"),
    http("http://127.0.0.1:@closed_port@/"),
    http("http://no-such-host.invalid/"),
    http("http://127.0.0.1:@silent_port@/"),
    http("https://127.0.0.1:@server_port@/"),
    http("http://127.0.0.1:@tls_port@/"),
    http("https://127.0.0.1:@tls_port@/status/200"),
    http("https://127.0.0.1:@wrong_host_port@/", ", tls: {ca: '@authority@'}"),
    http("http://127.0.0.1:@server_port@/status/401"),
    http("http://127.0.0.1:@server_port@/status/404"),
    http("http://127.0.0.1:@server_port@/status/302"),
    http("http://127.0.0.1:@server_port@/status/429"),
    http("http://127.0.0.1:@server_port@/status/503"),
    Case("payload: '{{ vars.x }}'\nwebhook: {url: 'http://127.0.0.1:1/'}"),
    Case("kafka: {brokers: '127.0.0.1:@silent_port@', topic: a}"),
    Case("kafka: {brokers: '@kafka_address@', topic: not-there}\ntimeout: 10s"),
    Case("nats: {url: 'nats://127.0.0.1:@silent_port@', subject: a}"),
    Case("nats: {url: '@nats_url@', subject: nobody, mode: request}"),
    Case("nats: {url: '@nats_url@', subject: nowhere, mode: jetstream}"),
    Case("rabbitmq: {url: '@rabbitmq_url@', exchange: amq.topic, routing_key: nobody}"),
    Case("rabbitmq: {url: 'amqp://127.0.0.1:@silent_port@', queue: a}"),
    Case("grpc: {address: '127.0.0.1:@server_port@', method: A/B}"),
    Case("grpc: {address: '@grpc_address@', method: test.v1.Behaviour/NotThere}"),
]


def is_said(message: str, told: str) -> bool:
    """Whether a message of the page stands in a text; `…` is any text."""
    parts = map(re.escape, message.split("…"))
    return re.search(".*?".join(parts), " ".join(told.split())) is not None


def messages(*, of_brokers: bool) -> list[tuple[str, Case]]:
    """The rows of the page that need a broker, or those that need none."""
    rows = zip(MESSAGES, CASES, strict=True)
    return [row for row in rows if bool(re.search(_BROKERS, row[1].job)) == of_brokers]


def check_message(message: str, case: Case, stage: Stage, request: pytest.FixtureRequest) -> None:
    """Let a message come about."""
    job = re.sub("@(\\w+)@", lambda at: str(request.getfixturevalue(at[1])), case.job)
    limit = "" if "timeout:" in case.job else "timeout: 1s\n"
    stage.write("job.yaml", HEAD + limit + job)
    result = stage.run(Line("", case.command, ""))
    assert result.code != 1
    assert is_said(message, result.out + result.err), result.out + result.err
