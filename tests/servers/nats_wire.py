"""A NATS client of a hundred lines: sockets and bytes, nothing that the program under test uses."""

import contextlib
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Message:
    subject: str
    reply: str
    head: bytes
    body: bytes

    @property
    def header_lines(self) -> list[tuple[str, str]]:
        """The headers as they came, in order."""
        lines = self.head.decode().split("\r\n")[1:]
        pairs = (line.partition(": ") for line in lines if line)
        return [(name, value) for name, _, value in pairs]

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.header_lines}


@dataclass
class Wire:
    """One connection; `messages` are those that have arrived."""

    url: str
    ca: str | None = None
    login: dict[str, str] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        assert parts.hostname
        self._socket = socket.create_connection((parts.hostname, parts.port or 4222), timeout=10)
        self._buffer = b""
        info = json.loads(self._line().removeprefix(b"INFO "))
        if info.get("tls_required"):
            context = ssl.create_default_context(cafile=self.ca)
            self._socket = context.wrap_socket(self._socket, server_hostname=parts.hostname)
        options = {"verbose": False, "headers": True, "no_responders": True, **self.login}
        self._send(f"CONNECT {json.dumps(options)}\r\n".encode())
        self.settle()

    def subscribe(self, subject: str) -> "Wire":
        self._send(f"SUB {subject} 1\r\n".encode())
        self.settle()
        return self

    def publish(self, subject: str, body: bytes, reply: str = "", head: bytes = b"") -> None:
        if head:
            sizes = f"{len(head)} {len(head) + len(body)}"
            self._send(f"HPUB {subject} {reply} {sizes}\r\n".encode() + head + body + b"\r\n")
        else:
            self._send(f"PUB {subject} {reply} {len(body)}\r\n".encode() + body + b"\r\n")

    def request(self, subject: str, body: Any = None) -> Any:
        """Ask the JetStream API; the reply's JSON."""
        self.subscribe("_INBOX.wire")
        self.publish(subject, json.dumps(body or {}).encode(), "_INBOX.wire")
        reply = json.loads(self.next().body)
        assert "error" not in reply, reply
        return reply

    def settle(self) -> list[Message]:
        """Wait until the server has sent all that it had for us."""
        self._send(b"PING\r\n")
        while self._step() != b"PONG":
            pass
        return self.messages

    def next(self, limit: float = 10) -> Message:
        """Take the oldest message, waiting for it."""
        self._socket.settimeout(limit)
        while not self.messages:
            self._step()
        return self.messages.pop(0)

    def wait(self, limit: float = 10) -> list[Message]:
        """All messages, as soon as there are any, or at the limit."""
        end = time.monotonic() + limit
        while not self.settle() and time.monotonic() < end:
            time.sleep(0.02)
        return self.messages

    def close(self) -> None:
        self._socket.close()

    def _step(self) -> bytes:
        """Read one line of the protocol and what belongs to it; return its first word."""
        line = self._line()
        word, *rest = line.split(b" ")
        if word in {b"MSG", b"HMSG"}:
            head_size = int(rest.pop(-2)) if word == b"HMSG" else 0
            subject, _, *reply, size = rest
            content = self._exactly(int(size) + 2)[:-2]
            told = reply[0].decode() if reply else ""
            message = Message(subject.decode(), told, content[:head_size], content[head_size:])
            self.messages.append(message)
        elif word == b"PING":
            self._send(b"PONG\r\n")
        elif word == b"-ERR":
            raise AssertionError(line)
        return word

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._receive()
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line.strip()

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._receive()
        content, self._buffer = self._buffer[:size], self._buffer[size:]
        return content

    def _receive(self) -> None:
        received = self._socket.recv(65536)
        if not received:
            raise ConnectionError("the server closed the connection")
        self._buffer += received

    def _send(self, content: bytes) -> None:
        self._socket.sendall(content)


@contextlib.contextmanager
def responder(
    url: str,
    subject: str,
    answer: Callable[[Message], bytes | None],
    head: bytes = b"",
    login: dict[str, str] | None = None,
) -> Iterator[list[Message]]:
    """Answer requests in a thread; what was asked is in the list. None means: do not answer."""
    wire = Wire(url, login=login or {}).subscribe(subject)
    asked: list[Message] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                message = wire.next(60)
                asked.append(message)
                reply = answer(message)
                if reply is not None:
                    wire.publish(message.reply, reply, head=head)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        with contextlib.suppress(OSError):
            wire._socket.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        wire.close()


def is_execution_id(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None
