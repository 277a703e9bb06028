"""Many confirmed messages with pika: rabbitmq_many URL QUEUE COUNT CONCURRENCY."""

import asyncio
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection

from tests.benchmarks.bare.workers import at_once, main


class _Confirms:
    """The futures of the messages on their way, by delivery tag."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._last = 0

    def expect(self) -> "asyncio.Future[None]":
        self._last += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[self._last] = future
        return future

    def take(self, frame: Any) -> None:
        tag, multiple = frame.method.delivery_tag, frame.method.multiple
        settled = [one for one in self._waiting if one <= tag] if multiple else [tag]
        for one in settled:
            future = self._waiting.pop(one)
            if isinstance(frame.method, pika.spec.Basic.Ack):
                future.set_result(None)
            else:
                future.set_exception(RuntimeError("the broker refused a message"))


async def _open(url: str) -> tuple[AsyncioConnection, Any]:
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[Any] = loop.create_future()

    def open_channel(connection: Any) -> None:
        connection.channel(on_open_callback=opened.set_result)

    connection = AsyncioConnection(
        pika.URLParameters(url),
        on_open_callback=open_channel,
        on_open_error_callback=lambda _, error: opened.set_exception(error),
        custom_ioloop=loop,
    )
    return connection, await opened


async def script(url: str, queue: str, count: str, concurrency: str) -> None:
    connection, channel = await _open(url)
    confirms = _Confirms()
    selected: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    channel.confirm_delivery(confirms.take, callback=selected.set_result)
    await selected
    properties = pika.BasicProperties(  # type: ignore[no-untyped-call]
        content_type="application/json", delivery_mode=2
    )

    async def send(number: int) -> None:
        body = b'{"report": "daily", "number": %d}' % number
        channel.basic_publish("", queue, body, properties, mandatory=True)
        await confirms.expect()

    await at_once(int(count), int(concurrency), send)
    connection.close()


main(script)
