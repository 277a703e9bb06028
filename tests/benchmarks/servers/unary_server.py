"""A gRPC server that takes every call for `JobService/Execute` and answers it at once.

grpcio's own server costs as much CPU as the clients that are measured, and so would bound them.
This one reads frames of HTTP/2 (RFC 9113) and no headers: a call is whole when its stream ends.
It has no reflection.
"""

import asyncio
import time

from tests.benchmarks.servers.control import Arrivals, obey

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 4, 6, 8
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_HEAD = 9
# HPACK (RFC 7541) from the static table and literals: no state is kept on either side.
_RESPONSE = b"\x88\x0f\x10\x10application/grpc"
_TRAILERS = b"\x00\x0bgrpc-status\x010"
# ExecuteReply {accepted: true}, uncompressed, two bytes long.
_REPLY = b"\x00\x00\x00\x00\x02\x08\x01"


def _frame(kind: int, flags: int, stream: bytes, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream + payload


_CONNECTION = bytes(4)
# The window is opened once, for more than any benchmark sends.
_HELLO = _frame(_SETTINGS, 0, _CONNECTION, b"") + _frame(
    _WINDOW_UPDATE, 0, _CONNECTION, (2**30).to_bytes(4, "big")
)


class _Connection(asyncio.Protocol):
    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._buffer = b""
        self._greeted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_HELLO)

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data
        start = 0
        if not self._greeted:
            if len(data) < len(_PREFACE):
                self._buffer = data
                return
            self._greeted, start = True, len(_PREFACE)
        answers = []
        while len(data) >= start + _HEAD:
            end = start + _HEAD + int.from_bytes(data[start : start + 3], "big")
            if len(data) < end:
                break
            answers.append(self._answer(data[start:end]))
            start = end
        self._buffer = data[start:]
        self._transport.write(b"".join(answers))

    def _answer(self, frame: bytes) -> bytes:
        kind, flags, stream = frame[3], frame[4], frame[5:_HEAD]
        if kind in {_DATA, _HEADERS} and flags & _END_STREAM:
            self._arrivals.add(time.time())
            return (
                _frame(_HEADERS, _END_HEADERS, stream, _RESPONSE)
                + _frame(_DATA, 0, stream, _REPLY)
                + _frame(_HEADERS, _END_HEADERS | _END_STREAM, stream, _TRAILERS)
            )
        if kind in {_SETTINGS, _PING} and not flags & _ACK:
            return _frame(kind, _ACK, stream, frame[_HEAD:] if kind == _PING else b"")
        return b""


async def _serve() -> None:
    arrivals = Arrivals()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(arrivals), "127.0.0.1", 0)
    await obey(server.sockets[0].getsockname()[1], arrivals)


if __name__ == "__main__":
    asyncio.run(_serve())
