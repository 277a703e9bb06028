"""Asking a broker for what it has, and what we may do, on a channel that is closed afterwards.

An exchange or a queue is declared passively, which makes none. The right to write is told by
nothing but a publish. The one here has an expiration that is none: the broker looks for the
exchange and for our right to it first, then at the properties, and so refuses the message in
either case before it is routed. It is also in a transaction, which is never committed.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from pika import exceptions

from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols.rabbitmq.adapter import AsyncioAdapter
from chronos_cli.protocols.rabbitmq.errors import ENCODING, translated
from chronos_cli.protocols.rabbitmq.message import Message

Kind = Literal["exchange", "queue"]

_NO_EXPIRATION = "chronos-check"
_REFUSED = f"invalid expiration '{_NO_EXPIRATION}'"

# Asks on a channel that is open; what the broker answers is called back.
Question = Callable[[Any, Callable[[Any], None]], None]


async def declare_passively(adapter: AsyncioAdapter, kind: Kind, name: str) -> Any:
    """Return the broker's answer, a method of pika's.

    Raises RejectedError where there is no such thing, and as every use of the connection does.
    """

    def ask(channel: Any, settle: Callable[[Any], None]) -> None:
        method = channel.exchange_declare if kind == "exchange" else channel.queue_declare
        method(name, passive=True, callback=settle)

    frame = await _answer(adapter, ask)
    return frame.method


async def publish_in_vain(
    adapter: AsyncioAdapter, exchange: str, key: str, user_id: str | None
) -> None:
    """Return where a publish with that key, and that property, is allowed.

    Raises RejectedError where it is not, and as every use of the connection does.
    """
    properties = {"expiration": _NO_EXPIRATION}
    if user_id is not None:
        properties["user_id"] = user_id
    message = Message(
        exchange, key, mandatory=False, confirmed=False, properties=properties, body=b""
    )

    def ask(channel: Any, settle: Callable[[Any], None]) -> None:
        channel.tx_select()
        adapter.chronos_publish(channel.channel_number, message)
        channel.tx_rollback(callback=settle)

    try:
        await _answer(adapter, ask)
    except RejectedError as error:
        if _REFUSED not in error.message:
            raise
        return
    raise UnreachableError(f"the broker did not refuse what it must ({adapter.chronos_address})")


async def _answer(adapter: AsyncioAdapter, ask: Question) -> Any:
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def settle(frame: Any) -> None:
        if not answer.done():
            answer.set_result(frame)

    def fail(_channel: Any, reason: BaseException) -> None:
        if not answer.done():
            answer.set_exception(_meaning(adapter, reason))

    def opened(channel: Any) -> None:
        # What pika raises here would end the connection, as if the broker had sent nonsense.
        try:
            ask(channel, settle)
        except (exceptions.AMQPError, *ENCODING) as error:
            fail(channel, error)

    adapter.chronos_check()
    try:
        channel = adapter.channel(on_open_callback=opened)
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
