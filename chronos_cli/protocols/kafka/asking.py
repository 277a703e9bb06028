"""Questions to Kafka's brokers, by a client of librdkafka of their own."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from chronos_cli.errors import DispatchError
from chronos_cli.protocols.kafka.broker_errors import BrokerErrors
from chronos_cli.protocols.kafka.errors import translated, translated_exception
from chronos_cli.protocols.kafka.setup import setup_failure
from chronos_cli.protocols.lending import look_at

if TYPE_CHECKING:
    from confluent_kafka import KafkaError
    from confluent_kafka.admin import AdminClient

_POLL = 0.05

T = TypeVar("T")
Question = Callable[["AdminClient"], "Future[T]"]


class Asking:
    """A client for questions, in a thread of its own: its polls are what brings errors to light.

    Its threads end with the program where librdkafka takes its time.
    """

    def __init__(self, configuration: dict[str, str], where: str) -> None:
        self._configuration = configuration
        self._where = where
        self._errors = BrokerErrors()
        self._loop = asyncio.get_running_loop()
        self._client: AdminClient | None = None
        self._has_ended = threading.Event()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._made: asyncio.Future[None] = self._loop.create_future()
        for one in (self._made, self._lost):
            one.add_done_callback(look_at)
        threading.Thread(target=self._run, name="chronos-kafka-check", daemon=True).start()

    async def answer(self, question: "Question[T]") -> T:
        """Return the answer to a question; raises DispatchError."""
        from confluent_kafka import KafkaException

        try:
            return await self._answer(question)
        except KafkaException as error:
            raise translated_exception(error, self._where) from error
        except asyncio.CancelledError as cancelled:
            if cause := self._errors.cause:
                cancelled.add_note(f"last error: {translated(cause, self._where).message}")
            raise

    async def _answer(self, question: "Question[T]") -> T:
        await asyncio.shield(self._made)
        assert self._client is not None
        answer = asyncio.wrap_future(question(self._client))
        answer.add_done_callback(look_at)
        awaited: set[asyncio.Future[Any]] = {answer, self._lost}
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            self._lost.result()
        return answer.result()

    def end(self) -> None:
        """Let the client go; nothing is waited for."""
        self._has_ended.set()

    # What follows runs in the thread.

    def _run(self) -> None:
        from confluent_kafka.admin import AdminClient

        settings: dict[str, Any] = {**self._configuration, "error_cb": self._errors.note}
        try:
            client = AdminClient(settings)
        except Exception as error:  # noqa: BLE001 - handed to who waits
            self._tell(self._made, setup_failure(error, self._configuration))
            return
        self._client = client
        self._tell(self._made, None)
        while not self._has_ended.is_set():
            client.poll(_POLL)
            verdict: KafkaError | None = self._errors.verdict()
            if verdict is not None:
                self._tell(self._lost, translated(verdict, self._where))
        self._client = None
        del client

    def _tell(self, future: "asyncio.Future[None]", failure: DispatchError | None) -> None:
        with suppress(RuntimeError):  # the loop may have ended
            self._loop.call_soon_threadsafe(partial(_settle, future, failure))


def _settle(future: "asyncio.Future[None]", failure: DispatchError | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(None)
    else:
        future.set_exception(failure)
