"""One client of librdkafka, with the thread that listens to it.

librdkafka connects and sends on threads of its own and tells what came of it when it is polled.
It goes on trying for ever and never says why: so the thread here also watches its errors, and
decides when the brokers are out of reach. Before that, a probe asks the brokers who they are.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from chronos_cli.errors import DispatchError
from chronos_cli.protocols.kafka.broker_errors import BrokerErrors
from chronos_cli.protocols.kafka.configuration import Configuration
from chronos_cli.protocols.kafka.errors import (
    OF_ONE_MESSAGE,
    RefusedTogetherError,
    translated,
    translated_exception,
)
from chronos_cli.protocols.kafka.probe import Probe
from chronos_cli.protocols.kafka.setup import check_files, setup_failure
from chronos_cli.protocols.lending import end_tasks, look_at
from chronos_cli.protocols.servers import Limit

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

# librdkafka wakes up at once for what happens: these only bound how long nothing may happen.
_BUSY_POLL, _IDLE_POLL = 0.1, 1.0
# A host may have several addresses, of which the first one refuses: when all brokers have been down
# for `_ASK_AFTER` seconds, ask who is there, for `_ASK_LIMIT` seconds.
_ASK_AFTER, _ASK_LIMIT = 0.3, 0.2
# Seconds that closing waits for librdkafka; beyond that its threads end with the program.
_CLOSE_LIMIT = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one message: an error, or where the broker has put it."""

    error: "KafkaError | None"
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


