"""The target block `kafka`, and what chronos.yaml may say of Kafka. No client is needed here."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from chronos_cli.jobs.cloudevents import Mode, header_flaws
from chronos_cli.jobs.model import Settings, Target
from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw, Path
from chronos_cli.protocols.checks import (
    SHOWN,
    has_control,
    header_value_flaws,
    own_header_flaws,
)
from chronos_cli.protocols.kafka.addresses import (
    address_flaws,
    addresses_of,
    listener_flaws,
    listener_of,
)
from chronos_cli.protocols.kafka.properties import property_flaws
from chronos_cli.protocols.tls import Tls

Acks = Literal["all", "-1", "0", "1", -1, 0, 1]
HeaderValue = str | None
# Of other clients: TLS here is a block of its own, and so is SASL.
_SECURITY = ("security_protocol", "security.protocol", "securityProtocol", "ssl")
Partitioner = Literal[
    "murmur2_random",
    "murmur2",
    "consistent_random",
    "consistent",
    "fnv1a_random",
    "fnv1a",
    "random",
]
Partition = Annotated[int, Meta(ge=0, le=2**31 - 1)]

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


class KafkaHeader(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One header of a list of headers."""

    name: Annotated[str, Meta(description="As sent; names may repeat")]
    value: Annotated[HeaderValue, Meta(description="Text, or null for a header without value")]


