"""A message in flight, and what the server says of it."""

import asyncio
import json
from typing import Any

from msgspec import Struct, field

from chronos_cli.errors import RejectedError


class PendingMessage(Struct, eq=False):
    """One message in flight: what the server may refuse it for, and whether it did."""

    subject: str
    reply: str | None = None
    needs_inbox: bool = False
    refused: RejectedError | None = None
    # Has a result when it is refused, or the connection has ended; or the reply to it.
    ended: "asyncio.Future[Any]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def end(self) -> None:
        """Let its sender know that nothing more comes; once is enough."""
        if not self.ended.done():
            self.ended.set_result(None)

    @property
    def identity(self) -> tuple[str, str | None, bool]:
        """What the server could name when it refuses it."""
        return self.subject, self.reply, self.needs_inbox

    def is_meant(self, said: str) -> bool:
        """Whether a permissions violation, as the library tells it, is about this message.

        The library has put it into lower case, so subjects that differ in nothing else are
        refused together; the server quotes subjects as JSON would.
        """
        if "subscription to" in said:
            return self.needs_inbox
        named = [f"publish to {_quoted(self.subject)}"]
        if self.reply is not None:
            named.append(f"reply of {_quoted(self.reply)}")
        return any(name in said for name in named)


def _quoted(subject: str) -> str:
    return json.dumps(subject.lower(), ensure_ascii=False)
