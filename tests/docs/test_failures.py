"""Every message on docs/when-something-fails.md is one that the program gives."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from chronos_cli.testing.ports import SilentPort
from tests.brokers.certificates import Certificates
from tests.brokers.kafka import KafkaBroker
from tests.brokers.nats import NatsServer
from tests.brokers.rabbitmq import RabbitServer
from tests.docs.pages import Line
from tests.docs.stage import Stage
from tests.protocols.grpc_servers import GrpcServer
from tests.support import ROOT, HttpServer, finish, start

PAGE = (ROOT / "docs/when-something-fails.md").read_text()
MESSAGES = [row.split("`")[1] for row in PAGE.splitlines() if row.startswith("| `")]
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


@pytest.fixture
def filled(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Puts the values of fixtures into a text."""
    return lambda text: re.sub("@(\\w+)@", lambda at: str(request.getfixturevalue(at[1])), text)


@pytest.mark.parametrize(("message", "case"), list(zip(MESSAGES, CASES, strict=True)))
def test_a_message_of_the_page_is_given(
    message: str,
    case: Case,
    stage: Stage,
    filled: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit = "" if "timeout:" in case.job else "timeout: 300ms\n"
    stage.write("job.yaml", HEAD + limit + filled(case.job))
    if "http2" in case.job:  # its library is taken away
        monkeypatch.setitem(sys.modules, "h2", None)
    result = stage.run(Line("", case.command, ""))
    assert result.code != 1
    assert is_said(message, result.out + result.err), result.out + result.err


def test_every_message_has_a_cause_and_a_cure() -> None:
    for row in PAGE.splitlines():
        if row.startswith("| `"):
            assert all(cell.strip() for cell in row.split(" | ")), row


@pytest.fixture(scope="module")
def server_port(server: HttpServer) -> int:
    return server.port


@pytest.fixture(scope="module")
def tls_port(certificates: Certificates) -> Iterator[int]:
    identity = certificates.server
    running = HttpServer(str(identity.certificate), str(identity.key))
    yield running.port
    running.stop()


@pytest.fixture(scope="module")
def wrong_host_port(certificates: Certificates) -> Iterator[int]:
    identity = certificates.wrong_host
    running = HttpServer(str(identity.certificate), str(identity.key))
    yield running.port
    running.stop()


@pytest.fixture
def authority(certificates: Certificates) -> Path:
    return certificates.ca


@pytest.fixture
def kafka_address(kafka_broker: KafkaBroker) -> str:
    return kafka_broker.plaintext


@pytest.fixture
def nats_url(nats_server: NatsServer) -> str:
    return nats_server.url


@pytest.fixture
def rabbitmq_url(rabbitmq_broker: RabbitServer) -> str:
    return rabbitmq_broker.url


@pytest.fixture
def grpc_address() -> Iterator[str]:
    running = GrpcServer()
    yield running.address
    running.stop()


@pytest.fixture
def one_that_runs(stage: Stage, silent_port: SilentPort) -> Iterator[int]:
    """The port of a far side that keeps an execution of the job waiting."""
    job = stage.folder / "running.yaml"
    url = f"http://127.0.0.1:{int(silent_port)}/"
    job.write_text(f"name: a\nconcurrency: forbid\nwebhook: {{url: '{url}'}}")
    process = start("run", str(job), env=stage.variables)
    with silent_port.wait_for_client():
        yield int(silent_port)
        process.kill()
        finish(process)