class KafkaSasl(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How we log in."""

    mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"],
        Meta(description="As the broker's listener has it"),
    ]
    username: Annotated[str | None, Meta(description="For PLAIN and SCRAM")] = None
    password: Annotated[str | None, Meta(description="For PLAIN and SCRAM")] = None
    token_endpoint: Annotated[
        str | None, Meta(description="OAUTHBEARER: URL that gives out tokens (OIDC)")
    ] = None
    client_id: Annotated[str | None, Meta(description="OAUTHBEARER: who asks for the token")] = None
    client_secret: Annotated[str | None, Meta(description="OAUTHBEARER: its secret")] = None
    scope: Annotated[str | None, Meta(description="OAUTHBEARER: what is asked for")] = None
    extensions: Annotated[
        dict[str, str], Meta(description="OAUTHBEARER: SASL extensions for the broker")
    ] = {}

    def flaws(self) -> Iterator[Flaw]:
        """Yield what is missing for the mechanism, and what belongs to another."""
        passwords = {"username": self.username, "password": self.password}
        tokens = {
            "token_endpoint": self.token_endpoint,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        more = {"scope": self.scope, "extensions": "given" if self.extensions else None}
        is_token = self.mechanism == "OAUTHBEARER"
        needed = tokens if is_token else passwords
        strange = passwords if is_token else {**tokens, **more}
        for name, value in needed.items():
            if not value:
                yield Flaw(("sasl",), f"{self.mechanism} needs '{name}'", f"add sasl.{name}")
        for name, value in strange.items():
            if value is not None:
                yield Flaw(("sasl", name), f"{self.mechanism} has no '{name}'", "remove it")
        if self.token_endpoint and not _is_web_address(self.token_endpoint):
            yield Flaw(("sasl", "token_endpoint"), "must begin with https:// or http://")
        for name, value in self.extensions.items():
            if "," in f"{name}{value}" or "=" in name:
                yield Flaw(("sasl", "extensions", name), "',' and '=' cannot be sent in it")


class KafkaTarget(Target, kw_only=True, frozen=True):
    """Where a Kafka message goes, and how far it must have got to have succeeded."""

    brokers: Annotated[
        str | list[str],
        Meta(
            description="host:port of some brokers: a list, or with commas; SSL://, SASL_SSL:// "
            "and the like may stand before it",
            examples=["127.0.0.1:9092"],
        ),
    ]
    topic: Annotated[str, Meta(description="Name of the topic", examples=["jobs"])]
    key: Annotated[
        str | UnsetType | None, Meta(description="Message key; null for none. Default: the job ID")
    ] = UNSET
    value: Annotated[
        UnsetType | None, Meta(description="null sends a tombstone: a message without value")
    ] = UNSET
    headers: Annotated[
        dict[str, HeaderValue | list[HeaderValue]] | list[KafkaHeader],
        Meta(
            description="By name, a list repeating the header and null meaning no value; or a "
            "list of {name, value}, in its order"
        ),
    ] = {}
    partition: Annotated[
        Partition | None, Meta(description="Number of the partition. Default: chosen by the key")
    ] = None
    partitioner: Annotated[
        Partitioner | UnsetType,
        Meta(
            description="How a key chooses the partition: murmur2_random as Java's producer, "
            "consistent_random as librdkafka's. Default: murmur2_random"
        ),
    ] = UNSET
    acks: Annotated[
        Acks | UnsetType,
        Meta(
            description="Who must have the message: all in-sync replicas, 1 (the leader) or "
            "0 (nobody: delivery is not confirmed). Default: all",
            examples=["all"],
        ),
    ] = UNSET
    required_acks: Annotated[Acks | UnsetType, Meta(description="Another name of acks")] = UNSET
    compression: Annotated[
        Literal["none", "gzip", "snappy", "lz4", "zstd"], Meta(description="Of the message")
    ] = "none"
    sasl: Annotated[
        KafkaSasl | None,
        Meta(
            description="How we log in",
            examples=[
                {"mechanism": "PLAIN", "username": "jobs", "password": "${KAFKA_PASSWORD:-}"},
            ],
        ),
    ] = None
    tls: Annotated[
        Tls | None,
        Meta(
            description="Default: no TLS, unless this is given, or an address with SSL://",
            examples=[{"ca": "ca.pem"}],
        ),
    ] = None
    properties: Annotated[
        dict[str, str | int | float | bool],
        Meta(description="Further properties of librdkafka, as they are"),
    ] = {}

    def broker_list(self) -> list[str]:
        """Return the brokers one by one."""
        return addresses_of(self.brokers)

    def is_tls(self) -> bool:
        """Whether the connection is encrypted: by `tls`, else by the brokers' addresses."""
        if self.tls is not None:
            return self.tls.enabled is not False
        return (listener_of(self.brokers) or "").endswith("SSL")

    def header_list(self) -> list[tuple[str, HeaderValue]]:
        """Return name and value of each header, in order."""
        if isinstance(self.headers, list):
            return [(header.name, header.value) for header in self.headers]
        return [
            (name, item)
            for name, value in self.headers.items()
            for item in (value if isinstance(value, list) else [value])
        ]

    def partition_key(self, job_id: str) -> str | None:
        """Return the message's key, None for none."""
        return job_id if self.key is UNSET else self.key

    @classmethod
    def other_names(cls) -> Mapping[str, str]:
        """Return what speaks the same protocol."""
        return dict.fromkeys(("redpanda", "msk", "confluent"), "")

    @classmethod
    def advice(cls) -> Mapping[str, str]:
        """Return the keys of other clients."""
        brokers = ("broker", "bootstrap_servers", "bootstrap.servers", "servers", "hosts", "url")
        return {
            **dict.fromkeys((*brokers, "host", "address"), "brokers: {value}"),
            "queue": "topic: {value}",
            "message_key": "key: {value}",
            "partition_key": "key: {value}",
            **dict.fromkeys(_SECURITY, "tls: {{}}"),
        }

    def event_flaws(self, mode: Mode, extensions: Collection[str]) -> Iterator[Flaw]:
        """Yield what would make another event of the message, or none."""
        yield from header_flaws((name for name, _ in self.header_list()), mode, "ce_")
        if self.value is None and mode == "structured":
            yield Flaw(("value",), "a structured CloudEvent is the value", "make it binary")
        if "partitionkey" in extensions:
            yield Flaw(
                ("key",), "the CloudEvent's 'partitionkey' is the message's key", "set 'key'"
            )

    def flaws(self) -> Iterator[Flaw]:
        """Yield what the types cannot say."""
        yield from self._broker_flaws()
        if not isinstance(self.topic, Template) and (
            not _TOPIC.fullmatch(self.topic) or self.topic in {".", ".."}
        ):
            hint = "letters, digits, '.', '_' and '-', at most 249"
            yield Flaw(("topic",), f"'{self.topic[:40]}' is not a topic's name", hint)
        if UNSET not in {self.acks, self.required_acks}:
            message = "'acks' and 'required_acks' are the same setting"
            yield Flaw(("required_acks",), message, "keep one of them")
        if self.partitioner is not UNSET and "partitioner" in self.properties:
            message = "'partitioner' stands in 'properties' too"
            yield Flaw(("properties", "partitioner"), message, "keep one of them")
        yield from self._header_flaws()
        yield from property_flaws(self.properties)
        if self.sasl is not None:
            yield from self.sasl.flaws()
        if self.tls is not None:
            yield from self.tls.flaws()
            if self.tls.server_name:
                message = "Kafka's client can expect no other name than the broker's host"
                yield Flaw(("tls", "server_name"), message, "name the brokers as they certify")
            if self.tls.min_version:
                yield Flaw(("tls", "min_version"), "Kafka's client can be set no minimum version")

    def warnings(self) -> Iterator[str]:
        """Yield what is dangerous in this block."""
        if self.tls is not None:
            yield from self.tls.warnings()

    def describe(self) -> str:
        """Return topic and brokers."""
        return f"{self.topic} on {','.join(self.broker_list())}"

    def _broker_flaws(self) -> Iterator[Flaw]:
        yield from address_flaws(self.brokers)
        if listener := listener_of(self.brokers):
            has_login = self.sasl is not None
            yield from listener_flaws(listener, is_tls=self.is_tls(), has_login=has_login)

    def _header_flaws(self) -> Iterator[Flaw]:
        if isinstance(self.headers, list):
            for index, header in enumerate(self.headers):
                at = ("headers", index)
                yield from _name_flaws(header.name, (*at, "name"))
                yield from header_value_flaws((*at, "value"), header.name, header.value or "")
            return
        for name, value in self.headers.items():
            yield from _name_flaws(name, ("headers", name))
            for index, item in enumerate(value if isinstance(value, list) else [value]):
                path: Path = ("headers", name)
                path = (*path, index) if isinstance(value, list) else path
                yield from header_value_flaws(path, name, item or "")


class KafkaSettings(Settings, kw_only=True, frozen=True):
    """Settings of Kafka for the whole process."""

    acks: Annotated[Acks | UnsetType, Meta(description="Default of a job's acks")] = UNSET
    required_acks: Annotated[Acks | UnsetType, Meta(description="Another name of acks")] = UNSET
    retry_max: Annotated[
        int, Meta(ge=0, le=2**31 - 1, description="Sendings again inside one attempt")
    ] = 3


def _is_web_address(text: str) -> bool:
    return isinstance(text, Template) or bool(re.match(r"https?://[^/\s]", text))


def _name_flaws(name: str, path: Path) -> Iterator[Flaw]:
    if isinstance(name, Template):
        return
    if not name or has_control(name):
        yield Flaw(path, f"{name[:SHOWN]!r} is not a header name")
    yield from own_header_flaws(path, name)
