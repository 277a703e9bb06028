"""One client of librdkafka, with the thread that listens to it.

librdkafka connects and sends on threads of its own and tells what came of it when it is polled.
It goes on trying for ever and never says why: so the thread here also watches its errors, and
decides when the brokers are out of reach.
"""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols.kafka.errors import is_of_token, translated, translated_exception

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

# librdkafka wakes up at once for what happens: these only bound how long nothing may happen.
_BUSY_POLL, _IDLE_POLL = 0.1, 1.0
# A host may have several addresses, of which the first one refuses, and a broker that restarts
# is back soon: after all are down, ask who is there until the patience is over.
_ASK_AFTER, _ASK_LIMIT, _PATIENCE = 0.3, 0.2, 1.0
_TLS_FILE = re.compile(r"ssl\.[a-z.]*location")


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one message: an error, or where the broker has put it."""

    error: "KafkaError | None"
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


class Connection:
    """Sends messages for one configuration until it is retired, which any failure does.

    Lives in the event loop where it is made; only methods that say so run in its thread.
    """

    def __init__(self, configuration: Mapping[str, str], where: str) -> None:
        self._where = where
        self._configuration = dict(configuration)
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[Exception | None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._producer: Producer | None = None
        self._waiting: set[asyncio.Future[Report]] = set()
        self._reports: list[tuple[asyncio.Future[Report], Report]] = []
        self._trouble = _Trouble()
        self._wake = threading.Event()
        self._ending = False
        self.is_usable = True
        # A daemon, so that nothing that hangs in the C library can delay the end of the program.
        threading.Thread(target=self._run, name="chronos-kafka", daemon=True).start()

    @property
    def is_gone(self) -> bool:
        """Whether the client is no more."""
        return self._closed.done()

    async def opened(self) -> None:
        """Wait until the client exists; raises when it cannot be made."""
        error = await asyncio.shield(self._opened)
        if error is not None:
            self.is_usable = False
            raise self._of_setup(error) from error

    async def send(self, topic: str, **message: Any) -> Report:
        """Send one message and return where it is; raises DispatchError when it is not."""
        assert self._producer is not None
        future: asyncio.Future[Report] = self._loop.create_future()
        self._waiting.add(future)
        try:
            self._produce(self._producer, topic, partial(self._delivered, future), message)
            report = await future
        except asyncio.CancelledError as cancelled:
            # Nothing but the end of the client takes a message back from librdkafka.
            self.is_usable = False
            if cause := self._trouble.cause:
                cancelled.add_note(f"last error: {translated(cause, self._where).message}")
            raise
        finally:
            self._waiting.discard(future)
            self._end_when_idle()
        if report.error is not None:
            self.is_usable = False
            self._end_when_idle()
            raise translated(report.error, self._where)
        return report

    def end(self) -> None:
        """Give up every message and let the client go; returns at once."""
        self.is_usable = False
        self._ending = True
        self._wake.set()
        if self._waiting or (self._producer is not None and len(self._producer)):
            self._purge()

    async def closed(self) -> None:
        """Wait until the client is gone."""
        await asyncio.shield(self._closed)

    def _produce(
        self, producer: "Producer", topic: str, told: Callable[..., None], message: dict[str, Any]
    ) -> None:
        from confluent_kafka import KafkaException

        try:
            producer.produce(topic, on_delivery=told, **message)
        except (KafkaException, BufferError, ValueError, TypeError, OverflowError) as error:
            raise translated_exception(error, self._where) from error
        self._wake.set()

    def _purge(self) -> None:
        """Make librdkafka report all its messages now, which also ends a poll."""
        from confluent_kafka import KafkaException

        producer = self._producer
        if producer is not None:
            with suppress(KafkaException):
                producer.purge(in_queue=True, in_flight=True, blocking=False)

    def _end_when_idle(self) -> None:
        if not self.is_usable and not self._waiting and not self._ending:
            self.end()

    def _settle(self, reports: list[tuple[asyncio.Future[Report], Report]]) -> None:
        for future, report in reports:
            if not future.done():
                future.set_result(report)

    def _fail(self, error: "KafkaError") -> None:
        self.is_usable = False
        self._settle([(future, Report(error)) for future in self._waiting])
        self._end_when_idle()

    def _of_setup(self, error: Exception) -> DispatchError:
        """Return what it means that the client cannot be made."""
        from confluent_kafka import KafkaException

        told = "the Kafka client cannot be set up"
        if isinstance(error, OSError | MemoryError | RuntimeError):
            return UnreachableError(f"{told}: {error}")
        text = str(error)
        if isinstance(error, KafkaException):
            text = error.args[0].str()
        code = "CONFIGURATION"
        if file := _TLS_FILE.search(text):
            code, text = "TLS", f"{text}; file {self._configuration.get(file[0])}"
        return RejectedError(f"{told}: {text} ({self._where})", code=code)

    # What follows runs in the thread.

    def _run(self) -> None:
        try:
            from confluent_kafka import Producer

            producer = Producer({**self._configuration, "error_cb": self._trouble.note})
        except Exception as error:  # noqa: BLE001 - handed to those who wait
            self._tell(self._opened.set_result, error)
            self._tell(self._closed.set_result, None)
            return
        self._producer = producer
        self._tell(self._opened.set_result, None)
        while not self._ending:
            self._listen(producer)
        self._purge()
        # The client goes with its last reference, and what it waits for is waited for here.
        self._producer = None
        del producer
        self._tell(self._closed.set_result, None)

    def _listen(self, producer: "Producer") -> None:
        if len(producer):
            producer.poll(_BUSY_POLL)
        else:
            self._wake.wait(_IDLE_POLL)
            self._wake.clear()
            producer.poll(0)
        if self._reports:
            reports, self._reports = self._reports, []
            self._tell(self._settle, reports)
        if self._trouble.is_there and not self._ending:
            self._judge(producer)

    def _delivered(
        self, future: asyncio.Future[Report], error: "KafkaError | None", message: "Message"
    ) -> None:
        if error is None:
            self._trouble.clear()
        report = Report(error, message.topic(), message.partition(), message.offset())
        self._reports.append((future, report))

    def _judge(self, producer: "Producer") -> None:
        """Fail all that wait when the brokers are out of reach, and the way is not just rough."""
        error = self._trouble.verdict()
        if error is None and self._trouble.since_down() >= _ASK_AFTER and _answers(producer):
            self._trouble.clear()
        elif error is not None:
            self._trouble.clear()
            self._tell(self._fail, error)

    def _tell(self, function: Callable[..., Any], *arguments: Any) -> None:
        # The loop may have ended while librdkafka was taking its time.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)


class _Trouble:
    """The errors that librdkafka tells of while it goes on trying."""

    def __init__(self) -> None:
        self.cause: KafkaError | None = None
        self._down: KafkaError | None = None
        self._down_at = 0.0

    @property
    def is_there(self) -> bool:
        return self.cause is not None or self._down is not None

    def note(self, error: "KafkaError") -> None:
        """Take note of an error; librdkafka calls this."""
        if error.name() == "_ALL_BROKERS_DOWN":
            if self._down is None:
                self._down, self._down_at = error, time.monotonic()
        elif self.cause is None or not _is_final(self.cause):
            self.cause = error

    def clear(self) -> None:
        self.cause = self._down = None

    def since_down(self) -> float:
        """Return the seconds since the last broker was lost; 0 when one is left."""
        return time.monotonic() - self._down_at if self._down else 0.0

    def verdict(self) -> "KafkaError | None":
        """Return the error that leaves no hope, if there is one."""
        if self.cause is not None and is_of_token(self.cause):
            return self.cause
        if self._down is None:
            return None
        if self.cause is not None and _is_final(self.cause):
            return self.cause
        return (self.cause or self._down) if self.since_down() >= _PATIENCE else None


def _is_final(error: "KafkaError") -> bool:
    return isinstance(translated(error, ""), RejectedError)


def _answers(producer: "Producer") -> bool:
    from confluent_kafka import KafkaException

    try:
        producer.list_topics(timeout=_ASK_LIMIT)
    except KafkaException:
        return False
    return True
