"""Whether a RabbitMQ message would get through: the login, exchange or queue, our permission."""

from collections.abc import Hashable
from contextlib import AsyncExitStack, ExitStack

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.steps import Steps
from chronos_cli.errors import RejectedError
from chronos_cli.protocols.rabbitmq.connection import Connection
from chronos_cli.protocols.rabbitmq.pool import RabbitmqPool
from chronos_cli.protocols.rabbitmq.target import Rabbitmq, RabbitmqSettings
from chronos_cli.protocols.steps import Place, connected, gone, over_streams, secured
from chronos_cli.protocols.tls import make_context

# Another connection's own queue: it may not be declared, and may be published to.
_LOCKED = "405"


async def check(_settings: RabbitmqSettings, delivery: Delivery[Rabbitmq], steps: Steps) -> None:
    """Take the steps to the exchange or the queue: nothing is made, and nothing arrives.

    Raises DispatchError.
    """
    target = delivery.target
    await _way(target, steps)
    pool = RabbitmqPool()
    try:
        async with AsyncExitStack() as lent:
            with steps.step("login") as step:
                loan = pool.lend(target, steps.time_left())
                connection = await lent.enter_async_context(loan)
                login, _ = target.login()
                step.message = f"accepted, virtual host {login.vhost}"
            if target.exchange:
                with steps.step("exchange") as step:
                    await connection.declared("exchange", target.exchange)
                    step.message = f"'{target.exchange}' is there"
            else:
                with steps.step("queue") as step:
                    step.message = await _queue(connection, target.key)
            with steps.step("permission") as step:
                step.message = await _permission(connection, target)
    finally:
        await pool.close()


def certificate_key(target: Rabbitmq) -> Hashable | None:
    """Return the addresses with their TLS block; None without TLS."""
    login, addresses = target.login()
    return (addresses, login.tls) if login.tls is not None else None


async def _way(target: Rabbitmq, steps: Steps) -> None:
    login, addresses = target.login()
    opened = ExitStack()
    try:
        places = [Place(address.host, address.port) for address in addresses]
        sockets = await connected(steps, places, opened)
        if login.tls is not None:
            name = login.tls.server_name
            context = make_context(login.tls)
            handshake = over_streams(context, lambda place: name or place.host, opened)
            await secured(steps, sockets, handshake)
    finally:
        await gone(opened)


async def _queue(connection: Connection, name: str) -> str:
    """Return what is known of a queue; raises DispatchError where there is none."""
    try:
        found = await connection.declared("queue", name)
    except RejectedError as error:
        if not (error.code or "").startswith(_LOCKED):
            raise
        return f"'{name}' is there, for one consumer alone"
    messages, consumers = found.message_count, found.consumer_count
    return f"'{name}' is there; {messages} ready, {consumers} consuming"


async def _permission(connection: Connection, target: Rabbitmq) -> str:
    """Return that we may publish; raises DispatchError where we may not."""
    if not connection.is_rabbitmq:
        return "not known: a broker of another kind, or an old one"
    await connection.permitted(target.exchange, target.key, target.user_id)
    if target.exchange:
        return f"may publish to exchange '{target.exchange}'"
    return "may publish to queues, by the default exchange"
