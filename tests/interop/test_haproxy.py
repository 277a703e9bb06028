"""haproxy, which ends idle connections after a second here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.brokers.process import free_ports
from tests.interop.load import Load, assert_held, fire
from tests.interop.servers import go_server, lines, need, running, version

pytestmark = pytest.mark.interop

_CONFIG = """
global
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  timeout client 1s
  timeout server 10s
  timeout http-keep-alive 1s
frontend plain
  bind 127.0.0.1:{plain}
  default_backend web
frontend tls
  bind 127.0.0.1:{tls} ssl crt {pem} alpn h2,http/1.1
  default_backend web
frontend grpc
  bind 127.0.0.1:{grpc} ssl crt {pem} alpn h2
  default_backend grpc
backend web
  server go 127.0.0.1:{web_port}
backend grpc
  server go 127.0.0.1:{grpc_port} proto h2
"""


@contextmanager
def haproxy(
    folder: Path, certificates: Certificates, web: int, grpc: int
) -> Iterator[tuple[int, int, int]]:
    """Run it before a web server and a gRPC server; yields ports for HTTP, TLS and gRPC."""
    ports = free_ports(3)
    names = dict(zip(("plain", "tls", "grpc"), ports, strict=True))
    files = {"pem": certificates.server.joined, "web_port": web, "grpc_port": grpc}
    (folder / "haproxy.cfg").write_text(_CONFIG.format(**names, **files))
    command: list[str | Path] = [need("haproxy"), "-db", "-f", folder / "haproxy.cfg"]
    with running(command, ports[0], folder / "haproxy.log"):
        yield ports[0], ports[1], ports[2]


@pytest.mark.far_side("haproxy", "timeout http-keep-alive 1s, jobs @every 1s: HTTP, TLS, HTTP/2")
def test_keep_alive(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    record_property("version", version(need("haproxy"), "-v"))
    load = Load()
    with (
        go_server("http", tmp_path) as (web, process),
        haproxy(tmp_path, certificates, web, web) as (plain, tls, _),
    ):
        secure = {"url": f"https://127.0.0.1:{tls}/", "tls": {"ca": str(certificates.ca)}}
        targets = {
            "plain": {"webhook": {"url": f"http://127.0.0.1:{plain}/"}},
            "tls": {"webhook": secure},
            "h2": {"webhook": {**secure, "http2": True}},
        }
        found = fire(tmp_path, targets, load)
        held = assert_held(found, load)
        arrived = [line["id"] for line in lines(process)]
    ids = [event["execution_id"] for events in found.values() for event in events]
    assert sorted(arrived) == sorted(ids)
    record_property("held", f"{held}; each arrived once")


@pytest.mark.far_side(
    "haproxy",
    "timeout client 1s, jobs @every 1s over gRPC",
    needs="`bind … alpn h2`, `server … proto h2`",
)
def test_grpc(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    record_property("version", version(need("haproxy"), "-v"))
    load = Load()
    with (
        go_server("grpc", tmp_path) as (rpc, process),
        haproxy(tmp_path, certificates, rpc, rpc) as (_, _, port),
    ):
        block = {
            "address": f"127.0.0.1:{port}",
            "method": "grpc.testing.TestService/EmptyCall",
            "tls": {"ca": str(certificates.ca)},
        }
        found = fire(tmp_path, {"grpc": {"grpc": block}}, load)
        held = assert_held(found, load)
        arrived = [line["ids"][0] for line in lines(process)]
    assert sorted(arrived) == sorted(event["execution_id"] for event in found["grpc"])
    record_property("held", f"{held}; each arrived once")
