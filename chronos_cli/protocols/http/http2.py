"""HTTP/2 (RFC 9113) on one connection: several requests at a time, by h2."""

import asyncio
from contextlib import suppress
from http import HTTPStatus

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    InformationalResponseReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import (
    H2Error,
    NoAvailableStreamIDError,
    StreamClosedError,
    TooManyStreamsError,
)
from h2.settings import SettingCodes

from chronos_cli.errors import DispatchError
from chronos_cli.protocols.http.errors import AgainError, Http1Error, RequestError, ResponseError
from chronos_cli.protocols.http.frames import GoAway, without_goaways
from chronos_cli.protocols.http.request import Headers, Outgoing
from chronos_cli.protocols.http.response import Answer, AnswerReader
from chronos_cli.protocols.http.url import place
from chronos_cli.protocols.http.wire import Receiver, Wire

# Requests that share one connection; servers allow a hundred or more.
_SHARING = 50
_MAX_INTERIM = 100
_KNOWN = frozenset(int(status) for status in HTTPStatus)
# What HTTP/2 says in its own way, and must not be sent (RFC 9113, 8.2.2).
_NOT_SENT = frozenset({"host", "connection", "keep-alive", "transfer-encoding", "upgrade", "te"})


class _Stream:
    """One request on its way, and what has come of its answer."""

    def __init__(self, unsent: bytes) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.unsent = memoryview(unsent)
        self.reader: AnswerReader | None = None
        self.interim = 0

    def fail(self, error: Exception) -> None:
        """End it with an error, unless it has ended."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Http2Connection(Receiver):
    """A connection that speaks HTTP/2; `users` and `is_spoilt` as of `Http1Connection`."""

    def __init__(self, wire: Wire) -> None:
        self.users = 0
        self.is_spoilt = False  # it takes no further requests
        self._wire = wire
        self._is_kept = False  # it has served before
        self._streams: dict[int, _Stream] = {}
        self._frames = bytearray()
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._h2.local_settings[SettingCodes.ENABLE_PUSH] = 0
        self._h2.initiate_connection()
        wire.write(self._h2.data_to_send())
        wire.give_to(self)

    @property
    def sharing(self) -> int:
        """How many requests it carries at the same time, by the far side's leave."""
        return max(1, min(_SHARING, self._h2.remote_settings.max_concurrent_streams))

    def is_usable(self) -> bool:
        """Whether another request can be sent: the far side is there, and has not said goodbye."""
        if self.is_spoilt or self.users >= self.sharing:
            return False
        return self._wire.still_stands() and not self.is_spoilt

    async def exchange(self, request: Outgoing) -> Answer:
        """Send a request and return its answer; see `Http1Connection.exchange`.

        AgainError also means that the far side has not begun to work on the request, and
        Http1Error that it wants HTTP/1.1 for it.
        """
        if self._wire.has_ended:
            raise self._wire.failure or _silent()
        stream = _Stream(request.body.content if request.body is not None else b"")
        number = self._begin(request, stream)
        try:
            answer = await stream.answer
        except (OSError, ResponseError) as error:
            if self._is_kept and stream.reader is None and not stream.interim:
                raise AgainError(error) from error
            raise
        finally:
            self._streams.pop(number, None)
            self._call_off(number)
        self._is_kept = True
        return answer

    def close(self) -> None:
        """End the connection."""
        self.is_spoilt = True
        self._wire.close()

    # What the wire calls.

    def received(self, data: bytes) -> None:
        """Take bytes of the answers."""
        data, goaways = without_goaways(self._frames, data)
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
        except H2Error as error:
            self._flush()
            self._break(ResponseError(str(error)))
            return
        for goaway in goaways:
            self._part(goaway)
        self._flush()

    def ended(self, error: Exception | None) -> None:
        """Take note of the end: no answer comes any more."""
        self._break(error or _silent())

    def _begin(self, request: Outgoing, stream: _Stream) -> int:
        try:
            number = self._h2.get_next_available_stream_id()
            headers = _headers(request)
            self._h2.send_headers(number, headers, end_stream=not stream.unsent)
            self._streams[number] = stream
            self._send_body(number, stream)
        except (TooManyStreamsError, NoAvailableStreamIDError) as error:
            raise AgainError(ResponseError(str(error))) from error
        except H2Error as error:
            raise RequestError(str(error)) from error
        self._flush()
        return number

    def _send_body(self, number: int, stream: _Stream) -> None:
        """Send as much of a body as the far side has room for."""
        while stream.unsent and not stream.answer.done():
            room = self._h2.local_flow_control_window(number)
            size = min(len(stream.unsent), room, self._h2.max_outbound_frame_size)
            if size <= 0:
                return
            part, stream.unsent = stream.unsent[:size], stream.unsent[size:]
            self._h2.send_data(number, bytes(part), end_stream=not stream.unsent)

    def _take(self, event: Event) -> None:
        if isinstance(event, (WindowUpdated, RemoteSettingsChanged)):
            for number, stream in list(self._streams.items()):
                # Of those that ended in the same piece of bytes, an event further on tells.
                with suppress(StreamClosedError):
                    self._send_body(number, stream)
            return
        if isinstance(event, DataReceived) and event.flow_controlled_length:
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        known = self._streams.get(getattr(event, "stream_id", None) or 0)
        if known is None or known.answer.done():
            return
        try:
            _advance(known, event)
        except (ResponseError, DispatchError) as error:
            known.fail(error)

    def _part(self, goaway: GoAway) -> None:
        """Take no further requests; those that the far side has not seen go elsewhere."""
        self.is_spoilt = True
        error = ResponseError(f"the far side ends the connection: {_code(goaway.error)}")
        for number, stream in self._streams.items():
            if goaway.error == ErrorCodes.HTTP_1_1_REQUIRED:
                stream.fail(Http1Error(error))
            elif number > goaway.last:
                stream.fail(AgainError(error))

    def _call_off(self, number: int) -> None:
        """Tell the far side that nothing more of a request is wanted, or will come."""
        try:
            self._h2.reset_stream(number, ErrorCodes.CANCEL)
        except H2Error:
            return  # it is over
        self._flush()

    def _break(self, error: Exception) -> None:
        self.is_spoilt = True
        for stream in self._streams.values():
            stream.fail(error)
        self._wire.abort()

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._wire.write(data)


