"""Frames of HTTP/2 as bytes: GOAWAY is taken out of what the far side sends.

h2 takes it for the end of everything. It is not: requests that the far side has begun with are
answered yet (RFC 9113, 6.8), and servers send it in the midst of them.
"""

from msgspec import Struct

_HEAD = 9
_GOAWAY = 7
# Larger frames we have not allowed; h2 is to refuse them before they have come.
_LARGEST = 16 * 1024


class GoAway(Struct, frozen=True):
    """The far side's goodbye: the last request that it may answer, and why it goes."""

    last: int
    error: int


def without_goaways(begun: bytearray, data: bytes) -> tuple[bytes, list[GoAway]]:
    """Return the frames that are complete without GOAWAY, and what those say.

    `begun` is what has come of a frame that is not complete; it is kept up.
    """
    begun += data
    passed = bytearray()
    goaways: list[GoAway] = []
    while len(begun) >= _HEAD:
        length = int.from_bytes(begun[:3], "big")
        if length > _LARGEST:
            passed += begun
            begun.clear()
            break
        end = _HEAD + length
        if len(begun) < end:
            break
        if begun[3] == _GOAWAY and length >= 8:
            last, error = begun[_HEAD : _HEAD + 4], begun[_HEAD + 4 : _HEAD + 8]
            goaways.append(
                GoAway(int.from_bytes(last, "big") & 0x7FFFFFFF, int.from_bytes(error, "big"))
            )
        else:
            passed += begun[:end]
        del begun[:end]
    return bytes(passed), goaways
