"""What an imported job sends is what the program itself sends, seen by one real receiver."""

import re
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from chronos_cli.dispatch.registry import Registry
from chronos_cli.importing.jobs import ImportedJob, Imports
from tests.brokers.certificates import Certificates
from tests.brokers.fixtures import require
from tests.brokers.provision import find_program
from tests.support import chronos, environment

# Who asks, and how; what only Chronos sends, or only curl.
_APART = ("user-agent", "accept-encoding", "connection", "idempotency-key", "traceparent")

# For `URL` stands the receiver with the case's name, for `DIR` the folder of files.
_LINES = (Path(__file__).parent / "lines.txt").read_text().splitlines()[2:]
CASES = {name: line.strip() for name, line in zip(_LINES[::2], _LINES[1::2], strict=True)}


class Handler(BaseHTTPRequestHandler):
    """Keeps what comes in; asks for a login below /digest, sends on from /redirect."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def address_string(self) -> str:
        return "somebody"  # over a unix socket there is no address

    def do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        self.server.seen.append((self.command, self.path, self.headers, body))  # type: ignore[attr-defined]
        self.send_response(*self._answer())
        if self.path.endswith("/redirect"):
            self.send_header("Location", self.path.removesuffix("/redirect") + "/there")
        if self.path.endswith("/digest") and "Authorization" not in self.headers:
            self.send_header("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self) -> tuple[int]:
        if self.path.endswith("/redirect"):
            return (302,)
        is_asked = self.path.endswith("/digest") and "Authorization" not in self.headers
        return (401,) if is_asked else (200,)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.do
        raise AttributeError(name)


class SocketServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Receiver:
    """One place that three servers write to: over TCP (a proxy too), TLS and a unix socket."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self.seen: list[tuple[str, str, Any, bytes]] = []
        self.tcp = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.tls = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.server.certificate, certificates.server.key)
        context.load_verify_locations(certificates.ca)
        context.verify_mode = ssl.CERT_OPTIONAL
        self.tls.socket = context.wrap_socket(self.tls.socket, server_side=True)
        self.unix = SocketServer(str(folder / "socket"), Handler)
        self.servers: list[socketserver.BaseServer] = [self.tcp, self.tls, self.unix]
        for one in self.servers:
            one.seen = self.seen  # type: ignore[attr-defined]
            threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True).start()

    def of(self, name: str) -> list[dict[str, Any]]:
        """What came in for a case, as far as it must be the same."""
        return [told(*one) for one in self.seen if slug(name) in one[1].split("?")[0].split("/")]

    def stop(self) -> None:
        for one in self.servers:
            one.shutdown()
            one.server_close()


def slug(name: str) -> str:
    return re.sub(r"\W+", "-", name)


def told(method: str, path: str, headers: Any, body: bytes) -> dict[str, Any]:
    kept: dict[str, list[str]] = {}
    for key, value in headers.items():
        if key.lower() not in _APART and not key.lower().startswith("x-chronos-"):
            kept.setdefault(key.lower(), []).append(value.strip())
    if method != "HEAD" and not body:
        # An empty body may be announced or not, and has no kind.
        kept.pop("content-length", None)
        kept.pop("content-type", None)
    if "expect" in kept or kept.get("proxy-connection"):
        kept.pop("expect", None)
        kept.pop("proxy-connection", None)
    content: Any = body
    if kept.get("content-type", [""])[0].startswith("multipart/"):
        content = parts_of(kept.pop("content-type")[0], body)
        kept.pop("content-length")
    if "digest" in path and "authorization" in kept:
        fields = dict(re.findall(r'(\w+)="([^"]*)"', kept["authorization"][0]))
        kept["authorization"] = [fields[name] for name in ("username", "uri", "realm")]
    return {"method": method, "path": unquote(path), "headers": kept, "body": content}


def parts_of(kind: str, body: bytes) -> list[Any]:
    message: Any = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    return sorted(
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part["Content-Type"],
            part.get_payload(decode=True),
        )
        for part in message.get_payload()
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    (made / "one-line.txt").write_bytes(b'{"a": 1}')
    (made / "data.bin").write_bytes(b"a\r\nb\x00c\xff\n")
    (made / "page.html").write_bytes(b"<p>\n")
    return made


@pytest.fixture(scope="module")
def receiver(folder: Path, certificates: Certificates) -> Iterator[Receiver]:
    made = Receiver(folder, certificates)
    yield made
    made.stop()


def line_of(name: str, receiver: Receiver, folder: Path, certificates: Certificates) -> str:
    """The command line of a case, with its places filled in."""
    host = f"127.0.0.1:{receiver.tcp.server_address[1]}"
    words = {
        "TLSPORT": str(receiver.tls.server_address[1]),
        "TLS": f"https://127.0.0.1:{receiver.tls.server_address[1]}/{slug(name)}",
        "LOGIN": f"http://bob:hunt%2022@{host}/{slug(name)}",
        "URL": f"http://{host}/{slug(name)}",
        "BARE": f"{host}/{slug(name)}",
        "PROXY": f"http://{host}",
        "PORT": host.partition(":")[2],
        "PATH": slug(name),
        "DIR": str(folder),
        "CERT": str(certificates.client.certificate),
        "CA": str(certificates.ca),
        "KEY": str(certificates.client.key),
    }
    pattern = rf"(?<![A-Za-z])({'|'.join(words)})(?![A-Za-z])"
    return re.sub(pattern, lambda match: words[match[1]], CASES[name])


@pytest.fixture(scope="module")
def sent(
    receiver: Receiver, folder: Path, certificates: Certificates
) -> dict[str, tuple[list[Any], list[Any], ImportedJob]]:
    """What the programs have sent, what the jobs have sent, and the jobs."""
    for program in ("curl", "wget"):
        require(program, None if find_program(program) else "it is not installed")
    lines = {name: line_of(name, receiver, folder, certificates) for name in CASES}
    clean = {key: value for key, value in environment().items() if not key.endswith("_proxy")}
    # curl itself takes the value as a word of its own only.
    as_words = [re.sub(r" --(request|data|header)=", r" --\1 ", line) for line in lines.values()]
    script = "\n".join(as_words)
    subprocess.run(["bash", "-c", script], env=clean, capture_output=True, check=False)
    by_program = {name: receiver.of(name) for name in CASES}
    receiver.seen.clear()
    imports = Imports(Registry())
    jobs = {name: imports.of_command(line, str(folder), {}) for name, line in lines.items()}
    place = folder / "jobs"
    place.mkdir()
    for job in jobs.values():
        (place / f"{job.id}.yaml").write_text(job.text, encoding="utf-8")
    result = chronos("run", str(place), "-o", "json", "--no-state", env=imports.secrets.values)
    assert {job["status"] for job in result.report["results"]} == {"succeeded"}, result.report
    return {name: (by_program[name], receiver.of(name), jobs[name]) for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_a_job_sends_what_the_program_sends(
    name: str, sent: dict[str, tuple[list[Any], list[Any], ImportedJob]]
) -> None:
    by_program, by_job, job = sent[name]
    if name == "upload":
        # A payload always has a content type; that is said.
        assert by_job[0]["headers"].pop("content-type") == ["application/octet-stream"]
        assert "curl -T names no content type" in job.text
    assert by_program, "the program has sent nothing"
    assert by_job == by_program, job.text
