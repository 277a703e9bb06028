"""What librdkafka reports of its brokers while it goes on trying, and when hope is over."""

import time
from typing import TYPE_CHECKING

from chronos_cli.errors import RejectedError
from chronos_cli.protocols.kafka.errors import is_of_token, translated

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

# Seconds without any broker: one that restarts is back soon.
PATIENCE = 1.0


class BrokerErrors:
    """The errors that librdkafka reports while it goes on trying."""

    def __init__(self) -> None:
        self.cause: KafkaError | None = None
        self._down: KafkaError | None = None
        self._down_at = 0.0

    @property
    def is_any(self) -> bool:
        """Whether there is something to judge."""
        return self.cause is not None or self._down is not None

    def note(self, error: "KafkaError") -> None:
        """Take note of an error; librdkafka calls this."""
        if error.name() == "_ALL_BROKERS_DOWN":
            if self._down is None:
                self._down, self._down_at = error, time.monotonic()
        elif self.cause is None or not _is_final(self.cause):
            self.cause = error

    def clear(self) -> None:
        """Forget what was noted: a broker has answered, or the error has been passed on."""
        self.cause = self._down = None

    def since_down(self) -> float:
        """Return the seconds since the last broker was lost; 0 when one is left."""
        return time.monotonic() - self._down_at if self._down else 0.0

    def verdict(self) -> "KafkaError | None":
        """Return the error that leaves no hope, if there is one."""
        if self.cause is not None and is_of_token(self.cause):
            return self.cause
        if self._down is None:
            return None
        if self.cause is not None and _is_final(self.cause):
            return self.cause
        return (self.cause or self._down) if self.since_down() >= PATIENCE else None


def _is_final(error: "KafkaError") -> bool:
    return isinstance(translated(error, ""), RejectedError)
