"""A real HTTP server with bad manners, run as a process of its own.

Each path is a behaviour. `GET /_requests` tells what came in (method, path, headers, body,
time); `/_requests` itself is not counted. The first line on stdout is the port. With a
certificate's and a key's file as arguments it speaks TLS.
"""

import contextlib
import gzip
import json
import re
import socket
import ssl
import struct
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, quote_plus


def lower_percent(text: str) -> str:
    return re.sub("%..", lambda match: match[0].lower(), quote(text, safe=""))


ESCAPES: list[Callable[[str], str]] = [
    str,
    lambda text: " ".join(text.split()),
    lambda text: quote(text, safe=""),
    quote,
    quote_plus,
    lower_percent,
    json.dumps,
    lambda text: json.dumps(text, ensure_ascii=False),
    lambda text: json.dumps(json.dumps(text)),
    *(lambda text, n=n: b64encode(b"abc"[:n] + text.encode()).decode() for n in range(3)),
]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients break off: that is what is tested

    def count(self, path: str) -> int:
        with self.lock:
            return sum(1 for request in self.seen if request["path"] == path)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *args: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline:
            self.close_connection = True
            return
        if not self.parse_request():
            return
        if self.path == "/_requests":
            self.answer(200, json.dumps(self.server.seen).encode())
            return
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        with self.server.lock:
            self.server.seen.append(
                {
                    "method": self.command,
                    "path": self.path,
                    "headers": self.headers.items(),
                    "body": body.decode(errors="replace"),
                    "time": time.time(),
                }
            )
        kind, _, argument = self.path.split("?")[0].strip("/").partition("/")
        behaviour = getattr(self, f"do_{kind.replace('-', '_')}", None)
        if behaviour is None:
            self.answer(404, b"no such path")
        else:
            behaviour(argument)

    def answer(
        self, status: int, body: bytes = b"{}", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_status(self, argument: str) -> None:
        self.answer(int(argument), f"status {argument}".encode())

    def do_flaky(self, argument: str) -> None:
        """/flaky/N/KEY: 503 until the Nth request."""
        wanted = int(argument.split("/", maxsplit=1)[0])
        status = 200 if self.server.count(self.path) >= wanted else 503
        self.answer(status)

    def do_retry_after(self, argument: str) -> None:
        """/retry-after/STATUS/VALUE: refuses the first request; VALUE `date` is 2 s ahead."""
        status, value = argument.split("/")[:2]
        if value == "date":
            value = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
        if self.server.count(self.path) > 1:
            self.answer(200)
        else:
            self.answer(int(status), b"busy", {"Retry-After": value})

    def do_reset(self, argument: str) -> None:
        """Close with RST after the request was read."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def do_close(self, argument: str) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def do_half(self, argument: str) -> None:
        """Promise 1000 bytes, send 10, close."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"0123456789")
        self.close_connection = True

    def do_silent(self, argument: str) -> None:
        time.sleep(60)

    def do_slow(self, argument: str) -> None:
        time.sleep(float(argument.split("/", maxsplit=1)[0]))
        self.answer(200)

    def do_drip(self, argument: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "60")
        self.end_headers()
        for _ in range(60):
            self.wfile.write(b".")
            self.wfile.flush()
            time.sleep(1)

    def do_huge(self, argument: str) -> None:
        megabytes = int(argument or 50)
        self.send_response(200)
        self.send_header("Content-Length", str(megabytes * 2**20))
        self.end_headers()
        for _ in range(megabytes):
            self.wfile.write(b"x" * 2**20)

    def do_bomb(self, argument: str) -> None:
        self.answer(200, gzip.compress(b"0" * 50_000_000), {"Content-Encoding": "gzip"})

    def do_gzip(self, argument: str) -> None:
        self.answer(200, gzip.compress(b'{"packed": true}'), {"Content-Encoding": "gzip"})

    def do_redirect(self, argument: str) -> None:
        self.answer(302, b"", {"Location": "/status/200"})

    def do_garbage(self, argument: str) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        self.close_connection = True

    def do_escape(self, argument: str) -> None:
        self.answer(400, b"\x1b[31mred\x1b[0m \x07 bell")

    def do_auth(self, argument: str) -> None:
        self.answer(401, b"who are you?")

    def do_echo_spellings(self, argument: str) -> None:
        """Refuse, quoting all that came in, in each way that texts are escaped."""
        body = self.server.seen[-1]["body"]
        texts = [self.path, *self.headers.values(), body]
        with contextlib.suppress(ValueError):
            texts += map(str, json.loads(body).values())
        lines = [escape(text) for text in texts for escape in ESCAPES]
        self.answer(400, "\n".join(lines).encode())

    def do_echo_auth(self, argument: str) -> None:
        self.answer(400, f"you sent {self.headers.get('Authorization')}".encode())


if __name__ == "__main__":
    server = Server()
    if sys.argv[1:]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[1:3])
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
