"""An HTTP/1.1 server on asyncio and h11: takes any request and answers as it is told to."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import h11

MAX_BODY = 16 * 1024 * 1024
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as it came in."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer: a status, a body, after a delay in seconds."""

    status: int = 200
    body: bytes = b'{"received": true}\n'
    delay: float = 0.0
    headers: list[tuple[str, str]] = field(default_factory=list)
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What clients may take: bytes of a body, connections at the same time, seconds of a request.

    The seconds run from the end of the request before to the last byte of the answer. Without
    them, and without a number of connections, there is no end.
    """

    body: int = MAX_BODY
    connections: int | None = None
    seconds: float | None = None


Answer = Callable[[ReceivedRequest], Awaitable[Reply]]


class HttpReceiver:
    """Listens on an address until it is closed; `answer` decides what each request gets."""

    def __init__(self, answer: Answer, bounds: Bounds = Bounds()) -> None:
        self._answer = answer
        self._bounds = bounds
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; return the address, with the port that the system chose when `port` is 0.

        Raises OSError when the address cannot be had.
        """
        self._server = await asyncio.start_server(self._serve, host, port)
        address = self._server.sockets[0].getsockname()
        return address[0], address[1]

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks)
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        most = self._bounds.connections
        if most is not None and len(self._tasks) >= most:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        # What has been drained is in the kernel's hands.
        writer.transport.set_write_buffer_limits(0)
        try:
            await self._requests(h11.Connection(h11.SERVER), reader, writer)
        except (h11.ProtocolError, ConnectionError, TimeoutError, asyncio.CancelledError):
            pass  # a client that breaks off or breaks the rules loses its connection
        finally:
            self._tasks.discard(task)
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()  # nobody has read it in time
            else:
                writer.close()

    async def _requests(
        self,
        connection: h11.Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Answer one request after the other; raises TimeoutError for one that takes too long."""
        is_open = True
        while is_open:
            async with asyncio.timeout(self._bounds.seconds):
                try:
                    is_open = await self._one_request(connection, reader, writer)
                except h11.RemoteProtocolError as error:
                    await _refuse(connection, writer, error)
                    return
            if is_open:
                connection.start_next_cycle()

    async def _one_request(
        self,
        connection: h11.Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Answer one request; return whether another may follow on this connection."""
        request: h11.Request | None = None
        body = bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(_CHUNK))
            elif isinstance(event, h11.Request):
                request = event
                if connection.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    writer.write(connection.send(go_on) or b"")
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self._bounds.body:
                    return False
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return False
        assert request is not None
        reply = await self._answer(_received(request, bytes(body)))
        await asyncio.sleep(reply.delay)
        await _send(connection, writer, reply, has_body=request.method != b"HEAD")
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE


def _received(request: h11.Request, body: bytes) -> ReceivedRequest:
    return ReceivedRequest(
        method=request.method.decode("ascii"),
        target=request.target.decode("ascii"),
        # As written, not as h11 folds them: people compare what they see with what they sent.
        headers=[
            (name.decode("ascii"), value.decode("latin-1"))
            for name, value in request.headers.raw_items()
        ],
        body=body,
    )


async def _send(
    connection: h11.Connection, writer: asyncio.StreamWriter, reply: Reply, *, has_body: bool = True
) -> None:
    headers = [("Content-Type", reply.content_type), ("Content-Length", str(len(reply.body)))]
    response = h11.Response(status_code=reply.status, headers=[*headers, *reply.headers])
    parts = [connection.send(response)]
    if has_body and reply.status not in {204, 304}:
        parts.append(connection.send(h11.Data(data=reply.body)))
    parts.append(connection.send(h11.EndOfMessage()))
    writer.write(b"".join(part for part in parts if part))
    await writer.drain()


async def _refuse(
    connection: h11.Connection, writer: asyncio.StreamWriter, error: h11.RemoteProtocolError
) -> None:
    """Answer what is no HTTP, as far as an answer is possible."""
    with suppress(h11.LocalProtocolError):
        reply = Reply(error.error_status_hint, b'{"error": "this is no HTTP/1.1 request"}\n')
        await _send(connection, writer, reply)
