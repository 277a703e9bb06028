"""What a broker sends, cut into frames (AMQP 0-9-1, 4.2.3)."""

import struct
from collections.abc import Iterator

from pika import exceptions

# Bytes of a whole frame. We offer so many at login, and the broker may only want fewer.
LARGEST_FRAME = 131_072
# Type, channel, size of the payload; then the payload and one byte at its end.
_HEAD = struct.Struct(">BHI")
_HEADER_FRAME = 2
# Where the size of a message stands in its header frame: after class and weight.
_BODY_SIZE = struct.Struct(">Q")
_BODY_SIZE_AT = _HEAD.size + 4


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
