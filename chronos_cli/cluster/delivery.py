"""A tick as the servers hand it to a host."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from chronos_cli.cluster.claims import STARTS
from chronos_cli.cluster.names import PROBE, job_and_moment

if TYPE_CHECKING:
    from nats.aio.msg import Msg


class Delivery(Struct, frozen=True):
    """A tick as it was handed out, for the `count`th time; `ms` is its time (unix ms)."""

    subject: str
    job_id: str
    ms: int
    reply: str
    count: int
    stored_at: datetime
    headers: Mapping[str, str]

    @classmethod
    def of(cls, message: "Msg") -> "Delivery":
        """Read a message; the way of its acknowledgement tells how often it came.

        Raises ValueError or IndexError for what is no tick.
        """
        job_id, moment = job_and_moment(message.subject)
        parts = message.reply.split(".")
        # $JS.ACK.[domain.account.]stream.consumer.deliveries.seq.seq.time.pending[.token]
        first = 4 if len(parts) == 9 else 6
        stored = datetime.fromtimestamp(int(parts[first + 3]) / 1e9, UTC)
        headers = message.headers or {}
        count = int(parts[first])
        return cls(message.subject, job_id, moment, message.reply, count, stored, headers)

    @property
    def is_probe(self) -> bool:
        """Whether it is of no job."""
        return f".{PROBE}." in self.subject

    @property
    def starts_at(self) -> datetime:
        """When it was to start: its time, and what jitter puts it off by."""
        try:
            return datetime.fromisoformat(self.headers[STARTS])
        except (KeyError, ValueError):
            return datetime.fromtimestamp(self.ms / 1000, UTC)
