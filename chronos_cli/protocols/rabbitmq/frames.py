"""Frames: what a broker sends is cut into them, and a message written (AMQP 0-9-1, 4.2.3)."""

import struct
from collections.abc import Iterator

from pika import exceptions

from chronos_cli.protocols.rabbitmq.fields import encode_properties, encode_short
from chronos_cli.protocols.rabbitmq.message import Message

# Bytes of a whole frame. We offer so many at login, and the broker may only want fewer.
LARGEST_FRAME = 131_072
# Type, channel, size of the payload; then the payload and one byte at its end.
_HEAD = struct.Struct(">BHI")
_METHOD_FRAME, _HEADER_FRAME, _BODY_FRAME = 1, 2, 3
_END = b"\xce"
# Class and method of Basic.Publish, and a field that is not used; class, weight, size of the body.
_PUBLISH, _CONTENT = struct.pack(">HHH", 60, 40, 0), struct.Struct(">HHQ")
_BASIC = 60
# Where the size of a message stands in its header frame: after class and weight.
_BODY_SIZE = struct.Struct(">Q")
_BODY_SIZE_AT = _HEAD.size + 4


def message_frames(channel: int, message: Message, most: int) -> bytes:
    """Return a message as it is written to a channel; `most` bytes fit a frame's payload.

    pika's own way makes four objects and as many pieces of it, for three times the time. Raises
    what `encode_properties` raises, and ValueError for properties that do not fit a frame: the
    broker would close the connection, and with it all that is in flight there.
    """
    body, properties = message.body, encode_properties(message.properties)
    if _CONTENT.size + len(properties) > most:
        size, most = len(properties), most - _CONTENT.size
        raise ValueError(f"headers and properties of {size} bytes; at most {most} fit a frame")
    where = encode_short(message.exchange) + encode_short(message.routing_key)
    pieces = [
        *_frame(_METHOD_FRAME, channel, _PUBLISH + where + bytes((message.mandatory,))),
        *_frame(_HEADER_FRAME, channel, _CONTENT.pack(_BASIC, 0, len(body)) + properties),
    ]
    for start in range(0, len(body), most):
        pieces += _frame(_BODY_FRAME, channel, body[start : start + most])
    return b"".join(pieces)


def _frame(kind: int, channel: int, payload: bytes) -> tuple[bytes, bytes, bytes]:
    return _HEAD.pack(kind, channel, len(payload)), payload, _END


class FrameBuffer:
    """Holds what has arrived until it makes whole frames, which it gives away one by one.

    pika's own buffer copies all the rest for each frame of it: a quarter of a second of time for
    each read that is full of heartbeats. It waits for frames, and messages, of any size.
    """

    def __init__(self) -> None:
        self.largest_body = 0
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        """Take in what has arrived."""
        self._data += data

    def frames(self) -> Iterator[bytes]:
        """Take out frame after frame, as long as there is a whole one.

        Raises ProtocolSyntaxError for a frame larger than agreed on, and for a message larger
        than `largest_body`: the broker can only send back what it got.
        """
        data = self._data
        while len(data) >= _HEAD.size:
            kind, _, size = _HEAD.unpack_from(data)
            end = _HEAD.size + size + 1
            if end > LARGEST_FRAME:
                raise exceptions.ProtocolSyntaxError(f"a frame of {end} bytes")
            if end > len(data):
                return
            frame = bytes(data[:end])
            del data[:end]
            if kind == _HEADER_FRAME and end > _BODY_SIZE_AT + _BODY_SIZE.size:
                self._check_body(frame)
            yield frame

    def _check_body(self, frame: bytes) -> None:
        (size,) = _BODY_SIZE.unpack_from(frame, _BODY_SIZE_AT)
        if size > self.largest_body:
            raise exceptions.ProtocolSyntaxError(f"a message of {size} bytes, which nobody sent")
