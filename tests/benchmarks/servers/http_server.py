"""An HTTP/1.1 server that answers at once: far quicker than any client that is measured."""

import asyncio
import time

from tests.benchmarks.servers.control import Arrivals, obey

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
_REFUSAL = b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_LENGTH, _SCHEDULED = b"\r\ncontent-length: ", b"\r\nx-chronos-scheduled-time: "


class _Connection(asyncio.Protocol):
    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            if b"\r\ntransfer-encoding:" in head:  # no client here sends chunks
                self._transport.write(_REFUSAL)
                self._transport.close()
                return
            whole = end + 4 + int(_value(head, _LENGTH) or 0)
            if len(self._buffer) < whole:
                return
            self._buffer = self._buffer[whole:]
            self._arrivals.add(time.time(), _value(head, _SCHEDULED).decode().upper())
            self._transport.write(_ANSWER)


def _value(head: bytes, name: bytes) -> bytes:
    return head.partition(name)[2].partition(b"\r\n")[0]


async def _serve() -> None:
    arrivals = Arrivals()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(arrivals), "127.0.0.1", 0, backlog=4096)
    await obey(server.sockets[0].getsockname()[1], arrivals)


if __name__ == "__main__":
    asyncio.run(_serve())
