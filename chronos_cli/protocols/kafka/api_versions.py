"""The request that every broker answers, before a login too: ApiVersions, version 0 (KIP-35).

Its answer is looked at closely. What does not speak Kafka is told by its first bytes.
"""

import struct

from chronos_cli.errors import UnreachableError
from chronos_cli.protocols.greeting import speaks

_CORRELATION = 0x43484F4E
_NAME = b"chronos"
# Length; then key, version, correlation ID and client ID (header version 1).
_HEADER = struct.pack(f">hhih{len(_NAME)}s", 18, 0, _CORRELATION, len(_NAME), _NAME)
REQUEST = struct.pack(">i", len(_HEADER)) + _HEADER

# Correlation ID, error code, how many; then key, lowest and highest version of each request.
_HEAD, _RANGE = struct.Struct(">ihi"), struct.Struct(">hhh")
# Bytes of the length, and of an answer: today's brokers have some ninety requests.
LENGTH, _LARGEST = 4, 64 * 1024
_PRODUCE, _METADATA = 0, 3


def length_of_answer(beginning: bytes, where: str) -> int:
    """Return how long the answer is that begins so; raises UnreachableError when it is none."""
    if found := speaks(beginning):
        words = f"speaks {found}, not Kafka"
        if found == "TLS":
            words = "answers with TLS; does this port want TLS?"
        raise _not_kafka(words, where)
    length = int.from_bytes(beginning, signed=True)
    if not _HEAD.size <= length <= _LARGEST:
        raise _not_kafka("does not speak Kafka", where)
    return length


def check_answer(answer: bytes, where: str) -> None:
    """Raise UnreachableError unless a broker could have answered so, and takes messages."""
    correlation, error, count = _HEAD.unpack_from(answer)
    if correlation != _CORRELATION:
        raise _not_kafka("answers what was not asked", where)
    if error:
        raise _not_kafka(f"answers ApiVersions with error {error}", where)
    ranges = answer[_HEAD.size :]
    if count < 1 or len(ranges) != count * _RANGE.size:
        raise _not_kafka("answers ApiVersions as no broker of Kafka does", where)
    known = {key for key, lowest, highest in _RANGE.iter_unpack(ranges) if lowest <= highest}
    if not known >= {_PRODUCE, _METADATA}:
        raise _not_kafka("takes no messages; is it a controller?", where)


def _not_kafka(words: str, where: str) -> UnreachableError:
    return UnreachableError(f"the far side {words} ({where})", code="PROTOCOL")
