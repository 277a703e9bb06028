"""What a protocol must be. A new one is a file with one such class and an entry point."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.jobs.model import Settings, Target


@dataclass(frozen=True, slots=True)
class Receipt:
    """The far side accepted the message: its code, and what it gave back."""

    code: str | None = None
    message: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preview:
    """A message as it would leave, for `--dry-run`.

    `summary` is its first line (`POST /job HTTP/1.1`), `headers` keep order and repetition.
    """

    summary: str
    headers: list[tuple[str, str]]
    body: str


class Dispatcher(Protocol):
    """One protocol, for the life of one process; it keeps its connections between deliveries.

    The class imports without the protocol's client library: that is imported when the first
    message is due.
    """

    protocol: ClassVar[str]
    Target: ClassVar[type[Target]]
    Settings: ClassVar[type[Settings]]
    # The modules of the client library, and the extra of the package that brings them; without
    # an extra they come with the package itself.
    client_modules: ClassVar[tuple[str, ...]]
    extra: ClassVar[str | None]

    def __init__(self, settings: Any) -> None:
        """Take the protocol's own settings; nothing is opened yet."""
        ...

    async def send(self, delivery: Delivery) -> Receipt:
        """Send one message and wait until the far side has accepted it.

        Returns only when it has. Raises RejectedError, UnreachableError or TimedOutError, and
        nothing else that a network or a server can cause. It may be cancelled at any moment:
        the caller holds the attempt to its time limit, and reports what `add_note` adds to the
        CancelledError.
        """
        ...

    async def preview(self, delivery: Delivery) -> Preview:
        """Return the message as it would leave, without sending it. Raises as `send` does."""
        ...

    async def close(self) -> None:
        """Give back every connection."""
        ...
