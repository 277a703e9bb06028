"""What a topic's configuration says of the messages that it takes."""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from chronos_cli.dispatch.steps import Step
from chronos_cli.errors import RejectedError
from chronos_cli.protocols.kafka.asking import Asking
from chronos_cli.protocols.kafka.target import KafkaTarget

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

# Bytes that every batch has besides its messages (KIP-98).
_BATCH = 61
_COMPACT = "compact"
# Of librdkafka, for each message before it is compressed.
_OWN_LIMIT, _OWN_DEFAULT = "message.max.bytes", 1_000_000


class TopicLimits(Struct, frozen=True):
    """What is known of a topic's configuration; nothing without the right to read it."""

    is_known: bool = False
    min_in_sync: int = 1
    max_bytes: int | None = None
    is_compacted: bool = False

    def judge(self, step: Step, message: Mapping[str, Any], target: KafkaTarget) -> None:
        """Note the size of a message; raises RejectedError for one that cannot be sent."""
        if self.is_compacted and message["key"] is None:
            words = f"the topic is compacted, and takes no message without a key ({target.topic})"
            raise RejectedError(words, code="INVALID_RECORD")
        size = _size(message)
        own = _number(str(target.properties.get(_OWN_LIMIT, ""))) or _OWN_DEFAULT
        _check_size(size, own, f"{_OWN_LIMIT} allows")
        # How large it is once it is compressed is not known before.
        if self.max_bytes is not None and target.compression == "none":
            _check_size(_BATCH + size, self.max_bytes, f"the topic {target.topic} takes")
        step.message = f"{size} bytes"
        if not self.is_known:
            step.message += "; not known: we may not read the topic's configuration"


async def topic_limits(asking: Asking, topic: str) -> TopicLimits:
    """Ask for a topic's configuration, which takes a right of its own; raises DispatchError."""
    from confluent_kafka.admin._config import ConfigResource  # whence the package has them
    from confluent_kafka.admin._resource import ResourceType

    def question(client: "AdminClient") -> "Future[Any]":
        resource = ConfigResource(ResourceType.TOPIC, topic)
        answer: Future[Any] = client.describe_configs([resource])[resource]
        return answer

    try:
        entries = await asking.answer(question)
    except RejectedError:
        return TopicLimits()
    texts = {name: str(entry.value) for name, entry in entries.items()}
    return TopicLimits(
        is_known=True,
        min_in_sync=_number(texts.get("min.insync.replicas")) or 1,
        max_bytes=_number(texts.get("max.message.bytes")),
        is_compacted=_COMPACT in texts.get("cleanup.policy", ""),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _check_size(size: int, most: int, whose: str) -> None:
    if size > most:
        words = f"the message is too large: {size} bytes, and {whose} {most}"
        raise RejectedError(words, code="MSG_SIZE_TOO_LARGE")


def _size(message: Mapping[str, Any]) -> int:
    """Return the bytes of a message without those that the protocol adds to each part."""
    parts = [message["key"], message["value"]]
    for name, value in message["headers"]:
        parts += [name.encode(), value]
    return sum(len(part) for part in parts if part is not None)
