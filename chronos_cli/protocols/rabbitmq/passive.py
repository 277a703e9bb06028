"""Asking for an exchange or a queue without making it: a passive declaration."""

import asyncio
from typing import Any, Literal

from pika import exceptions

from chronos_cli.errors import DispatchError
from chronos_cli.protocols.rabbitmq.adapter import AsyncioAdapter
from chronos_cli.protocols.rabbitmq.errors import ENCODING, translated

Kind = Literal["exchange", "queue"]


async def declare_passively(adapter: AsyncioAdapter, kind: Kind, name: str) -> Any:
    """Return the broker's answer, a method of pika's, over a channel of its own.

    Raises RejectedError where there is no such thing, and as every use of the connection does.
    """
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def settle(frame: Any) -> None:
        if not answer.done():
            answer.set_result(frame.method)

    def fail(_channel: Any, reason: BaseException) -> None:
        if not answer.done():
            answer.set_exception(_meaning(adapter, reason))

    def declare(channel: Any) -> None:
        # What pika raises here would end the connection, as if the broker had sent nonsense.
        try:
            method = channel.exchange_declare if kind == "exchange" else channel.queue_declare
            method(name, passive=True, callback=settle)
        except (exceptions.AMQPError, *ENCODING) as error:
            fail(channel, error)

    adapter.chronos_check()
    try:
        channel = adapter.channel(on_open_callback=declare)
    except exceptions.AMQPError as error:
        raise translated(error, adapter.chronos_address) from error
    channel.add_on_close_callback(fail)
    try:
        return await answer
    finally:
        if channel.is_open:
            channel.close()


def _meaning(adapter: AsyncioAdapter, reason: BaseException) -> DispatchError:
    if isinstance(reason, exceptions.ChannelClosedByBroker):
        return translated(reason, adapter.chronos_address)
    return adapter.chronos_failure(reason)
