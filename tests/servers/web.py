"""Small servers in threads of the test's own: what they answer is a function of the test."""

import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.brokers.certificates import Identity


@dataclass
class Seen:
    """A request as it came in; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


Answer = Callable[[Seen], Reply]


@dataclass
class Web:
    """A server that is running, and what it has seen."""

    url: str
    seen: list[Seen]

    @property
    def only(self) -> Seen:
        (request,) = self.seen
        return request


class Server(ThreadingHTTPServer):
    """One that many may call at the same moment."""

    request_queue_size = 128


class UnixServer(ThreadingHTTPServer):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "unix", 0


def server_context(identity: Identity, client_ca: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


@contextmanager
def serving(
    answer: Answer = lambda _: Reply(),
    *,
    context: ssl.SSLContext | None = None,
    unix: Path | None = None,
) -> Iterator[Web]:
    """Serve HTTP, over TLS with a context, or on a unix socket."""
    seen: list[Seen] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def address_string(self) -> str:
            return "test"

        def _any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            sent = {name.lower(): value for name, value in self.headers.items()}
            request = Seen(self.command, self.path, sent, self.rfile.read(length))
            seen.append(request)
            reply = answer(request)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815

    server: ThreadingHTTPServer
    if unix is not None:
        server = UnixServer(str(unix), Handler)  # type: ignore[arg-type] # a path is an address
        url = "http://localhost"
    else:
        server = Server(("127.0.0.1", 0), Handler)
        url = f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
    if context is not None:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # clients break off
    with _running(server):
        yield Web(url, seen)


@contextmanager
def proxying(login: str | None = None, *, context: ssl.SSLContext | None = None) -> Iterator[Web]:
    """A proxy that forwards http:// and opens tunnels; with `login` it wants that header."""
    seen: list[Seen] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def _is_welcome(self) -> bool:
            sent = {name.lower(): value for name, value in self.headers.items()}
            seen.append(Seen(self.command, self.path, sent, b""))
            if login is None or sent.get("proxy-authorization") == login:
                return True
            self.send_response(407, "Proxy Authentication Required")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False

        def do_CONNECT(self) -> None:
            if self._is_welcome():
                host, _, port = self.path.rpartition(":")
                with socket.create_connection((host, int(port))) as far:
                    self.send_response(200)
                    self.end_headers()
                    _relay(self.connection, far)
            self.close_connection = True

        def do_POST(self) -> None:
            if not self._is_welcome():
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urlsplit(self.path)
            with socket.create_connection((parts.hostname or "", parts.port or 80)) as far:
                lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}"]
                lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
                far.sendall("\r\n".join(lines).encode() + body)
                while data := far.recv(65536):
                    self.wfile.write(data)
            self.close_connection = True

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # clients break off
    with _running(server):
        yield Web(f"http{'s' if context else ''}://127.0.0.1:{server.server_port}", seen)


def _relay(one: socket.socket, other: socket.socket) -> None:
    while True:
        for ready in select.select([one, other], [], [], 30)[0]:
            data = ready.recv(65536)
            if not data:
                return
            (other if ready is one else one).sendall(data)


@contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
