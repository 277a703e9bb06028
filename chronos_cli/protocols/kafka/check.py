"""Whether a Kafka message would get through: the login, the topic, its partition, our right."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.steps import Step, Steps
from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols.kafka.broker_errors import BrokerErrors
from chronos_cli.protocols.kafka.configuration import configuration
from chronos_cli.protocols.kafka.errors import translated, translated_exception
from chronos_cli.protocols.kafka.probe import Probe, host_and_port
from chronos_cli.protocols.kafka.setup import check_files, setup_failure
from chronos_cli.protocols.kafka.target import KafkaSettings, KafkaTarget
from chronos_cli.protocols.steps import Place, connected, gone, over_streams, secured
from chronos_cli.protocols.tls import make_context

if TYPE_CHECKING:
    from confluent_kafka import KafkaError
    from confluent_kafka.admin import AdminClient

_POLL = 0.05
# Brokers that are named in a message.
_SHOWN = 5

T = TypeVar("T")
Question = Callable[["AdminClient"], "Future[T]"]


async def check(settings: KafkaSettings, delivery: Delivery[KafkaTarget], steps: Steps) -> None:
    """Take the steps to the topic; no topic is created by it. Raises DispatchError."""
    target = delivery.target
    chosen = dict(configuration(target, settings))
    check_files(chosen)
    await _way(target, steps)
    probe = Probe(chosen)
    with steps.step("kafka") as step:
        try:
            answering = await probe.answering()
        except asyncio.CancelledError as cancelled:
            if probe.last_failure is not None:
                cancelled.add_note(f"last error: {probe.last_failure.message}")
            raise
        step.message = f"answers: {', '.join(answering[:_SHOWN])}"
    chosen["bootstrap.servers"] = ",".join(answering)
    asking = _Asking(chosen, target.describe())
    try:
        with steps.step("login") as step:
            cluster = await asking.answer(_cluster)
            login = "no login" if target.sasl is None else f"{target.sasl.mechanism} accepted"
            brokers = len(cluster.nodes)
            step.message = f"{login}; {brokers} broker{'' if brokers == 1 else 's'}"
        with steps.step("topic") as step:
            topic = await _described(asking, target)
            step.message = f"{target.topic}: {_size(topic)}"
        with steps.step("partition") as step:
            _judge_partitions(step, topic, target)
        with steps.step("write") as step:
            _judge_right(step, topic, target)
    finally:
        asking.end()


async def _way(target: KafkaTarget, steps: Steps) -> None:
    places = [Place(*host_and_port(broker)) for broker in target.broker_list()]
    opened = ExitStack()
    try:
        sockets = await connected(steps, places, opened)
        if target.is_tls():
            context = make_context(target.tls)
            handshake = over_streams(context, lambda place: place.host, opened)
            await secured(steps, sockets, handshake)
    finally:
        await gone(opened)


def _cluster(client: "AdminClient") -> "Future[Any]":
    found: Future[Any] = client.describe_cluster()
    return found


async def _described(asking: "_Asking", target: KafkaTarget) -> Any:
    """Return what the brokers say of the topic; unlike the client's metadata it creates none."""
    from confluent_kafka import TopicCollection

    def question(client: "AdminClient") -> "Future[Any]":
        wanted = TopicCollection([target.topic])
        found = client.describe_topics(wanted, include_authorized_operations=True)
        answer: Future[Any] = found[target.topic]
        return answer

    return await asking.answer(question)


def _size(topic: Any) -> str:
    count = len(topic.partitions)
    replicas = min((len(one.replicas) for one in topic.partitions), default=0)
    words = f"{count} partition{'' if count == 1 else 's'}"
    return f"{words}, {replicas} replica{'' if replicas == 1 else 's'}"


def _judge_partitions(step: Step, topic: Any, target: KafkaTarget) -> None:
    """Look for the partition, or for leaders of all: a key may lead to any of them."""
    numbers = {one.id: one for one in topic.partitions}
    wanted = target.partition
    if wanted is not None and wanted not in numbers:
        message = f"the topic has no partition {wanted}; it has 0 to {max(numbers, default=0)}"
        raise RejectedError(f"{message} ({target.describe()})", code="_UNKNOWN_PARTITION")
    meant = [numbers[wanted]] if wanted is not None else list(numbers.values())
    leaderless = [str(one.id) for one in meant if one.leader is None or one.leader.id < 0]
    if leaderless and len(leaderless) == len(meant):
        message = f"no leader for partition {', '.join(leaderless[:_SHOWN])}"
        raise UnreachableError(f"{message} ({target.describe()})", code="LEADER_NOT_AVAILABLE")
    step.message = "all have leaders" if wanted is None else f"{wanted} has a leader"
    if leaderless:
        step.message = ""
        step.warn(f"no leader for {', '.join(leaderless[:_SHOWN])}")
    behind = [str(one.id) for one in meant if len(one.isr) < len(one.replicas)]
    if behind:
        step.warn(f"replicas are not in sync in {', '.join(behind[:_SHOWN])}")


def _judge_right(step: Step, topic: Any, target: KafkaTarget) -> None:
    from confluent_kafka.admin._acl import AclOperation  # whence the package has it

    allowed = topic.authorized_operations
    if not allowed:
        step.message = "not known: the brokers do not tell what we may do"
    elif AclOperation.WRITE not in allowed:
        message = f"we may not write to this topic ({target.describe()})"
        raise RejectedError(message, code="TOPIC_AUTHORIZATION_FAILED")
    else:
        step.message = "allowed"


class _Asking:
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
        awaited: set[asyncio.Future[Any]] = {answer, self._lost}
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            self._lost.result()
        return answer.result()

    def end(self) -> None:
        """Let the client go; nothing is waited for."""
        self._has_ended.set()
        for one in (self._made, self._lost):
            if one.done() and not one.cancelled():
                one.exception()

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
