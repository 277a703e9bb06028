"""Addresses of brokers: `host:port`, or with the listener's protocol, as Java's tools write it."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw, Path

_BROKER = re.compile(
    r"(?:(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)://)?"
    r"((?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?)",
    re.IGNORECASE,
)


def addresses_of(brokers: str | list[str]) -> list[str]:
    """Return the brokers one by one, as librdkafka takes them: without a protocol."""
    return list(_addresses(brokers if isinstance(brokers, str) else tuple(brokers)))


def listener_of(brokers: str | list[str]) -> str | None:
    """Return the first protocol that is named: `SASL_SSL`; None when there is none."""
    return next(iter(_listeners(brokers)), None)


def address_flaws(brokers: str | list[str]) -> Iterator[Flaw]:
    """Yield what is no address, and protocols that are not the same everywhere."""
    listed = [brokers] if isinstance(brokers, str) else brokers
    if not listed:
        yield Flaw(("brokers",), "no broker is named", "for example [kafka:9092]")
    for index, text in enumerate(listed):
        path: Path = ("brokers",) if isinstance(brokers, str) else ("brokers", index)
        for broker in [] if isinstance(text, Template) else text.split(","):
            match = _BROKER.fullmatch(broker.strip())
            if match is None or (match[3] and not 0 < int(match[3]) < 65536):
                message = f"'{_without_login(broker.strip())[:60]}' is not a broker's address"
                yield Flaw(path, message, "host:port, for example kafka:9092")
    if len(names := sorted(set(_listeners(brokers)))) > 1:
        message = f"one client speaks one protocol, not both {' and '.join(names)}"
        yield Flaw(("brokers",), message, "one job for each")


def listener_flaws(listener: str, *, is_tls: bool, has_login: bool) -> Iterator[Flaw]:
    """Yield where the protocol of the addresses contradicts `tls` and `sasl`."""
    path: Path = ("brokers",)
    if listener.endswith("SSL") and not is_tls:
        yield Flaw(path, f"{listener}:// is TLS, and 'tls' turns it off", "keep one of them")
    if not listener.endswith("SSL") and is_tls:
        yield Flaw(path, f"{listener}:// has no TLS, and 'tls' is given", "keep one of them")
    if listener.startswith("SASL_") and not has_login:
        yield Flaw(path, f"{listener}:// needs a login", "add 'sasl'")
    if not listener.startswith("SASL_") and has_login:
        yield Flaw(path, f"{listener}:// has no login, and 'sasl' is given", "keep one of them")


@lru_cache(maxsize=64)
def _addresses(brokers: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return the addresses; jobs by the thousand have the same brokers, and ask several times."""
    parts = [(_BROKER.fullmatch(text), text) for text in _split(brokers)]
    return tuple(match[2] if match else text for match, text in parts)


def _split(brokers: str | Sequence[str]) -> list[str]:
    listed = [brokers] if isinstance(brokers, str) else brokers
    return [broker.strip() for text in listed for broker in text.split(",") if broker.strip()]


def _listeners(brokers: str | list[str]) -> Iterator[str]:
    for text in _split(brokers):
        if (match := _BROKER.fullmatch(text)) and match[1]:
            yield match[1].upper()


def _without_login(text: str) -> str:
    return text.rpartition("@")[2]
