"""One process, one connection, many sends: what becomes of the others when one is cut off."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from chronos_cli.dispatch.delivery import Delivery, prepare
from chronos_cli.dispatch.execution import Execution
from chronos_cli.dispatch.plugin import Receipt
from chronos_cli.errors import RejectedError, UnreachableError
from chronos_cli.jobs.model import Job, JobSpec, Payload
from chronos_cli.problems import Position
from chronos_cli.protocols.rabbitmq.dispatcher import RabbitmqDispatcher
from chronos_cli.protocols.rabbitmq.target import Rabbitmq, RabbitmqSettings
from tests.protocols.harness_rabbitmq import RabbitNode, bare_channel, declare_queue, take_all
from tests.servers.cutting_proxy import CuttingProxy


def delivery(target: Rabbitmq, text: str = "x", timeout: float = 5.0) -> Delivery[Rabbitmq]:
    spec = JobSpec(name="job", timeout=timeout)
    job = Job("job", spec, "rabbitmq", "rabbitmq", target, Payload(text), Position("job.yaml"))
    return cast(
        "Delivery[Rabbitmq]", prepare(Execution(str(uuid.uuid4()), job, datetime.now(UTC)), 1)
    )


def with_dispatcher(work: Callable[[RabbitmqDispatcher], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        dispatcher = RabbitmqDispatcher(RabbitmqSettings())
        try:
            return await work(dispatcher)
        finally:
            await dispatcher.close()

    return asyncio.run(run())


def proxied(broker: RabbitNode, trigger: bytes, cuts: int) -> CuttingProxy:
    port = int(broker.url.rpartition(":")[2].partition("/")[0])
    return CuttingProxy(port, trigger, cuts)


def test_connection_closed_while_idle_is_replaced(rabbitmq_broker: RabbitNode) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    target = Rabbitmq(url=rabbitmq_broker.url, queue=queue)

    async def work(dispatcher: RabbitmqDispatcher) -> None:
        await dispatcher.send(delivery(target))
        await asyncio.to_thread(rabbitmq_broker.control, "close_all_connections", "by the tests")
        await asyncio.sleep(0.2)
        await dispatcher.send(delivery(target))

    with_dispatcher(work)
    assert len(take_all(rabbitmq_broker.url, queue, 2)) == 2


def test_frozen_connection_is_not_used_again(rabbitmq_broker: RabbitNode) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    proxy = proxied(rabbitmq_broker, b"never", 0)
    target = Rabbitmq(url=f"amqp://guest:guest@127.0.0.1:{proxy.port}/", queue=queue)

    async def work(dispatcher: RabbitmqDispatcher) -> None:
        await dispatcher.send(delivery(target))
        with rabbitmq_broker.paused(), pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await dispatcher.send(delivery(target))
        await dispatcher.send(delivery(target))

    with_dispatcher(work)
    proxy.stop()
    assert proxy.connections == 2


def test_cancelled_sends_leave_the_others_alone(rabbitmq_broker: RabbitNode) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    target = Rabbitmq(url=rabbitmq_broker.url, queue=queue)

    async def work(dispatcher: RabbitmqDispatcher) -> list[Receipt | BaseException]:
        tasks = [asyncio.create_task(dispatcher.send(delivery(target))) for _ in range(300)]
        for number, task in enumerate(tasks):
            if number % 3 == 0:
                asyncio.get_running_loop().call_later(number / 5000, task.cancel)
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = with_dispatcher(work)
    for number, result in enumerate(results):
        if number % 3:
            assert isinstance(result, Receipt), result
        else:
            assert isinstance(result, Receipt | asyncio.CancelledError)


def test_more_exchanges_than_a_connection_has_channels(rabbitmq_broker: RabbitNode) -> None:
    targets = [Rabbitmq(url=rabbitmq_broker.url, exchange=f"none-{n}") for n in range(2200)]

    async def work(dispatcher: RabbitmqDispatcher) -> list[Receipt | BaseException]:
        sends = (dispatcher.send(delivery(target)) for target in targets)
        return await asyncio.gather(*sends, return_exceptions=True)

    results = with_dispatcher(work)
    assert {(type(r), getattr(r, "code", None)) for r in results} == {
        (RejectedError, "404 NOT_FOUND")
    }


def test_killed_under_many_none_falsely_succeeds(rabbitmq_broker: RabbitNode) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    proxy = proxied(rabbitmq_broker, b"message-150-", 1)
    target = Rabbitmq(url=f"amqp://guest:guest@127.0.0.1:{proxy.port}/", queue=queue)

    async def work(dispatcher: RabbitmqDispatcher) -> list[Receipt | BaseException]:
        sends = (dispatcher.send(delivery(target, f"message-{n}-" + "." * 999)) for n in range(300))
        return await asyncio.gather(*sends, return_exceptions=True)

    results = with_dispatcher(work)
    proxy.stop()
    arrived = {body.partition(b".")[0] for _, _, body in take_all(rabbitmq_broker.url, queue, 0)}
    assert any(isinstance(result, UnreachableError) for result in results)
    for number, result in enumerate(results):
        assert isinstance(result, Receipt | UnreachableError)
        if isinstance(result, Receipt):
            assert f"message-{number}-".encode() in arrived


def test_patience_of_one_sender_is_not_that_of_another(silent_port: int) -> None:
    silent = Rabbitmq(url=f"amqp://guest:guest@127.0.0.1:{silent_port}/", queue="q")

    async def attempt(dispatcher: RabbitmqDispatcher, limit: float) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(limit):
                await dispatcher.send(delivery(silent, timeout=limit))
        return loop.time() - began

    async def work(dispatcher: RabbitmqDispatcher) -> tuple[float, float]:
        return await asyncio.gather(attempt(dispatcher, 0.2), attempt(dispatcher, 0.6))

    short, long = with_dispatcher(work)
    assert (round(short, 1), round(long, 1)) == (0.2, 0.6)


def counts(url: str, queue: str, least: int) -> Counter[bytes]:
    """How often each message has arrived."""
    return Counter(body for _, _, body in take_all(url, queue, least))


@pytest.mark.parametrize(
    "bad",
    [
        {"user_id": "eve"},
        {"headers": {"CC": "not a list"}},
        {"headers": {"BCC": 5}},
        {"headers": {"large": "x" * 140_000}},
    ],
    ids=["user_id", "CC", "BCC", "large headers"],
)
def test_a_refused_message_takes_no_other_with_it(
    rabbitmq_broker: RabbitNode, bad: dict[str, Any]
) -> None:
    """The good ones arrive once each, also while the connection is used for the first time."""
    queue = declare_queue(rabbitmq_broker.url)
    good = Rabbitmq(url=rabbitmq_broker.url, queue=queue)
    refused = Rabbitmq(url=rabbitmq_broker.url, queue=queue, **bad)

    async def work(dispatcher: RabbitmqDispatcher) -> list[Receipt | BaseException]:
        sends = []
        for number in range(60):
            target = refused if number % 3 == 1 else good
            sends.append(dispatcher.send(delivery(target, f"{number}")))
        return await asyncio.gather(*sends, return_exceptions=True)

    results = with_dispatcher(work)
    wanted = {str(number).encode(): 1 for number in range(60) if number % 3 != 1}
    assert counts(rabbitmq_broker.url, queue, len(wanted)) == wanted
    for number, result in enumerate(results):
        assert isinstance(result, RejectedError if number % 3 == 1 else Receipt), result


def test_topic_permissions_refuse_the_one_message_only(rabbitmq_broker: RabbitNode) -> None:
    """Who may write to some routing keys only loses nothing else over another."""
    node = rabbitmq_broker
    name, queue = f"u{uuid.uuid4().hex[:8]}", declare_queue(node.url)
    with bare_channel(node.url) as channel:
        channel.queue_bind(queue, "amq.topic", f"{name}.#")
    node.control("add_user", name, "pw")
    node.control("set_permissions", name, "", ".*", "")
    node.control("set_topic_permissions", name, "amq.topic", f"^{name}\\.mine", "")
    url = node.url.replace("guest:guest", f"{name}:pw")

    async def work(dispatcher: RabbitmqDispatcher) -> list[Receipt | BaseException]:
        keys = [f"{name}.{'mine' if number % 4 else 'other'}" for number in range(80)]
        targets = [Rabbitmq(url=url, exchange="amq.topic", routing_key=key) for key in keys]
        await dispatcher.send(delivery(targets[1], "first"))
        sends = [dispatcher.send(delivery(each, f"{n}")) for n, each in enumerate(targets)]
        return await asyncio.gather(*sends, return_exceptions=True)

    results = with_dispatcher(work)
    node.control("delete_user", name)
    wanted = {b"first": 1} | {str(number).encode(): 1 for number in range(80) if number % 4}
    assert counts(node.url, queue, len(wanted)) == wanted
    for number, result in enumerate(results):
        assert isinstance(result, Receipt if number % 4 else RejectedError), result


def test_an_exchange_deleted_under_many_is_reported_as_it_is(rabbitmq_broker: RabbitNode) -> None:
    """What was in flight then may have arrived: it is not sent again in silence."""
    queue, exchange = declare_queue(rabbitmq_broker.url), f"e-{uuid.uuid4().hex[:12]}"
    target = Rabbitmq(url=rabbitmq_broker.url, exchange=exchange)
    with bare_channel(rabbitmq_broker.url) as channel:
        channel.exchange_declare(exchange, "fanout")
        channel.queue_bind(queue, exchange)

        async def work(dispatcher: RabbitmqDispatcher) -> list[Receipt | BaseException]:
            await dispatcher.send(delivery(target, "first"))
            sends = [dispatcher.send(delivery(target, f"{n}")) for n in range(2000)]
            sending = asyncio.gather(*sends, return_exceptions=True)
            await asyncio.to_thread(channel.exchange_delete, exchange)
            return await sending

        results = with_dispatcher(work)
    arrived = counts(rabbitmq_broker.url, queue, 1)
    assert set(arrived.values()) == {1}
    for number, result in enumerate(results):
        if isinstance(result, Receipt):
            assert arrived[str(number).encode()] == 1
        else:
            assert isinstance(result, RejectedError | UnreachableError), result
            assert result.code == "404 NOT_FOUND"
    # Once it is known, the others are plainly refused.
    late = with_dispatcher(lambda dispatcher: ended(dispatcher, target))
    assert isinstance(late, RejectedError)


async def ended(dispatcher: RabbitmqDispatcher, target: Rabbitmq) -> Receipt | BaseException:
    (result,) = await asyncio.gather(dispatcher.send(delivery(target)), return_exceptions=True)
    return result
