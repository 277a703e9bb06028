"""A Kafka to try jobs against: librdkafka's mock cluster, in this process.

It has neither TLS nor logins, keeps its messages in memory, and creates topics as they are asked
for. Other processes can reach it while this one lives.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Producer

_START_LIMIT = 5.0
_ASK_LIMIT = 1.0


class MockKafka:
    """A cluster that lives until it is closed. Importing this needs no client; starting does."""

    def __init__(self, brokers: int = 1) -> None:
        self._count = brokers
        self._cluster: Producer | None = None
        self.address = ""

    def start(self) -> str:
        """Start the cluster and return the addresses of its brokers, with commas.

        Blocks for some milliseconds. Raises RuntimeError when it does not come up.
        """
        from confluent_kafka import KafkaException, Producer

        self._cluster = Producer({"test.mock.num.brokers": self._count, "log_level": 0})
        try:
            brokers = self._cluster.list_topics(timeout=_START_LIMIT).brokers.values()
        except KafkaException as error:
            self.close()
            raise RuntimeError(f"the mock cluster does not answer: {error}") from error
        self.address = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        return self.address

    def count(self, topic: str) -> int:
        """Return how many messages a topic has; 0 when nobody has asked for it yet. Blocks."""
        from confluent_kafka import TopicPartition

        assert self._cluster is not None
        known = self._cluster.list_topics(timeout=_ASK_LIMIT).topics.get(topic)
        if known is None or known.error is not None:
            return 0
        consumer = self._consumer()
        try:
            marks = [
                consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_ASK_LIMIT)
                for number in known.partitions
            ]
        finally:
            consumer.close()
        return sum(high - low for low, high in (mark for mark in marks if mark))

    def close(self) -> None:
        """End the cluster; its messages are gone."""
        self._cluster = None

    def _consumer(self) -> "Consumer":
        from confluent_kafka import Consumer

        return Consumer(
            {"bootstrap.servers": self.address, "group.id": "chronos-demo", "log_level": 0}
        )