class Connection:
    """Sends messages for one configuration until any of them fails.

    It lives in the event loop where it is made; only methods that say so run in its thread.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = dict(configuration)
        self._probe = Probe(self._configuration)
        self._loop = asyncio.get_running_loop()
        self._starting: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[Exception | None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._producer: Producer | None = None
        self._waiting: set[asyncio.Future[Report]] = set()
        self._count = 0
        self._reports: list[tuple[asyncio.Future[Report], Report]] = []
        self._errors = BrokerErrors()
        self._wake = threading.Event()
        self._is_ending = False
        self._is_retired = False
        self._failed_by: KafkaError | None = None

    @property
    def is_usable(self) -> bool:
        """Whether a new send may begin here."""
        return not self._is_retired

    async def open(self, _limit: Limit) -> None:
        """Begin to look for a broker; raises RejectedError for an unusable file of TLS.

        Who sends waits for what comes of it, and knows what went wrong when its time is over.
        """
        check_files(self._configuration)
        self._starting = self._loop.create_task(self._start())
        self._starting.add_done_callback(look_at)

    async def send(self, topic: str, where: str, **message: Any) -> Report:
        """Send one message and return where it is; raises DispatchError when it is not.

        `where` is the target, for messages. RefusedTogetherError is raised when the message may
        have been refused for another one that went with it.
        """
        try:
            await self._started(where)
            report, is_alone = await self._sent(topic, where, message)
        except asyncio.CancelledError as cancelled:
            # Nothing but the end of the client takes a message back from librdkafka.
            self._is_retired = True
            if failure := self._last_failure(where):
                cancelled.add_note(f"last error: {failure.message}")
            raise
        if report.error is None:
            return report
        failure = translated(report.error, where)
        if report.error.name() not in OF_ONE_MESSAGE:
            self._is_retired = True
        elif not is_alone:
            raise RefusedTogetherError(failure.message, code=failure.code)
        raise failure

    def waits_for(self) -> str | None:
        """Return nothing: it is dialled at the first message."""
        return None

    async def close(self) -> None:
        """Give up every message and wait for the end of the client, but not for long."""
        if self._starting is not None:
            await end_tasks([self._starting])
        self._end()
        if self._opened.done():
            await asyncio.wait([self._closed], timeout=_CLOSE_LIMIT)

    async def _start(self) -> None:
        """Make the client, in its thread, when a broker has answered; raises DispatchError."""
        try:
            brokers = await self._probe.answering()
            self._configuration["bootstrap.servers"] = ",".join(brokers)
            # A daemon, so that nothing that hangs in the C library delays the end of the program.
            threading.Thread(target=self._run, name="chronos-kafka", daemon=True).start()
            error = await asyncio.shield(self._opened)
            if error is not None:
                raise setup_failure(error, self._configuration) from error
        except BaseException:
            self._is_retired = True
            raise

    async def _started(self, where: str) -> None:
        """Wait for the client together with others; each has an exception of its own."""
        assert self._starting is not None
        if not self._starting.done():
            await asyncio.wait([self._starting])
        try:
            self._starting.result()
        except DispatchError as error:
            raise error.with_message(error.message) from error
        if self._failed_by is not None:
            raise translated(self._failed_by, where)

    async def _sent(self, topic: str, where: str, message: dict[str, Any]) -> tuple[Report, bool]:
        """Return the report on one message, and whether no other was on its way meanwhile."""
        is_alone = not self._waiting
        self._count += 1
        number = self._count
        future: asyncio.Future[Report] = self._loop.create_future()
        self._waiting.add(future)
        try:
            on_delivery = partial(self._on_delivery, future)
            self._produce(topic, where, on_delivery, message)
            report = await future
        finally:
            self._waiting.discard(future)
        return report, is_alone and number == self._count

    def _last_failure(self, where: str) -> DispatchError | None:
        if cause := self._errors.cause:
            return translated(cause, where)
        return self._probe.last_failure

    def _end(self) -> None:
        """Have the client go; returns at once."""
        self._is_retired = self._is_ending = True
        self._wake.set()

    def _produce(
        self,
        topic: str,
        where: str,
        on_delivery: Callable[..., None],
        message: dict[str, Any],
    ) -> None:
        from confluent_kafka import KafkaException

        # Nobody but its thread may hold the client for longer: there it is waited for.
        assert self._producer is not None
        try:
            self._producer.produce(topic, on_delivery=on_delivery, **message)
        except (KafkaException, BufferError, ValueError, TypeError, OverflowError) as error:
            raise translated_exception(error, where) from error
        self._wake.set()

    def _settle(self, reports: list[tuple[asyncio.Future[Report], Report]]) -> None:
        for future, report in reports:
            if not future.done():
                future.set_result(report)

    def _fail(self, error: "KafkaError") -> None:
        self._is_retired, self._failed_by = True, error
        self._settle([(future, Report(error)) for future in self._waiting])
        if not self._waiting:
            # Else it would go on trying until the next send.
            self._end()

    # What follows runs in the thread.

    def _run(self) -> None:
        try:
            from confluent_kafka import Producer

            producer = Producer({**self._configuration, "error_cb": self._errors.note})
        except Exception as error:  # noqa: BLE001 - handed to those who wait
            self._tell(self._opened.set_result, error)
            self._tell(self._closed.set_result, None)
            return
        self._producer = producer
        self._tell(self._opened.set_result, None)
        while not self._is_ending:
            self._listen(producer)
        # The client goes with its last reference, and takes back what it has not sent. It waits
        # for its threads here. Its own `purge` must not be called: it waits for them, too, and
        # holds Python's lock meanwhile, so that a broker that floods stops the whole program.
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
        if self._errors.is_any and not self._is_ending:
            self._judge(producer)

    def _on_delivery(
        self, future: asyncio.Future[Report], error: "KafkaError | None", message: "Message"
    ) -> None:
        if error is None:
            self._errors.clear()
        report = Report(error, message.topic(), message.partition(), message.offset())
        self._reports.append((future, report))

    def _judge(self, producer: "Producer") -> None:
        """Fail all that wait when the brokers are out of reach, and the way is not just rough."""
        error = self._errors.verdict()
        if error is None and self._errors.since_down() >= _ASK_AFTER and _answers(producer):
            self._errors.clear()
        elif error is not None:
            self._errors.clear()
            self._tell(self._fail, error)

    def _tell(self, function: Callable[..., Any], *arguments: Any) -> None:
        # The loop may have ended while librdkafka was taking its time.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)


def _answers(producer: "Producer") -> bool:
    from confluent_kafka import KafkaException

    try:
        producer.list_topics(timeout=_ASK_LIMIT)
    except KafkaException:
        return False
    return True
