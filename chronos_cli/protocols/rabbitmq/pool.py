"""The connections to RabbitMQ of one process: one for each login and list of servers."""

from contextlib import AbstractAsyncContextManager

from chronos_cli.protocols.lending import Lender
from chronos_cli.protocols.rabbitmq.address import Address, Login
from chronos_cli.protocols.rabbitmq.connection import Connection
from chronos_cli.protocols.rabbitmq.target import Rabbitmq


class RabbitmqPool:
    """Lends the connections; see `Lender`."""

    def __init__(self) -> None:
        self._lender: Lender[tuple[Login, tuple[Address, ...]], Connection] = Lender(
            lambda key: Connection(*key)
        )

    def lend(self, target: Rabbitmq, seconds: float) -> AbstractAsyncContextManager[Connection]:
        """Lend the connection of a target without flaws; `seconds` is the attempt's limit."""
        return self._lender.lend(target.login(), seconds)

    async def close(self) -> None:
        """Close every connection."""
        await self._lender.close()
