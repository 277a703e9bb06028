"""The target block `kafka`, its configuration of librdkafka, and the tables of errors."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import confluent_kafka
import confluent_kafka.error
import pytest
import yaml
from confluent_kafka import KafkaError, KafkaException

from chronos_cli.errors import DispatchError, RejectedError, TimedOutError, UnreachableError
from chronos_cli.protocols.kafka import errors as kafka_errors
from chronos_cli.protocols.kafka.configuration import configuration
from chronos_cli.protocols.kafka.errors import translated, translated_exception
from chronos_cli.protocols.kafka.target import KafkaSasl, KafkaSettings, KafkaTarget
from chronos_cli.protocols.tls import Tls
from chronos_cli.receiver.kafka import MockKafka
from tests.support import chronos

TABLES = (
    (kafka_errors.REJECTED, RejectedError),
    (kafka_errors.UNREACHABLE, UnreachableError),
    (kafka_errors.TIMED_OUT, TimedOutError),
)
CODES = {
    name: code
    for name, code in vars(KafkaError).items()
    if isinstance(code, int) and name.strip("_").isupper() and name != "NO_ERROR"
}


def target(**changes: Any) -> KafkaTarget:
    return KafkaTarget(**{"brokers": "kafka:9092", "topic": "orders", **changes})


def test_imports_without_the_client() -> None:
    code = "import sys; import chronos_cli.protocols.kafka.dispatcher, chronos_cli.receiver.kafka; "
    code += "assert 'confluent_kafka' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


def test_every_code_stands_in_one_table() -> None:
    assert len(CODES) > 150
    for name in CODES:
        assert sum(name in names for names, _ in TABLES) == 1, name


@pytest.mark.parametrize("name", sorted(CODES))
def test_every_code_is_translated(name: str) -> None:
    error = KafkaError(CODES[name])
    kind = next(kind for names, kind in TABLES if name in names)
    assert type(translated(error, "orders on kafka:9092")) is kind


def test_every_exception_is_translated() -> None:
    kinds: set[Any] = {
        value
        for module in (confluent_kafka, confluent_kafka.error)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert KafkaException in kinds
    for kind in kinds | {BufferError, ValueError, TypeError}:
        if kind is KafkaError:
            continue
        arguments = (KafkaError(KafkaError._TRANSPORT),)
        error = kind.__new__(kind, *arguments)
        error.args = arguments
        assert isinstance(translated_exception(error, "here"), DispatchError)


def test_words_of_an_error() -> None:
    prefix = "ssl://kafka:9093/bootstrap: "
    for text, kind, code, words in (
        ("Connect to ipv4#10.0.0.1:9093 failed: Connection refused", UnreachableError,
         "ECONNREFUSED", "connection refused (kafka:9093)"),
        ("SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: no",
         RejectedError, "TLS", "TLS: SSL handshake failed: certificate verify failed: no"),
        ("Receive failed: error:0A000126:SSL routines::unexpected eof while reading",
         UnreachableError, "_TRANSPORT", "unexpected eof"),
    ):  # fmt: skip
        told = f"{prefix}{text} (after 3ms in state CONNECT, 1 identical error(s) suppressed)"
        found = translated(KafkaError(KafkaError._TRANSPORT, told), "orders on kafka:9093")
        assert (type(found), found.code) == (kind, code)
        assert words in found.message
        assert "after" not in found.message


LOGIN = KafkaSasl(mechanism="PLAIN", username="u", password="p")


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({}, []),
        ({"brokers": ["a:1", "[::1]:9092", "b , c:2"]}, []),
        ({"brokers": []}, [("brokers",)]),
        ({"brokers": ["a:1", "kafka://b:1", "c:99999"]}, [("brokers", 1), ("brokers", 2)]),
        ({"brokers": "a:1,,b:2"}, [("brokers",)]),
        ({"brokers": "SSL://a:1,ssl://b:2,c:3"}, []),
        ({"brokers": ["SSL://a:1", "PLAINTEXT://b:2"]}, [("brokers",)]),
        ({"brokers": "PLAINTEXT://a:1", "tls": Tls()}, [("brokers",)]),
        ({"brokers": "SSL://a:1", "tls": Tls(enabled=False)}, [("brokers",)]),
        ({"brokers": "SASL_SSL://a:1"}, [("brokers",)]),
        ({"brokers": "SSL://a:1", "sasl": LOGIN}, [("brokers",)]),
        ({"brokers": "SASL_SSL://[::1]:1,b", "sasl": LOGIN}, []),
        (
            {"partitioner": "random", "properties": {"partitioner": "fnv1a"}},
            [("properties", "partitioner")],
        ),
        ({"topic": "a b"}, [("topic",)]),
        ({"topic": ".."}, [("topic",)]),
        ({"acks": "all", "required_acks": 1}, [("required_acks",)]),
        ({"headers": {"a": "x\ny"}}, [("headers", "a")]),
        ({"headers": {"a": ["x", "y\0"]}}, [("headers", "a", 1)]),
        ({"headers": {"X-Chronos-Attempt": "9"}}, [("headers", "X-Chronos-Attempt")]),
        ({"headers": {"": "9", "b\r": None}}, [("headers", ""), ("headers", "b\r")]),
        ({"tls": Tls(server_name="other")}, [("tls", "server_name")]),
        ({"tls": Tls(key="/k")}, [("tls", "key")]),
        ({"sasl": KafkaSasl(mechanism="PLAIN", username="u")}, [("sasl",)]),
        (
            {"sasl": KafkaSasl(mechanism="PLAIN", username="u", password="p", scope="s")},
            [("sasl", "scope")],
        ),
        (
            {"sasl": KafkaSasl(mechanism="OAUTHBEARER", client_id="i", client_secret="s")},
            [("sasl",)],
        ),
    ],
)
def test_flaws(changes: dict[str, Any], paths: list[tuple[str | int, ...]]) -> None:
    assert [flaw.path for flaw in target(**changes).flaws()] == paths


@pytest.mark.parametrize(
    "name",
    [
        "bootstrap.servers", "BOOTSTRAP.SERVERS", "acks", "topic.acks", "sasl.password",
        "security.protocol", "ssl.ca.location", "message.timeout.ms", "error_cb", "on_delivery",
        "dr_msg_cb", "delivery.report.only.error", "transactional.id", "test.mock.num.brokers",
        "plugin.library.paths", "linger ms",
    ],
)  # fmt: skip
def test_properties_that_cannot_be_set(name: str) -> None:
    (flaw,) = target(properties={name: "1"}).flaws()
    assert flaw.path == ("properties", name)


def configured(target: KafkaTarget, settings: KafkaSettings) -> dict[str, str]:
    return dict(configuration(target, settings))


def test_configuration() -> None:
    login = KafkaSasl(
        mechanism="OAUTHBEARER",
        token_endpoint="https://login/token",
        client_id="i",
        client_secret="s",
        extensions={"a": "1", "b": "2"},
    )
    made = configured(
        target(tls=Tls(ca="/ca"), sasl=login, properties={"linger.ms": 5, "log.queue": True}),
        KafkaSettings(required_acks=1),
    )
    assert made["security.protocol"] == "SASL_SSL"
    assert made["sasl.oauthbearer.method"] == "oidc"
    assert made["sasl.oauthbearer.extensions"] == "a=1,b=2"
    assert (made["acks"], made["linger.ms"], made["log.queue"]) == ("1", "5", "true")
    assert configured(target(), KafkaSettings())["acks"] == "all"
    assert configured(target(), KafkaSettings())["partitioner"] == "murmur2_random"
    listed = configured(target(brokers="SASL_SSL://a:1, b", sasl=LOGIN), KafkaSettings())
    assert listed["security.protocol"] == "SASL_SSL"
    assert listed["bootstrap.servers"] == "a:1,b"
    plain = configured(target(tls=Tls(enabled=False, ca="/ca")), KafkaSettings())
    assert plain["security.protocol"] == "PLAINTEXT"


def test_problems_have_their_line(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(
        "name: a\nkafka:\n  brokers: kafka:9092\n  topic: orders\n  value: text\n  acks: 2\n"
        "  headers:\n    - {name: a}\n  properties: {error_cb: x}\n"
    )
    result = chronos("validate", str(path))
    assert result.code == 3
    for place in ("5:10", "6:9", "8:7"):
        assert f":{place}" in result.out + result.err


def test_sample_is_valid() -> None:
    path = Path(__file__).parents[2] / "jobs" / "kafka.yaml"
    assert chronos("validate", str(path)).code == 0
    assert yaml.safe_load(path.read_text())["kafka"]["topic"]


def test_sample_runs_against_the_mock_cluster() -> None:
    cluster = MockKafka(3)
    try:
        address = cluster.start()
        assert len(address.split(",")) == 3
        assert cluster.count("chronos-reports") == 0
        for count in (1, 2):
            result = chronos("run", "jobs/kafka.yaml", env={"CHRONOS_DEMO_KAFKA": address})
            assert result.code == 0, result.out
            assert cluster.count("chronos-reports") == count
    finally:
        cluster.close()
