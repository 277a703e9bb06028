"""A server that answers with bytes as they are: what no well-behaved server would send."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

# What a connection does with one request's path: send these bytes and go on; None ends it by RST.
Answer = Callable[[str], bytes | None]


@dataclass
class Raw:
    """A server that is running; `connections` counts those that asked for something."""

    url: str
    connections: list[str] = field(default_factory=list)


@contextmanager
def raw(
    answer: Answer, context: ssl.SSLContext | None = None, *, ends: bool = False
) -> Iterator[Raw]:
    """Serve on a port of its own, over TLS with a context.

    With `ends` every connection is reset after its answer.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    scheme = "https" if context else "http"
    running = Raw(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")

    def serve(accepted: socket.socket) -> None:
        with suppress(OSError), accepted:
            connection = context.wrap_socket(accepted, server_side=True) if context else accepted
            running.connections.append("")
            while head := connection.recv(65536):
                while not _is_whole(head):
                    head += connection.recv(65536)
                reply = answer(head.split(b" ")[1].decode())
                connection.sendall(reply or b"")
                if reply is None or ends:
                    _reset(connection)
                    return

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"),
        0,
    )
    return bool(end) and len(body) >= length


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
