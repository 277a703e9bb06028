"""A tunnel through a proxy (CONNECT, RFC 9110, 9.3.6)."""

import asyncio

import h11

from chronos_cli.protocols.http.errors import ProxyError, ResponseError
from chronos_cli.protocols.http.request import Headers
from chronos_cli.protocols.http.wire import Receiver, Wire

_MAX_HEAD = 100 * 1024


async def open_tunnel(wire: Wire, target: str, headers: Headers) -> None:
    """Ask a proxy for a tunnel to `target`, host and port; raises one of FAILURES."""
    opening = _Opening()
    wire.give_to(opening)
    wire.write(opening.request(target, headers))
    await opening.done
    wire.give_to(None)


class _Opening(Receiver):
    """What the proxy answers."""

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)

    def request(self, target: str, headers: Headers) -> bytes:
        """Return the request as bytes."""
        written = [("Host", target), ("Accept", "*/*"), *headers]
        sent = self._parser.send(h11.Request(method="CONNECT", target=target, headers=written))
        return (sent or b"") + (self._parser.send(h11.EndOfMessage()) or b"")

    def received(self, data: bytes) -> None:
        """Take bytes of the answer; of a refusal the head is enough."""
        try:
            self._parser.receive_data(data)
            while not self.done.done():
                event = self._parser.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                if isinstance(event, h11.Response):
                    self._judge(event)
        except h11.RemoteProtocolError as error:
            self._settle(error)

    def ended(self, error: Exception | None) -> None:
        """Take note that there is no answer."""
        self._settle(error or ResponseError("the proxy disconnected without an answer"))

    def _judge(self, response: h11.Response) -> None:
        if not 200 <= response.status_code <= 299:
            reason = response.reason.decode("ascii", errors="ignore")
            self._settle(ProxyError(response.status_code, reason))
        elif self._parser.trailing_data[0]:
            self._settle(ResponseError("the proxy sent more than its answer"))
        else:
            self._settle(None)

    def _settle(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
