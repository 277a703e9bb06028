"""What the contract suite must know of a protocol: where a real far side is, good and bad."""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Received:
    """A message as an independent consumer found it; header names in lower case."""

    body: bytes
    headers: dict[str, str]


class Harness(Protocol):
    """A protocol's far sides. Each is opened by `open_harness` of `harness_<key>.py`."""

    key: str

    def target(self) -> dict[str, Any]:
        """Return a target block that works, with a fresh destination."""
        ...

    def received(self, target: dict[str, Any], limit: float = 10.0) -> list[Received]:
        """Return what an independent consumer finds at that destination."""
        ...

    def refused(self, port: int) -> dict[str, Any]:
        """Return a target at a port where nobody listens."""
        ...

    def silent(self, port: int) -> dict[str, Any]:
        """Return a target at a port that accepts and never answers."""
        ...

    def bad_credentials(self, secret: str) -> dict[str, Any] | None:
        """Return a target with `secret` as a wrong password, at a server that checks."""
        ...

    def tls(self, ca: str) -> dict[str, Any] | None:
        """Return a target over TLS that trusts the authority in the file `ca`."""
        ...
