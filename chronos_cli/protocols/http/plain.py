"""The answer that most far sides give: whole in one piece, of a known length, and nothing special.

h11 takes longer for an answer than all else that is done for it. What has any other form than
this one is left to h11, which also says what is wrong with it.
"""

import re
from functools import cache

from chronos_cli.protocols.http.response import MAX_BODY, Answer, AnswerReader

# RFC 9112, without what it only tolerates: folded lines, blanks around, letters beyond ASCII.
_STATUS_LINE = rb"HTTP/1\.1 ([2-5][0-9]{2}) ([ -~]*)"
_HEADER = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+: ?[!-~](?:[ -~]*[!-~])?"
_LONGEST_HEAD = 16 * 1024
_MOST_DIGITS = 6
# With these a length says nothing of a body (RFC 9112, 6.3).
_BODILESS_METHODS = frozenset({"HEAD", "CONNECT"})
_BODILESS = frozenset({204, 304})


def plain_answer(method: str, data: bytes) -> Answer | None:
    """Return the answer to a method that `data` is, exactly; None for any other than a plain one.

    Raises UnreachableError when its compression is broken.
    """
    head, end_of_head, body = data.partition(b"\r\n\r\n")
    if not end_of_head or method in _BODILESS_METHODS:
        return None  # what is cut amid its head may look like a whole one without a body
    if len(head) > _LONGEST_HEAD or len(body) > MAX_BODY:
        return None
    found = _head().fullmatch(head)
    if found is None or (status := int(found[1])) in _BODILESS:
        return None
    headers = [_header(line) for line in found[3].split(b"\r\n")[1:]]
    if _length(headers) != len(body):
        return None
    reader = AnswerReader(status, found[2].decode("ascii"), "HTTP/1.1", headers)
    reader.feed(body)
    return reader.answer()


@cache
def _head() -> re.Pattern[bytes]:
    return re.compile(rb"%b((?:\r\n%b)+)" % (_STATUS_LINE, _HEADER))


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.lower(), value.strip()


def _length(headers: list[tuple[bytes, bytes]]) -> int | None:
    """Return how long the body is; None where that, or what comes after it, is not plain."""
    length = None
    for name, value in headers:
        if name == b"content-length":
            if length is not None or not value.isdigit() or len(value) > _MOST_DIGITS:
                return None
            length = int(value)
        elif name == b"transfer-encoding" or _is_last(name, value):
            return None
    return length


def _is_last(name: bytes, value: bytes) -> bool:
    """Whether a header may say that the connection takes no further request."""
    return name == b"connection" and value.lower() != b"keep-alive"
