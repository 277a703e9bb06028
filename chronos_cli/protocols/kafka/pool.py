"""The clients of librdkafka of one process: one for each configuration."""

from contextlib import AbstractAsyncContextManager

from chronos_cli.protocols.kafka.configuration import Configuration, alone, configuration
from chronos_cli.protocols.kafka.connection import Connection
from chronos_cli.protocols.kafka.target import KafkaSettings, KafkaTarget
from chronos_cli.protocols.lending import Lender


class KafkaPool:
    """Lends the clients; see `Lender`."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lender: Lender[Configuration, Connection] = Lender(Connection)

    def lend(self, target: KafkaTarget, seconds: float) -> AbstractAsyncContextManager[Connection]:
        """Lend the client of a target without flaws; `seconds` is the attempt's limit."""
        return self._lender.lend(configuration(target, self._settings), seconds)

    def lend_for_one(
        self, target: KafkaTarget, seconds: float
    ) -> AbstractAsyncContextManager[Connection]:
        """Lend a client that sends each message in a batch of its own."""
        return self._lender.lend(alone(configuration(target, self._settings)), seconds)

    async def close(self) -> None:
        """Let every client go."""
        await self._lender.close()
