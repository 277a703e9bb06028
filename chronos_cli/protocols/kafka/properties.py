"""Which properties of librdkafka a job may set: those that undo no promise and have no key."""

import re
from collections.abc import Iterator, Mapping

from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw

_PROPERTY = re.compile(r"[a-z][a-z0-9._]*")

# librdkafka's properties that have a key of their own, and that key.
_KEYS_OF_PROPERTIES = {
    "bootstrap.servers": "brokers",
    "metadata.broker.list": "brokers",
    "acks": "acks",
    "request.required.acks": "acks",
    "compression.codec": "compression",
    "compression.type": "compression",
    "security.protocol": "tls' and 'sasl",
    "sasl.mechanism": "sasl.mechanism",
    "sasl.mechanisms": "sasl.mechanism",
    "sasl.username": "sasl.username",
    "sasl.password": "sasl.password",
    "sasl.oauthbearer.method": "sasl.mechanism",
    "sasl.oauthbearer.client.id": "sasl.client_id",
    "sasl.oauthbearer.client.secret": "sasl.client_secret",
    "sasl.oauthbearer.scope": "sasl.scope",
    "sasl.oauthbearer.extensions": "sasl.extensions",
    "sasl.oauthbearer.token.endpoint.url": "sasl.token_endpoint",
    "ssl.ca.location": "tls.ca",
    "ssl.certificate.location": "tls.cert",
    "ssl.key.location": "tls.key",
    "ssl.key.password": "tls.key_password",
    "enable.ssl.certificate.verification": "tls.insecure_skip_verify",
    "ssl.endpoint.identification.algorithm": "tls.insecure_skip_verify",
    "message.timeout.ms": "timeout",
    "delivery.timeout.ms": "timeout",
    "retries": "retry_policy",
    "message.send.max.retries": "retry_policy",
}
# Properties that would have a message counted as delivered that is not, or loads foreign code.
_FORBIDDEN_PROPERTIES = frozenset(
    "transactional.id delivery.report.only.error plugin.library.paths opaque "
    "interceptors default.topic.config default_topic_conf logger on_delivery background_event_cb "
    "enabled_events enable.sasl.oauthbearer.unsecure.jwt".split()
)
_FORBIDDEN_FORMS = re.compile(r"test\.mock\..*|.*_cb")


def property_flaws(properties: Mapping[str, str | int | float | bool]) -> Iterator[Flaw]:
    """Yield the properties that cannot be set, with the key to use."""
    for name, value in properties.items():
        path = ("properties", name)
        lowered = name.lower()
        if key := _KEYS_OF_PROPERTIES.get(lowered.removeprefix("topic.")):
            yield Flaw(path, f"'{name}' has a key of its own", f"use '{key}'")
        elif lowered in _FORBIDDEN_PROPERTIES or _FORBIDDEN_FORMS.fullmatch(lowered):
            yield Flaw(path, f"property '{name[:60]}' cannot be set", "remove it")
        elif not _PROPERTY.fullmatch(name):
            yield Flaw(path, f"'{name[:60]}' is not a property's name", "such as linger.ms")
        elif isinstance(value, str) and not isinstance(value, Template) and "\0" in value:
            yield Flaw(path, f"the value of '{name}' has a NUL in it")
