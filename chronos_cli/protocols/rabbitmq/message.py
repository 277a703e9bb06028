"""What an AMQP message may carry: headers with types, properties, and their bounds.

Everything is checked here when the file is loaded: a number of more than 64 bits and a name of
more than 255 bytes cannot be written (AMQP 0-9-1, 4.2.5).
"""

import math
import time
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw, Path
from chronos_cli.protocols.checks import has_control, own_header_flaws
from chronos_cli.protocols.rabbitmq.fields import SHORT_LIMIT

_DEEPEST = 20
# Headers by which the broker routes: it refuses the message over what is in them.
_ROUTING_HEADERS = frozenset({"CC", "BCC"})

# What the broker looks at before it takes a message: exchange, routing key, and whether it is to
# confirm it.
Route = tuple[str, str, bool]


class Message(Struct, frozen=True):
    """One message, complete. `properties` has the names that AMQP gives them."""

    exchange: str
    routing_key: str
    mandatory: bool
    confirmed: bool
    properties: dict[str, Any]
    body: bytes

    @property
    def where(self) -> str:
        """Return the address within the broker, in words."""
        if self.exchange:
            return f"exchange '{self.exchange}', routing key '{self.routing_key}'"
        return f"queue '{self.routing_key}'"

    @property
    def route(self) -> Route:
        """What the broker decides by, for messages that are not refusable.

        The default exchange is there for everybody who may write to it, whatever the key.
        """
        return self.exchange, self.routing_key if self.exchange else "", self.confirmed

    @property
    def is_refusable(self) -> bool:
        """Whether there is something of its own that the broker may refuse it for."""
        headers = self.properties.get("headers") or {}
        return "user_id" in self.properties or not _ROUTING_HEADERS.isdisjoint(headers)

    @property
    def unroutable(self) -> str:
        """Say that no queue gets this message."""
        if self.exchange:
            return f"no queue is bound for routing key '{self.routing_key}' at '{self.exchange}'"
        return f"there is no queue '{self.routing_key}'"


def timestamp() -> int:
    """Return now as AMQP writes it: whole seconds."""
    return int(time.time())


def short_flaw(path: Path, text: str | None) -> Iterator[Flaw]:
    """Yield what keeps a text from being one of AMQP's short strings."""
    if text is None or isinstance(text, Template):
        return
    if len(text.encode()) > SHORT_LIMIT:
        yield Flaw(path, f"longer than AMQP's {SHORT_LIMIT} bytes")
    if has_control(text):
        yield Flaw(path, "has a line break or control character in it")


def header_flaws(headers: dict[str, Any]) -> Iterator[Flaw]:
    """Yield what is wrong with the headers of a job, each with its path."""
    for name, value in headers.items():
        path = ("headers", name)
        yield from own_header_flaws(path, name)
        yield from _name_flaws(path, name)
        yield from _value_flaws(path, value, 1)


def _name_flaws(path: Path, name: str) -> Iterator[Flaw]:
    if not name:
        yield Flaw(path, "a header needs a name")
    yield from short_flaw(path, name)


def _value_flaws(path: Path, value: Any, depth: int) -> Iterator[Flaw]:
    if isinstance(value, Template):
        return
    if isinstance(value, dict | list | tuple):
        if depth > _DEEPEST:
            yield Flaw(path, f"nested more than {_DEEPEST} levels deep")
        elif isinstance(value, dict):
            for name, item in value.items():
                yield from _name_flaws((*path, name), name)
                yield from _value_flaws((*path, name), item, depth + 1)
        else:
            for index, item in enumerate(value):
                yield from _value_flaws((*path, index), item, depth + 1)
    elif wrong := _scalar_mistake(value):
        yield Flaw(path, *wrong)


def _scalar_mistake(value: Any) -> tuple[str, str | None] | None:
    if isinstance(value, str) and has_control(value, allowed="\t"):
        return "the header's value has a line break or control character in it", None
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "the number needs more than AMQP's 64 bits", "quote it, to send it as text"
    if isinstance(value, float) and not math.isfinite(value):
        return "RabbitMQ takes no number that is infinite or none", "quote it, to send it as text"
    return None