def _headers(request: Outgoing) -> Headers:
    where = place(request.url)
    headers = request.head(where)
    host = next(value for name, value in headers if name.lower() == "host")
    return [
        (":method", request.method),
        (":authority", host),
        (":scheme", where.scheme),
        (":path", where.target),
        *((name.lower(), value) for name, value in headers if name.lower() not in _NOT_SENT),
    ]


def _advance(stream: _Stream, event: Event) -> None:
    """Take one event of a stream; raises ResponseError, UnreachableError."""
    if isinstance(event, ResponseReceived):
        stream.reader = _reader(event)
    elif isinstance(event, InformationalResponseReceived):
        stream.interim += 1
        if stream.interim > _MAX_INTERIM:
            raise ResponseError(f"more than {_MAX_INTERIM} interim responses")
    elif isinstance(event, DataReceived) and stream.reader is not None:
        if not stream.reader.feed(event.data or b""):
            stream.answer.set_result(stream.reader.answer())
    elif isinstance(event, StreamEnded) and stream.reader is not None:
        stream.answer.set_result(stream.reader.answer())
    elif isinstance(event, StreamReset):
        stream.fail(_reset(event, stream))


def _reader(event: ResponseReceived) -> AnswerReader:
    headers = [(bytes(name), bytes(value)) for name, value in event.headers or []]
    written = dict(headers).get(b":status", b"")
    if len(written) != 3 or not written.isdigit():
        raise ResponseError("the status is no number of three digits")
    status = int(written)
    reason = HTTPStatus(status).phrase if status in _KNOWN else ""
    headers = [pair for pair in headers if not pair[0].startswith(b":")]
    return AnswerReader(status, reason, "HTTP/2", headers)


def _reset(event: StreamReset, stream: _Stream) -> Exception:
    error = ResponseError(f"the far side ended the request: {_code(event.error_code)}")
    if event.error_code == ErrorCodes.HTTP_1_1_REQUIRED:
        return Http1Error(error)
    if event.error_code == ErrorCodes.REFUSED_STREAM and stream.reader is None:
        return AgainError(error)
    return error


def _silent() -> ResponseError:
    return ResponseError("Server disconnected without sending a response.")


def _code(number: int | None) -> str:
    try:
        return ErrorCodes(number or 0).name
    except ValueError:
        return str(number)
