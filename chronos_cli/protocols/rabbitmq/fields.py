"""How the properties of a message are written (AMQP 0-9-1, 4.2.6.1 and 4.2.5, RabbitMQ's types).

pika's own writer has no doubles, which a headers exchange needs to match a number with a
fraction: it is a double for every other client.
"""

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any

SHORT_LIMIT = 255
_LENGTH = struct.Struct(">I")


class Long(int):
    """A whole number that is written with 64 bits, however small it is."""


def encode_properties(properties: dict[str, Any]) -> bytes:
    """Return flags and fields of a content header; what is None or absent is left out.

    Raises ValueError, TypeError or struct.error for a value that does not fit its field.
    """
    flags, fields = 0, [b""]
    for position, (name, encode) in enumerate(_PROPERTIES):
        value = properties.get(name)
        if value is not None:
            flags |= 1 << (15 - position)
            fields.append(encode(value))
    fields[0] = struct.pack(">H", flags)
    return b"".join(fields)


def encode_short(text: str) -> bytes:
    """Return a short string; ValueError for one that is too long."""
    content = text.encode()
    if len(content) > SHORT_LIMIT:
        raise ValueError(f"longer than AMQP's {SHORT_LIMIT} bytes: {text[:40]!r}…")
    return bytes((len(content),)) + content


@lru_cache(maxsize=256)  # the names of headers are the same for all messages
def _encode_name(name: str) -> bytes:
    return encode_short(name)


def _encode_text(text: str) -> bytes:
    content = text.encode()
    return b"S" + _LENGTH.pack(len(content)) + content


def _encode_table(table: dict[str, Any]) -> bytes:
    return _counted([_encode_name(name) + _encode_value(value) for name, value in table.items()])


def _encode_value(value: Any) -> bytes:
    """Return the type and the value, each of YAML's types as the nearest one of AMQP."""
    for kind, encode in _VALUES:
        if isinstance(value, kind):
            return encode(value)
    raise TypeError(f"AMQP has no type for {type(value).__name__}")


def _encode_integer(value: int) -> bytes:
    is_short = -(2**31) <= value < 2**31
    return struct.pack(">ci", b"I", value) if is_short else struct.pack(">cq", b"l", value)


def _counted(parts: Iterable[bytes]) -> bytes:
    content = b"".join(parts)
    return _LENGTH.pack(len(content)) + content


def _encode_octet(number: int) -> bytes:
    return struct.pack(">B", number)


def _encode_timestamp(seconds: int) -> bytes:
    return struct.pack(">Q", seconds)


_VALUES: tuple[tuple[type | UnionType, Callable[[Any], bytes]], ...] = (
    (str, _encode_text),
    (bool, lambda truth: b"t\1" if truth else b"t\0"),  # before the integers, which it is one of
    (Long, lambda number: struct.pack(">cq", b"l", number)),  # before them, for the same reason
    (int, _encode_integer),
    (float, lambda number: struct.pack(">cd", b"d", number)),
    (NoneType, lambda _: b"V"),
    (dict, lambda table: b"F" + _encode_table(table)),
    (list | tuple, lambda items: b"A" + _counted(map(_encode_value, items))),
)
# In the order of their flags, from the highest bit on.
_PROPERTIES: tuple[tuple[str, Callable[[Any], bytes]], ...] = (
    ("content_type", encode_short),
    ("content_encoding", encode_short),
    ("headers", _encode_table),
    ("delivery_mode", _encode_octet),
    ("priority", _encode_octet),
    ("correlation_id", encode_short),
    ("reply_to", encode_short),
    ("expiration", encode_short),
    ("message_id", encode_short),
    ("timestamp", _encode_timestamp),
    ("type", encode_short),
    ("user_id", encode_short),
    ("app_id", encode_short),
)
