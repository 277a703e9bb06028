"""What the contract must know of a protocol: where a real far side is, good and bad."""

import json
import re
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote

import pytest
from msgspec import Struct

# Cases of a hostile far side that run side by side.
_AT_ONCE = 8


class Received(Struct, frozen=True):
    """A message as an independent consumer found it; header names in lower case."""

    body: bytes
    headers: dict[str, str]


class Authorities(Struct, frozen=True):
    """Certificate authorities, as PEM files: the one of the far side, and one unknown to it."""

    trusted: Path
    foreign: Path


class Gate(Struct, frozen=True):
    """A way to a server at 127.0.0.1 through a proxy, for one case at a time.

    The proxy accepts at a free port, or at a `listener` that was opened for it.
    """

    server_port: int
    listener: socket.socket | None = None


class Harness(ABC):
    """A protocol's far sides.

    `key` is that of the target block. What has a default here may be left out: a far side without
    credentials, TLS or events has the tests of these skipped.
    """

    key: str
    payload: Any = {"report": "daily", "text": "Grüße, \u65e5\u672c"}
    authorities: Authorities | None = None

    @abstractmethod
    def target(self) -> dict[str, Any]:
        """Return a target block that works, with a fresh destination."""

    @abstractmethod
    def received(self, target: dict[str, Any], limit: float = 10.0) -> list[Received]:
        """Return what an independent consumer finds at that destination, oldest first.

        Waits for at most `limit` seconds until something is there.
        """

    @abstractmethod
    def at_port(self, port: int) -> dict[str, Any]:
        """Return a target at a port of 127.0.0.1; nobody who answers as he should is there."""

    def bad_credentials(self, secret: str) -> dict[str, Any] | None:
        """Return a target with `secret` as a wrong password, at a server that checks."""
        del secret
        return None

    def checked(self, target: dict[str, Any]) -> dict[str, Any]:
        """Return the target with all that lets a check ask more of its far side."""
        return target

    def tls(self, ca: Path) -> dict[str, Any] | None:
        """Return a working target over TLS that trusts the authority in the file `ca`.

        The server's certificate is one of `authorities.trusted`.
        """
        del ca
        return None

    def login_target(self) -> dict[str, Any] | None:
        """Return a working target with a login, where `target` has none."""
        return None

    def server_port(self, target: dict[str, Any]) -> int | None:
        """Return the port of 127.0.0.1 where the server of a target listens.

        With None no proxy is brought between, and no hostile far side is tried.
        """
        del target
        return None

    def rerouted(self, target: dict[str, Any], port: int) -> dict[str, Any]:
        """Return the target as it is, but for its server, which is at another port."""
        raise NotImplementedError

    def gates(self, target: dict[str, Any]) -> list[Gate]:
        """Return the ways to a target's server through proxies, as many as are used at once.

        To be replaced where a server tells its clients at which port they find it.
        """
        port = self.server_port(target)
        return [] if port is None else [Gate(port)] * _AT_ONCE

    def break_client(self, patch: pytest.MonkeyPatch, error: Exception) -> bool:
        """Let the client library raise an error at the next send; return whether it can be done.

        `patch.setattr("library.Client.publish", raising(error))` is what does it, mostly.
        """
        del patch, error
        return False

    def event_target(self) -> dict[str, Any]:
        """Return a target as `target` does, for a CloudEvent in the mode `binary`."""
        return self.target()

    def event_attributes(self, target: dict[str, Any]) -> Mapping[str, str]:
        """Return the attributes of the one event that arrived there in the mode `binary`.

        As the HTTP binding has them: headers `ce-…`, percent-encoded.
        """
        (message,) = self.received(target)
        return attributes_of(message.headers, "ce-")

    def job(self, target: dict[str, Any], **keys: Any) -> str:
        """Return the text of a job file with this target; `keys` are further keys of the job."""
        usual = {"name": "contract", "timeout": "10s", "retry_policy": {"max_attempts": 1}}
        return json.dumps({**usual, self.key: target, **keys})


def port_of(address: str) -> int:
    """Return the port in a URL or in `host:port`."""
    return int(_port_in(address)[0].removeprefix(":"))


def with_port(address: str, port: int) -> str:
    """Return a URL or `host:port` with another port."""
    found = _port_in(address)
    return f"{address[: found.start()]}:{port}{address[found.end() :]}"


def _port_in(address: str) -> re.Match[str]:
    found = re.search(r":\d+(?=[/?]|$)", address)
    assert found, f"{address} has no port"
    return found


def attributes_of(headers: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return a CloudEvent's attributes from headers that begin with `prefix`."""
    return {
        name.removeprefix(prefix): unquote(value)
        for name, value in headers.items()
        if name.startswith(prefix)
    }


def raising(error: Exception) -> Callable[..., NoReturn]:
    """Return a function that takes anything and raises an error."""

    def call(*arguments: object, **keywords: object) -> NoReturn:
        del arguments, keywords
        raise error

    return call
