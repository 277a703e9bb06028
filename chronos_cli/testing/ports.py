"""Ports of this machine where something is wrong."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self


class SilentPort(int):
    """The number of a port that accepts and never answers."""

    _listener: socket.socket

    @classmethod
    def of(cls, listener: socket.socket) -> Self:
        """Return the port of a socket that listens."""
        port = cls(listener.getsockname()[1])
        port._listener = listener
        return port

    def wait_for_client(self, limit: float = 30) -> socket.socket:
        """Return a client's connection; TimeoutError when none comes within `limit` seconds."""
        self._listener.settimeout(limit)
        return self._listener.accept()[0]


def closed_port() -> int:
    """Return a port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def silent_port() -> Iterator[SilentPort]:
    """Yield a port that accepts and never answers."""
    with _listener() as listener:
        yield SilentPort.of(listener)


@contextmanager
def broken_port(answer: bytes) -> Iterator[int]:
    """Yield a port that gives every client one answer, whatever it says, and hangs up."""
    with _listener() as listener:
        answering = threading.Thread(target=_answer, args=(listener, answer), daemon=True)
        answering.start()
        try:
            yield SilentPort.of(listener)
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # which ends the wait for a client
            answering.join(5)


def _answer(listener: socket.socket, answer: bytes) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client, suppress(OSError):
            client.sendall(answer)
            client.shutdown(socket.SHUT_WR)
            client.settimeout(0.2)
            # Closed with something unread, it would be a reset, and the answer lost.
            while client.recv(65536):
                pass


@contextmanager
def _listener() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener
