"""The connections to NATS of one process: one for each cluster and login."""

from contextlib import AbstractAsyncContextManager

from chronos_cli.protocols.lending import Lender
from chronos_cli.protocols.nats.connection import Connection
from chronos_cli.protocols.nats.login import ConnectionOptions
from chronos_cli.protocols.nats.target import Nats


class NatsPool:
    """Lends the connections; see `Lender`."""

    def __init__(self) -> None:
        self._lender: Lender[ConnectionOptions, Connection] = Lender(Connection)

    def lend(self, target: Nats, seconds: float) -> AbstractAsyncContextManager[Connection]:
        """Lend the connection of a target without flaws; `seconds` is the attempt's limit."""
        return self._lender.lend(ConnectionOptions.of(target), seconds)

    async def close(self) -> None:
        """Close every connection."""
        await self._lender.close()
