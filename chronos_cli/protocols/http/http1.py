"""HTTP/1.1 (RFC 9112) on one connection: one request at a time.

A plain answer is read at once, any other by h11.
"""

import asyncio
from functools import lru_cache

import h11

from chronos_cli.errors import DispatchError
from chronos_cli.protocols.http.errors import AgainError, RequestError, ResponseError
from chronos_cli.protocols.http.plain import plain_answer
from chronos_cli.protocols.http.request import Headers, Outgoing
from chronos_cli.protocols.http.response import Answer, AnswerReader
from chronos_cli.protocols.http.syntax import is_header_name
from chronos_cli.protocols.http.url import place
from chronos_cli.protocols.http.wire import Receiver, Wire

# Of one head, trailers too, no more is read, in bytes.
_MAX_HEAD = 100 * 1024
# Bytes that tell what it speaks.
_LONGEST_FIRST = 16
_WITHOUT_TLS = "Is this a port of HTTP, and without TLS?"
# Interim responses (1xx) to one request.
_MAX_INTERIM = 100


class Http1Connection(Receiver):
    """A connection that speaks HTTP/1.1.

    `users` are the requests that it carries now, `sharing` is how many it can carry at a time;
    `is_spoilt` means that it takes no further ones.

    `forwarding` are the headers for a proxy that is to send the requests on; None where the far
    side itself, or a tunnel to it, is connected to.
    """

    sharing = 1

    def __init__(self, wire: Wire, forwarding: Headers | None = None) -> None:
        self.wire = wire
        self.users = 0
        self._forwarding = forwarding
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
        self._answer: asyncio.Future[Answer] | None = None
        self._reader: AnswerReader | None = None
        self._method = ""
        self._is_parsing = False  # the answer is no plain one
        self._interim = 0
        self._is_kept = False  # it has served before
        self._has_begun = False  # something of the answer has come
        self._first = b""  # what came first from the far side, ever
        self.is_spoilt = False  # it cannot serve again
        wire.give_to(self)

    def is_usable(self) -> bool:
        """Whether another request can be sent: nothing more came, and the far side is there."""
        return not self.is_spoilt and self.wire.still_stands() and not self.is_spoilt

    async def exchange(self, request: Outgoing) -> Answer:
        """Send a request and return its answer.

        Raises one of FAILURES, AgainError when the far side had ended a kept connection, and
        UnreachableError for a body that cannot be unpacked. Whatever is raised, cancellation
        too, ends the connection.
        """
        self._answer = asyncio.get_running_loop().create_future()
        self._reader, self._has_begun, self._interim = None, False, 0
        self._method, self._is_parsing = request.method, False
        try:
            message = self._encoded(request)
            if self.is_spoilt:
                raise self.wire.failure or _spoilt(self.wire)
            self.wire.write(message)
            answer = await self._answer
        except (OSError, ResponseError, h11.RemoteProtocolError) as error:
            self._drop()
            if self._is_kept and not self._has_begun:
                raise AgainError(error) from error
            if not self._is_kept and (found := _mixed_up(self._first)):
                raise ResponseError(found) from error
            if not self._first and isinstance(error, ResponseError) and not self.wire.is_tls:
                raise ResponseError(f"{error} {_WITHOUT_TLS}") from error
            raise
        except BaseException:
            self._drop()
            raise
        if answer.status == 408 and self._is_kept and self.is_spoilt:
            # It means the wait for a request, which was on its way (RFC 9110, 15.5.9).
            raise AgainError(ResponseError("408"))
        self._is_kept = True
        return answer

    def close(self) -> None:
        """End the connection."""
        self.is_spoilt = True
        self.wire.close()

    # What the wire calls.

    def received(self, data: bytes) -> None:
        """Take bytes of the answer; any beside it spoil the connection."""
        if self._answer is None or self._answer.done():
            self.is_spoilt = True
            return
        self._first = self._first or data[:_LONGEST_FIRST]
        self._has_begun = True
        self._parse(data)

    def ended(self, error: Exception | None) -> None:
        """Take note of the end, which may be that of a body."""
        self.is_spoilt = True
        if self._answer is None or self._answer.done():
            return
        if error is not None:
            self._fail(error)
        elif not self._has_begun:
            self._fail(_silent())
        else:
            self._parse(b"")

    def _encoded(self, request: Outgoing) -> bytes:
        """Return a request as bytes."""
        where = place(request.url)
        headers = request.head(where)
        target = where.target
        if self._forwarding is not None:
            target = where.absolute
            headers = [*self._forwarding, *headers]
        message = written(request.method, target, headers)
        return message + request.body.content if request.body is not None else message

    def _parse(self, data: bytes) -> None:
        try:
            if not self._is_parsing and (answer := plain_answer(self._method, data)) is not None:
                self._settle(answer)
                return
            self._announce()
            self._parser.receive_data(data)
            while self._answer is not None and not self._answer.done():
                event = self._parser.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                self._take(event)
        except (h11.RemoteProtocolError, ResponseError, DispatchError) as error:
            self._fail(error)

    def _announce(self) -> None:
        """Let the parser know, once, which kind of answer follows."""
        if not self._is_parsing:
            self._is_parsing = True
            self._parser.send(_announcement(self._method))
            self._parser.send(h11.EndOfMessage())

    def _take(self, event: object) -> None:
        if isinstance(event, h11.Response):
            version = f"HTTP/{event.http_version.decode('ascii')}"
            reason = event.reason.decode("ascii", errors="ignore")
            self._reader = AnswerReader(event.status_code, reason, version, event.headers)
        elif isinstance(event, h11.InformationalResponse):
            self._interim += 1
            if self._interim > _MAX_INTERIM:
                raise ResponseError(f"more than {_MAX_INTERIM} interim responses")
        elif isinstance(event, h11.Data) and self._reader is not None:
            if not self._reader.feed(bytes(event.data)):
                self.is_spoilt = True
                self._finish()
        elif isinstance(event, h11.EndOfMessage):
            self._finish()
        elif isinstance(event, h11.ConnectionClosed):
            raise _silent()

    def _finish(self) -> None:
        if self._reader is None or self._answer is None:
            raise ResponseError("a body without a head")
        answer = self._reader.answer()
        if self.wire.was_cut and answer.is_whole:
            raise ResponseError("TLS was broken off, so the body may be cut")
        is_done = self._parser.our_state is h11.DONE and self._parser.their_state is h11.DONE
        if not is_done or self._parser.trailing_data[0]:
            self.is_spoilt = True
        self._settle(answer)
        if not self.is_spoilt:
            self._parser.start_next_cycle()

    def _settle(self, answer: Answer) -> None:
        """Hand the answer over; one that came before all was sent is the last."""
        self.is_spoilt = self.is_spoilt or self.wire.has_unsent
        if self._answer is not None:
            self._answer.set_result(answer)

    def _fail(self, error: Exception) -> None:
        self.is_spoilt = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def _drop(self) -> None:
        self.is_spoilt = True
        self.wire.abort()


