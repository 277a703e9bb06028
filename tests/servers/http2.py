"""A server of HTTP/2 in the test's own loop, whose manners are a function of the test."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded
from hyperframe.frame import GoAwayFrame, RstStreamFrame


class Peer(asyncio.Protocol):
    """One connection; `behave` is called for each request that is whole, or with `early` begun."""

    def __init__(self, behave: Callable[["Peer", int], None], *, early: bool = False) -> None:
        self._behave = behave
        self._moment = RequestReceived if early else StreamEnded
        self.h2 = H2Connection(H2Configuration(client_side=False))
        self.paths: dict[int, str] = {}
        self.resets: list[int] = []
        self._frames = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.h2.initiate_connection()
        self.flush()

    def data_received(self, data: bytes) -> None:
        self._note_resets(data)
        for event in self.h2.receive_data(data):
            if isinstance(event, RequestReceived):
                self.paths[event.stream_id] = dict(event.headers)[b":path"].decode()
            if isinstance(event, self._moment):
                self._behave(self, event.stream_id)
        self.flush()

    def _note_resets(self, data: bytes) -> None:
        """Note RST_STREAM, also of streams that are over; h2 keeps quiet of these."""
        self._frames += data.removeprefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        while len(self._frames) >= 9 and len(self._frames) >= (end := 9 + self._length()):
            if self._frames[3] == RstStreamFrame.type:
                self.resets.append(int.from_bytes(self._frames[5:9], "big"))
            self._frames = self._frames[end:]

    def _length(self) -> int:
        return int.from_bytes(self._frames[:3], "big")

    def answer(self, number: int) -> None:
        self.h2.send_headers(number, [(":status", "200")])
        self.h2.send_data(number, self.paths[number].encode(), end_stream=True)
        self.flush()

    def go_away(self, last: int, error: int = 0) -> None:
        self.flush()
        self.transport.write(GoAwayFrame(0, last_stream_id=last, error_code=error).serialize())

    def refuse(self, number: int, error: int) -> None:
        self.flush()
        self.transport.write(RstStreamFrame(number, error_code=error).serialize())

    def flush(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self.h2.data_to_send())


@asynccontextmanager
async def serving_http2(
    behave: Callable[[Peer, int], None], context: ssl.SSLContext, *, early: bool = False
) -> AsyncIterator[str]:
    context.set_alpn_protocols(["h2"])
    peers: list[Peer] = []

    def accepted() -> Peer:
        peers.append(Peer(behave, early=early))
        return peers[-1]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(accepted, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for peer in peers:
            peer.transport.abort()
