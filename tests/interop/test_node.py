"""Node's web servers as they come: they keep a connection for five seconds."""

from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.brokers.process import free_ports
from tests.interop.load import Load, assert_held, fire
from tests.interop.servers import NODE_SCRIPTS, lines, need, running, version

pytestmark = pytest.mark.interop


@pytest.mark.far_side("Node http, http2", "its defaults, jobs @every 5s: HTTP, TLS, HTTP/2")
def test_keep_alive(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    program, identity = need("node"), certificates.server
    record_property("version", version(program, "--version"))
    load, (plain, secure) = Load(jobs=100, full_rounds=10, every="5s"), free_ports(2)
    files = [identity.certificate, identity.key]
    command: list[str | Path] = [program, NODE_SCRIPTS / "web.js", str(plain), str(secure), *files]
    with running(command, secure, tmp_path / "node.log") as process:
        page: dict[str, Any] = {
            "url": f"https://127.0.0.1:{secure}/",
            "tls": {"ca": str(certificates.ca)},
        }
        targets = {
            "plain": {"webhook": {"url": f"http://127.0.0.1:{plain}/"}},
            "tls": {"webhook": page},
            "h2": {"webhook": {**page, "http2": True}},
        }
        found = fire(tmp_path, targets, load)
        arrived = lines(process)
    held = assert_held(found, load)
    ids = [event["execution_id"] for events in found.values() for event in events]
    assert sorted(line["id"] for line in arrived) == sorted(ids)
    assert sum(line["version"] == "2.0" for line in arrived) == len(found["h2"])
    record_property("held", f"{held}; each arrived once")
