"""Whether a Kafka message would get through: the login, the topic and its partition, our right."""

import asyncio
from collections.abc import Hashable
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.steps import Step, Steps
from chronos_cli.errors import RejectedError, UnreachableError
from chronos_cli.protocols.kafka.asking import Asking
from chronos_cli.protocols.kafka.configuration import acks, configuration
from chronos_cli.protocols.kafka.dispatcher import message_of
from chronos_cli.protocols.kafka.limits import topic_limits
from chronos_cli.protocols.kafka.probe import Probe, host_and_port
from chronos_cli.protocols.kafka.setup import check_files
from chronos_cli.protocols.kafka.target import KafkaSettings, KafkaTarget
from chronos_cli.protocols.steps import Place, connected, gone, over_streams, secured
from chronos_cli.protocols.tls import make_context

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

# Brokers that are named in a message.
_SHOWN = 5


async def check(settings: KafkaSettings, delivery: Delivery[KafkaTarget], steps: Steps) -> None:
    """Take the steps to the topic; no topic is created by it. Raises DispatchError."""
    target = delivery.target
    chosen = dict(configuration(target, settings))
    check_files(chosen)
    await _way(target, steps)
    with steps.step("kafka") as step:
        answering = await _answering(Probe(chosen))
        step.message = f"answers: {', '.join(answering[:_SHOWN])}"
    asking = Asking({**chosen, "bootstrap.servers": ",".join(answering)}, target.describe())
    try:
        await _ask(asking, settings, delivery, steps)
    finally:
        asking.end()


def certificate_key(target: KafkaTarget) -> Hashable | None:
    """Return the brokers with their TLS block; None without TLS."""
    return (tuple(target.broker_list()), target.tls) if target.is_tls() else None


async def _answering(probe: Probe) -> list[str]:
    try:
        return await probe.answering()
    except asyncio.CancelledError as cancelled:
        if probe.last_failure is not None:
            cancelled.add_note(f"last error: {probe.last_failure.message}")
        raise


async def _ask(
    asking: Asking, settings: KafkaSettings, delivery: Delivery[KafkaTarget], steps: Steps
) -> None:
    target = delivery.target
    with steps.step("login") as step:
        cluster = await asking.answer(_cluster)
        login = "no login" if target.sasl is None else f"{target.sasl.mechanism} accepted"
        brokers = len(cluster.nodes)
        step.message = f"{login}; {brokers} broker{'' if brokers == 1 else 's'}"
    with steps.step("topic") as step:
        topic = await _described(asking, target)
        step.message = f"{target.topic}: {_size(topic)}"
        limits = await topic_limits(asking, target.topic)
    with steps.step("partition") as step:
        needed = limits.min_in_sync if acks(target, settings) == "all" else 1
        judge_partitions(step, topic, target, needed)
    with steps.step("write") as step:
        _judge_right(step, topic, target)
    with steps.step("message") as step:
        limits.judge(step, message_of(delivery), target)


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


async def _described(asking: Asking, target: KafkaTarget) -> Any:
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


def judge_partitions(step: Step, topic: Any, target: KafkaTarget, needed: int) -> None:
    """Look for the partition, or for leaders of all: a key may lead to any of them.

    `needed` is how many replicas must have a message for the broker to acknowledge it.
    """
    numbers = {one.id: one for one in topic.partitions}
    wanted = target.partition
    if wanted is not None and wanted not in numbers:
        message = f"the topic has no partition {wanted}; it has 0 to {max(numbers, default=0)}"
        raise RejectedError(f"{message} ({target.describe()})")
    meant = [numbers[wanted]] if wanted is not None else list(numbers.values())
    leaderless = [str(one.id) for one in meant if one.leader is None or one.leader.id < 0]
    if leaderless and len(leaderless) == len(meant):
        message = f"no leader for partition {', '.join(leaderless[:_SHOWN])}"
        raise UnreachableError(f"{message} ({target.describe()})")
    step.message = "all have leaders" if wanted is None else f"{wanted} has a leader"
    if leaderless:
        step.message = ""
        step.warn(f"no leader for {', '.join(leaderless[:_SHOWN])}")
    # A broker needs no more of them than there are.
    short = [str(one.id) for one in meant if len(one.isr) < min(needed, len(one.replicas))]
    if short and len(short) == len(meant):
        message = f"fewer than {needed} replicas are in sync in {', '.join(short[:_SHOWN])}"
        raise UnreachableError(f"{message} ({target.describe()})", code="NOT_ENOUGH_REPLICAS")
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
        raise RejectedError(message)
    else:
        step.message = "allowed"
