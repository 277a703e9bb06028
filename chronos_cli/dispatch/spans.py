"""What a protocol tells of a message to those who collect traces."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct


class MessageSpan(Struct, frozen=True, kw_only=True):
    """The span of one attempt, by the semantic conventions of OpenTelemetry.

    `name` holds nothing that differs from message to message. `kind` is `client` where the far
    side answers, `producer` where a broker takes the message for others, and `internal` where
    nothing is sent.
    """

    name: str
    kind: Literal["client", "internal", "producer"] = "client"
    attributes: Mapping[str, str | int] = {}
