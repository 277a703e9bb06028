"""Kafka, by confluent-kafka (librdkafka): the target block `kafka`.

A dispatch succeeds when the broker has acknowledged the message, by default for all in-sync
replicas. With `acks: 0` there is no acknowledgement, and the report says so.
"""

import asyncio
from typing import Any

from msgspec import UNSET

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.plugin import Preview, Receipt
from chronos_cli.errors import RejectedError
from chronos_cli.protocols.event_headers import kafka_event_headers
from chronos_cli.protocols.kafka.connection import Connection, Report
from chronos_cli.protocols.kafka.target import KafkaSasl, KafkaSettings, KafkaTarget
from chronos_cli.protocols.tls import Tls

# How long closing waits for librdkafka; beyond that its threads end with the program.
_CLOSE_LIMIT = 1.0
_LONGEST = "300000"
_DEFAULTS = {
    "client.id": "chronos",
    "log_level": "0",
    "linger.ms": "0",
    "reconnect.backoff.ms": "50",
    # A cold idempotent producer costs half a second, and its promise ends with the process.
    "enable.idempotence": "false",
    # A topic that is created by being asked for is there soon after; a missing one is not.
    "topic.metadata.propagation.max.ms": "1000",
    # The attempt's own limit is the one that counts: librdkafka's would turn "no answer" into
    # a broken connection.
    "api.version.request.timeout.ms": _LONGEST,
    "socket.connection.setup.timeout.ms": _LONGEST,
    "socket.timeout.ms": _LONGEST,
    "message.timeout.ms": "0",
}


class KafkaDispatcher:
    """Sends deliveries to Kafka, with one client for each configuration."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._current: dict[tuple[tuple[str, str], ...], Connection] = {}
        self._connections: set[Connection] = set()

    async def send(self, delivery: Delivery[KafkaTarget]) -> Receipt:
        """Send one message and wait for its acknowledgement; see `Dispatcher.send`."""
        target = delivery.target
        message = _message(delivery)
        if target.partition is not None:
            message["partition"] = target.partition
        connection = await self._connection(target)
        report = await connection.send(target.topic, **message)
        return _receipt(report, is_confirmed=_acks(target, self._settings) != "0")

    async def preview(self, delivery: Delivery[KafkaTarget]) -> Preview:
        """Return the message as it would leave; see `Dispatcher.preview`."""
        target = delivery.target
        message = _message(delivery)
        partition = "" if target.partition is None else f" partition {target.partition}"
        key = "no key" if message["key"] is None else f"key {message['key'].decode()}"
        headers = [
            (name, "" if value is None else value.decode()) for name, value in message["headers"]
        ]
        value = message["value"]
        body = "(null)" if value is None else value.decode(errors="replace")
        return Preview(f"PRODUCE {target.topic}{partition}, {key}", headers, body)

    async def close(self) -> None:
        """Let every client go."""
        for connection in self._connections:
            connection.end()
        ends = [asyncio.create_task(each.closed()) for each in self._connections]
        if ends:
            _, late = await asyncio.wait(ends, timeout=_CLOSE_LIMIT)
            for end in late:
                end.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._connections.clear()
        self._current.clear()

    async def _connection(self, target: KafkaTarget) -> Connection:
        """Return the connection of a target's configuration: a new one if the last has failed."""
        wanted = configuration(target, self._settings)
        identity = tuple(sorted(wanted.items()))
        while True:
            connection = self._current.get(identity)
            if connection is None or not connection.is_usable:
                connection = Connection(wanted, target.describe())
                self._current[identity] = connection
                self._connections = {each for each in self._connections if not each.is_gone}
                self._connections.add(connection)
            await connection.opened()
            if connection.is_usable:
                return connection


def configuration(target: KafkaTarget, settings: KafkaSettings) -> dict[str, str]:
    """Return librdkafka's configuration for a target."""
    properties = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in target.properties.items()
    }
    return {
        **_DEFAULTS,
        "retries": str(settings.retry_max),
        **properties,
        "bootstrap.servers": ",".join(target.broker_list()),
        "acks": _acks(target, settings),
        "compression.type": target.compression,
        **_security(target.tls, target.sasl),
    }


def _security(tls: Tls | None, sasl: KafkaSasl | None) -> dict[str, str]:
    is_tls = tls is not None and tls.enabled is not False
    protocol = "SSL" if is_tls else "PLAINTEXT"
    settings = {"security.protocol": f"SASL_{protocol}" if sasl else protocol}
    if tls is not None and is_tls:
        files = {"ca": tls.ca, "certificate": tls.cert, "key": tls.key or tls.cert}
        settings |= {f"ssl.{name}.location": path for name, path in files.items() if path}
        if tls.key_password is not None:
            settings["ssl.key.password"] = tls.key_password
        if tls.insecure_skip_verify:
            settings["enable.ssl.certificate.verification"] = "false"
            settings["ssl.endpoint.identification.algorithm"] = "none"
    if sasl is not None:
        settings["sasl.mechanism"] = sasl.mechanism
        settings |= _login(sasl)
    return settings


def _login(sasl: KafkaSasl) -> dict[str, str]:
    if sasl.mechanism != "OAUTHBEARER":
        return {"sasl.username": sasl.username or "", "sasl.password": sasl.password or ""}
    extensions = ",".join(f"{name}={value}" for name, value in sasl.extensions.items())
    values = {
        "method": "oidc",
        "token.endpoint.url": sasl.token_endpoint,
        "client.id": sasl.client_id,
        "client.secret": sasl.client_secret,
        "scope": sasl.scope,
        "extensions": extensions,
    }
    return {f"sasl.oauthbearer.{name}": value for name, value in values.items() if value}


def _acks(target: KafkaTarget, settings: KafkaSettings) -> str:
    """Return who must have the message; the job's word comes before the operator's."""
    named = (target.acks, target.required_acks, settings.acks, settings.required_acks)
    chosen = str(next((acks for acks in named if acks is not UNSET), "all"))
    return "all" if chosen == "-1" else chosen


def _message(delivery: Delivery[KafkaTarget]) -> dict[str, Any]:
    """Return key, value and headers; raises RejectedError when there are two values."""
    target = delivery.target
    key = target.partition_key(delivery.execution.job.id)
    value: bytes | None = delivery.body
    if target.value is None:
        if not delivery.default_payload:
            raise RejectedError("the job has both a payload and 'value: null'; keep one")
        value = None
    own = target.header_list()
    headers: list[tuple[str, str | bytes | None]] = list(delivery.metadata.items())
    headers += kafka_event_headers(delivery).items()
    if value is not None and not any(name.lower() == "content-type" for name, _ in own):
        # Readers of CloudEvents look for it by exactly this name.
        name = "Content-Type" if delivery.event is None else "content-type"
        headers.append((name, delivery.content_type))
    return {
        "key": _encoded(key),
        "value": value,
        "headers": [(name, _encoded(item)) for name, item in (*headers, *own)],
    }


def _encoded(text: str | bytes | None) -> bytes | None:
    return text.encode() if isinstance(text, str) else text


def _receipt(report: Report, *, is_confirmed: bool) -> Receipt:
    """Return what the broker gave back; without acknowledgement there is no offset."""
    data: dict[str, Any] = {"topic": report.topic, "partition": report.partition}
    if is_confirmed:
        return Receipt(data={**data, "offset": report.offset})
    message = "sent, but unconfirmed: with acks 0 no broker says that it has the message"
    return Receipt(message=message, data={**data, "offset": None, "confirmed": False})
