"""nginx in front of everything that runs behind it."""

from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.interop.load import Load, assert_held, fire
from tests.interop.servers import go_server, lines, need, version
from tests.servers.webservers import nginx

pytestmark = pytest.mark.interop


@pytest.mark.far_side("nginx", "keepalive_timeout 1s, jobs @every 1s: HTTP, TLS, HTTP/2")
def test_keep_alive(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    record_property("version", version(need("nginx"), "-v"))
    load = Load()
    log = tmp_path / "access.log"
    settings = f"keepalive_timeout 1s; access_log {log} combined;"
    folders = [tmp_path / name for name in ("plain", "tls", "h2")]
    for folder in folders:
        folder.mkdir()
    with (
        nginx(folders[0], certificates, settings) as plain,
        nginx(folders[1], certificates, settings, listen=" ssl") as tls,
        nginx(folders[2], certificates, settings, listen=" ssl http2") as h2,
    ):
        ours = {"ca": str(certificates.ca)}
        found = fire(
            tmp_path,
            {
                "plain": {"webhook": {"url": plain}},
                "tls": {"webhook": {"url": tls, "tls": ours}},
                "h2": {"webhook": {"url": h2, "tls": ours, "http2": True}},
            },
            load,
        )
    held = assert_held(found, load)
    arrived = len(log.read_text().splitlines())
    assert arrived == sum(map(len, found.values()))
    record_property("held", f"{held}; {arrived} requests in its log")


@pytest.mark.far_side(
    "nginx with grpc_pass",
    "keepalive_timeout 1s, jobs @every 1s over gRPC",
    needs="`grpc: {tls: {}}` where it listens with `ssl http2`",
)
def test_grpc(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    record_property("version", version(need("nginx"), "-v"))
    folder = tmp_path / "nginx"
    folder.mkdir()
    load = Load()
    with go_server("grpc", tmp_path) as (port, process):
        passed = f"grpc_pass grpc://127.0.0.1:{port};"
        settings = f"keepalive_timeout 1s; location /grpc. {{ {passed} }}"
        with nginx(folder, certificates, settings, listen=" ssl http2") as url:
            address = url.removeprefix("https://")
            block = {
                "address": address,
                "method": "grpc.testing.TestService/UnaryCall",
                "tls": {"ca": str(certificates.ca)},
            }
            payload = {"payload": {"body": "aGVsbG8="}}
            found = fire(tmp_path, {"grpc": {"payload": payload, "grpc": block}}, load)
        held = assert_held(found, load)
        calls = [line["ids"][0] for line in lines(process)]
    assert sorted(calls) == sorted(event["execution_id"] for event in found["grpc"])
    record_property("held", f"{held}; each arrived once")
