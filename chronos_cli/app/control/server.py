"""The control socket of a loop: who may speak, how long and how much."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from chronos_cli.app.control.address import has_left, peer_of, user_name
from chronos_cli.cron.control import (
    LONGEST_REQUEST,
    VERSION,
    Answer,
    Refused,
    Request,
    decode_request,
    line_of,
)
from chronos_cli.errors import UsageError

# What a client may take to say what it wants, and to take what it is told, in seconds.
_PATIENCE = 5.0
# So many are served at the same time; so many more are told that there are too many.
_MOST_SERVED, _MOST_TOLD = 32, 64


class ControlServer:
    """Serves requests on a socket that listens at `path`; `answer` carries them out.

    A client that is stuck, hostile or gone costs a connection for some seconds, and no more. What
    one has asked for who left before it was begun is not done: he may have asked again.
    """

    def __init__(
        self,
        listening: socket.socket,
        path: Path,
        answer: Callable[[Request, str], AsyncIterator[Answer]],
    ) -> None:
        self._socket = listening
        self._path = path
        self._identity = _identity(path)
        self._answer = answer
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Serve until cancelled; then the socket is taken away."""
        server = await asyncio.start_unix_server(
            self._connected, sock=self._socket, limit=LONGEST_REQUEST
        )
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            for task in self._connections:
                task.cancel()
            # Not another's that has taken its place.
            if _identity(self._path) == self._identity:
                with suppress(OSError):
                    self._path.unlink()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        others = len(self._connections)
        self._connections.add(task)
        try:
            if others < _MOST_TOLD:
                await self._converse(reader, writer, is_full=others >= _MOST_SERVED)
        except (OSError, TimeoutError, asyncio.CancelledError):
            writer.transport.abort()  # gone, or stuck
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_full: bool
    ) -> None:
        """Answer one request, for as long as somebody listens."""
        user = peer_of(writer.get_extra_info("socket"))
        # Read in any case: a socket that is closed with something unread loses the answer.
        request = await _request(reader)
        if user not in {os.geteuid(), 0}:
            request = Refused("this loop belongs to another user", unusable=True)
        elif is_full:
            request = Refused("too many clients ask this loop at once: ask again", unusable=True)
        if isinstance(request, Refused):
            await _send(writer, request)
            return
        sending = asyncio.create_task(self._send_all(writer, request, user))
        leaving = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            # Who has said all may still listen, for what does not take long.
            await asyncio.wait({sending}, timeout=_PATIENCE)
            if sending.done():
                sending.result()
        finally:
            sending.cancel()
            leaving.cancel()

    async def _send_all(self, writer: asyncio.StreamWriter, request: Request, user: int) -> None:
        by = await asyncio.to_thread(user_name, user)
        if writer.is_closing() or has_left(writer.get_extra_info("socket")):
            return
        try:
            async for answer in self._answer(request, by):
                await _send(writer, answer)
        except UsageError as error:
            await _send(writer, Refused(str(error)))
        except (OSError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - no request may end the loop
            message = f"internal error: {type(error).__name__}: {error}"
            await _send(writer, Refused(message, unusable=True))


async def _request(reader: asyncio.StreamReader) -> Request | Refused:
    """Read a request; raises TimeoutError for one that does not come."""
    try:
        async with asyncio.timeout(_PATIENCE):
            line = await reader.readline()
    except ValueError:
        return Refused(f"a request is no longer than {LONGEST_REQUEST} bytes")
    try:
        envelope = decode_request(line)
    except msgspec.DecodeError as error:
        return Refused(f"this is no request: {error}", unusable=True)
    if envelope.version != VERSION:
        message = f"the loop speaks version {VERSION}, not {envelope.version}"
        return Refused(message, unusable=True)
    return envelope.request


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Send an answer; raises TimeoutError when nobody takes it."""
    writer.write(line_of(answer))
    async with asyncio.timeout(_PATIENCE):
        await writer.drain()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