def written(method: str, target: str, headers: Headers) -> bytes:
    """Return the head of a request (RFC 9112, 2.1); raises RequestError, which quotes no value.

    h11 would write it as well, and take a third of the whole request's time to look at each
    header by regular expressions.
    """
    for name, value in headers:
        if not is_header_name(name) or not _is_header_value(value):
            raise RequestError(f"the header {name[:40]!r} cannot be sent")
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _is_header_value(value: str) -> bool:
    """Whether a text has no control character but tabs, and no blanks around it."""
    is_line = value.isprintable() or value.replace("\t", " ").isprintable()
    return is_line and value == value.strip(" \t")


@lru_cache(maxsize=64)
def _announcement(method: str) -> h11.Request:
    """Return what the parser must know of a request: to some methods the answers have no body."""
    return h11.Request(method=method, target="/", headers=[("Host", "far")])


def _mixed_up(first: bytes) -> str | None:
    """Return what to say of a far side that speaks something else than HTTP/1."""
    if first.startswith(b"HTTP"):
        return None
    from chronos_cli.protocols.greeting import mixed_up  # only on failure

    found = mixed_up(first, "HTTP")
    return f"{found}; write https://" if found and "TLS, not" in found else found


def _spoilt(wire: Wire) -> ResponseError:
    """Return why a connection cannot be used that nobody has used yet."""
    if wire.has_ended:
        return _silent()
    return ResponseError("the far side spoke before it was asked")


def _silent() -> ResponseError:
    return ResponseError("Server disconnected without sending a response.")
