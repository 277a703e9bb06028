"""Many acknowledged messages with confluent-kafka: kafka_many BROKERS TOPIC COUNT CONCURRENCY.

Delivery reports are served by one thread and handed to the event loop.
"""

import asyncio
import threading
from typing import Any

from confluent_kafka import KafkaException, Producer

from tests.benchmarks.bare.workers import at_once, main


def _settle(report: "asyncio.Future[None]", error: Any) -> None:
    if error:
        report.set_exception(KafkaException(error))
    else:
        report.set_result(None)


async def script(brokers: str, topic: str, count: str, concurrency: str) -> None:
    loop = asyncio.get_running_loop()
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 0})
    done = threading.Event()

    def poll() -> None:
        while not done.is_set():
            producer.poll(0.1)

    async def send(number: int) -> None:
        report: asyncio.Future[None] = loop.create_future()

        def hand_over(error: Any, _: Any) -> None:
            loop.call_soon_threadsafe(_settle, report, error)

        body = b'{"report": "daily", "number": %d}' % number
        producer.produce(topic, body, b"%d" % number, on_delivery=hand_over)
        await report

    poller = threading.Thread(target=poll)
    poller.start()
    try:
        await at_once(int(count), int(concurrency), send)
    finally:
        done.set()
        poller.join()


main(script)
