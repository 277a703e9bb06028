"""The connections to gRPC servers of one process: one for each server with TLS and options."""

from contextlib import AbstractAsyncContextManager

from chronos_cli.protocols.grpc.connection import Connection, ConnectionOptions
from chronos_cli.protocols.grpc.target import Grpc
from chronos_cli.protocols.lending import Lender


class GrpcPool:
    """Lends the connections; see `Lender`."""

    def __init__(self) -> None:
        self._lender: Lender[ConnectionOptions, Connection] = Lender(Connection)

    def lend(self, target: Grpc, seconds: float) -> AbstractAsyncContextManager[Connection]:
        """Lend the connection of a target without flaws; `seconds` is the attempt's limit."""
        return self._lender.lend(ConnectionOptions.of(target), seconds)

    async def close(self) -> None:
        """Close every connection."""
        await self._lender.close()
