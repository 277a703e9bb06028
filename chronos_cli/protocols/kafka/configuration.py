"""librdkafka's configuration for a target: what jobs must have in common to share a client."""

from msgspec import UNSET

from chronos_cli.protocols.kafka.target import KafkaSasl, KafkaSettings, KafkaTarget

# Names and values, in the order of the names.
Configuration = tuple[tuple[str, str], ...]

_LONGEST = "300000"
_DEFAULTS = {
    "client.id": "chronos",
    "log_level": "0",
    "linger.ms": "0",
    # Java's producers, Connect and Streams put a key there too.
    "partitioner": "murmur2_random",
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


def configuration(target: KafkaTarget, settings: KafkaSettings) -> Configuration:
    """Return librdkafka's configuration for a target."""
    properties = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in target.properties.items()
    }
    chosen = {
        **_DEFAULTS,
        "retries": str(settings.retry_max),
        **properties,
        "bootstrap.servers": ",".join(target.broker_list()),
        "acks": acks(target, settings),
        "compression.type": target.compression,
        **_security(target),
    }
    if target.partitioner is not UNSET:
        chosen["partitioner"] = target.partitioner
    return tuple(sorted(chosen.items()))


def alone(configuration: Configuration) -> Configuration:
    """Return the configuration of a client that sends each message in a batch of its own."""
    return tuple(sorted({**dict(configuration), "batch.num.messages": "1"}.items()))


def _security(target: KafkaTarget) -> dict[str, str]:
    tls, sasl, is_tls = target.tls, target.sasl, target.is_tls()
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


def acks(target: KafkaTarget, settings: KafkaSettings) -> str:
    """Return who must have the message, as librdkafka writes it: `all`, `1` or `0`.

    The job's word comes before the operator's.
    """
    named = (target.acks, target.required_acks, settings.acks, settings.required_acks)
    chosen = str(next((acks for acks in named if acks is not UNSET), "all"))
    return "all" if chosen == "-1" else chosen
