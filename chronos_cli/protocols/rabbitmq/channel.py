"""One channel, on which the fate of every message is known.

The broker numbers what it receives from 1 and answers by number, one by one or all up to one.
It returns a message that it cannot route, and then acknowledges it like any other. It closes the
channel for a message that it refuses, and does not say which of those in flight it means: whether
the others have arrived, nobody knows (see `trials`).
"""

import asyncio
from itertools import takewhile
from typing import Any

from pika import exceptions, spec

from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols.rabbitmq.adapter import AsyncioAdapter
from chronos_cli.protocols.rabbitmq.errors import ENCODING, by_reply, readable, translated
from chronos_cli.protocols.rabbitmq.message import Message

_IDENTITY = ("X-Chronos-Execution-ID", "X-Chronos-Attempt")


class _Pending:
    """A message in flight. It stays known when its sender has gone: its answer still comes."""

    def __init__(self, message: Message, answer: "asyncio.Future[Exception | None]") -> None:
        self.message = message
        self.returned: DispatchError | None = None
        self._answer = answer

    @property
    def identity(self) -> tuple[Any, ...]:
        return _identity(self.message.properties.get("headers"))

    def settle(self, failure: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_result(failure)


class ConfirmChannel:
    """A channel with publisher confirms, or without: then a round trip takes their place."""

    def __init__(
        self,
        connection: AsyncioAdapter,
        *,
        confirmed: bool,
    ) -> None:
        self._connection = connection
        self._address = connection.chronos_address
        self._failure_of = connection.chronos_failure
        self._confirmed = confirmed
        self._ended: BaseException | None = None
        self._opened = asyncio.Event()
        self._is_ready = False
        self._last_tag = 0
        self._pending: dict[int, _Pending] = {}
        self._channel = connection.channel(on_open_callback=self._on_open)
        self._channel.add_on_close_callback(self._on_close)
        self._channel.add_on_return_callback(self._on_return)

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be published any more."""
        return self._ended is not None or self._channel.is_closing or self._channel.is_closed

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for anything here."""
        return self.is_closed or (self._is_ready and not self._pending)

    async def ready(self) -> None:
        """Wait until the channel is open; raise why it never will be."""
        if not self._opened.is_set():
            await self._opened.wait()
        if not self._is_ready and self._ended is not None:
            raise self._failure(self._ended, is_alone=True)

    def close(self) -> None:
        """Give the channel back."""
        if not self.is_closed:
            self._channel.close()

    async def publish(self, message: Message) -> None:
        """Publish, and wait for the broker's answer.

        Raises RejectedError when the broker has returned or refused the message, and
        UnreachableError for a nack, and when there will be no answer to it.
        """
        answer: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._emit(message)
        self._last_tag += 1
        self._pending[self._last_tag] = _Pending(message, answer)
        if not self._confirmed:
            self._ask_whether_read(self._last_tag)
        failure = await answer
        if failure is not None:
            raise failure

    def _emit(self, message: Message) -> None:
        """Write the message; nothing of it has left when this raises."""
        try:
            if not self._channel.is_open:
                raise exceptions.ChannelWrongStateError("the channel is not open")
            self._connection.chronos_publish(self._channel.channel_number, message)
        except exceptions.AMQPError as error:
            raise translated(error, self._address) from error
        except ENCODING as error:
            words = f"the message cannot be written as AMQP: {error} ({self._address})"
            raise RejectedError(words) from error

    def _ask_whether_read(self, tag: int) -> None:
        """Ask for something harmless: the broker answers in order, so it has read the message."""
        self._channel.basic_qos(callback=lambda _frame: self._settle(tag, None))

    def _on_open(self, _channel: Any) -> None:
        if self._confirmed:
            self._channel.confirm_delivery(self._on_answer, callback=self._on_ready)
        else:
            self._on_ready()

    def _on_ready(self, _frame: Any = None) -> None:
        self._is_ready = True
        self._opened.set()

    def _on_answer(self, frame: Any) -> None:
        method = frame.method
        refused = isinstance(method, spec.Basic.Nack)
        if not method.multiple:
            tags = [method.delivery_tag]
        else:
            upto = method.delivery_tag or self._last_tag
            tags = list(takewhile(lambda tag: tag <= upto, self._pending))
        for tag in tags:
            self._settle(tag, self._not_taken() if refused else None)

    def _not_taken(self) -> UnreachableError:
        message = f"the broker did not take the message (nack; {self._address})"
        return UnreachableError(message, code="NACK")

    def _settle(self, tag: int, failure: Exception | None) -> None:
        pending = self._pending.pop(tag, None)
        if pending is not None:
            pending.settle(pending.returned or failure)

    def _on_return(self, _channel: Any, method: Any, properties: Any, _body: bytes) -> None:
        """Note what was returned: the oldest in flight of that identity that was not yet."""
        identity = _identity(properties.headers)
        for pending in self._pending.values():
            is_it = len(self._pending) == 1 or pending.identity == identity
            if is_it and pending.returned is None:
                text = f"{readable(method.reply_text)} - {pending.message.unroutable}"
                pending.returned = by_reply(method.reply_code, text, self._address)
                return
        # Whose it is cannot be told, so nobody's message may pass for delivered.
        self._close_undecided()

    def _close_undecided(self) -> None:
        message = f"the broker returned what was not sent; it may have arrived ({self._address})"
        for tag in list(self._pending):
            self._settle(tag, UnreachableError(message))
        self.close()

    def _on_close(self, _channel: Any, reason: BaseException) -> None:
        self._ended = reason
        self._opened.set()
        is_alone = len(self._pending) == 1
        for tag in list(self._pending):
            self._settle(tag, self._failure(reason, is_alone=is_alone))

    def _failure(self, reason: BaseException, *, is_alone: bool) -> Exception:
        """Return what the end of the channel means for one message that was in flight."""
        failure = self._failure_of(reason)
        if isinstance(reason, exceptions.ChannelClosedByBroker):
            failure = translated(reason, self._address)
        if isinstance(failure, RejectedError) and not is_alone:
            # One of them was refused, and which one nobody knows: each is tried again.
            words = f"refused, or in flight with what was, so it may have arrived: {failure}"
            return UnreachableError(words, code=failure.code)
        return failure


def _identity(headers: Any) -> tuple[Any, ...]:
    return tuple((headers or {}).get(name) for name in _IDENTITY)
