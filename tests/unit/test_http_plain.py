"""The answers that are read without h11: as it would read them, and no others."""

import gzip

import h11
import pytest

from chronos_cli.errors import UnreachableError
from chronos_cli.protocols.http.plain import plain_answer
from chronos_cli.protocols.http.response import MAX_BODY, Answer, AnswerReader

# Without the time: it stands in names of tests, which several processes have to agree on.
_PACKED = gzip.compress(b"packed", mtime=0)


def _by_h11(method: str, data: bytes) -> tuple[Answer, bytes]:
    """Return the answer as h11 reads it, and what comes behind it."""
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method=method, target="/", headers=[("Host", "far")]))
    parser.send(h11.EndOfMessage())
    parser.receive_data(data)
    head = parser.next_event()
    assert isinstance(head, h11.Response)
    version = f"HTTP/{head.http_version.decode()}"
    reader = AnswerReader(head.status_code, head.reason.decode(), version, head.headers)
    while isinstance(event := parser.next_event(), h11.Data):
        reader.feed(bytes(event.data))
    assert isinstance(event, h11.EndOfMessage)
    parser.start_next_cycle()  # raises unless the connection can be kept
    return reader.answer(), parser.trailing_data[0]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\nok",
        b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found Elsewhere\r\nLocation: /a: b\r\nContent-Length: 00\r\n\r\n",
        b"HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nX: 1\r\nx: 2\r\nContent-Length: 4\r\n\r\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\n\xff",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
        % (len(_PACKED), _PACKED),
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (MAX_BODY, b"x" * MAX_BODY),
    ],
)
def test_plain_answers_are_read_as_h11_does(data: bytes) -> None:
    assert (plain_answer("POST", data), b"") == _by_h11("POST", data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok!",
        b"HTTP/1.1 200 OK\r\nX: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0, 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: keep-alive\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive, close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX:\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: 1\r\n 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: \xc3\xa4\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\nX: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: 1\rY: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: %b\r\n\r\n" % (b"x" * 16_384),
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (MAX_BODY + 1, b"x" * (MAX_BODY + 1)),
        b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
)
def test_what_is_not_plain_is_left_to_h11(data: bytes) -> None:
    assert plain_answer("POST", data) is None


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: today\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
    ],
)
def test_nothing_that_is_cut_is_an_answer(data: bytes) -> None:
    assert plain_answer("POST", data) is not None
    for length in range(len(data)):
        assert plain_answer("POST", data[:length]) is None, data[:length]


@pytest.mark.parametrize("method", ["HEAD", "CONNECT"])
def test_methods_whose_answers_have_no_body(method: str) -> None:
    assert plain_answer(method, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") is None


@pytest.mark.parametrize("body", [b"no gzip", _PACKED[:-4]])
def test_broken_compression_is_no_success(body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with pytest.raises(UnreachableError, match="gzip is broken"):
        plain_answer("POST", head + body)
