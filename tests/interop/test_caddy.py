"""Caddy, with clients' certificates and without."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.brokers.process import free_ports, inherited_environment
from tests.interop.load import Load, assert_held, fire
from tests.interop.servers import go_server, lines, need, running, version
from tests.protocols.webhook import run

pytestmark = pytest.mark.interop

_CONFIG = """
{{
  admin off
  auto_https off
  storage file_system {folder}/storage
  servers {{
    timeouts {{
      idle 1s
    }}
  }}
}}
https://127.0.0.1:{open} {{
  tls {certificate} {key}
  reverse_proxy 127.0.0.1:{behind}
}}
https://localhost:{closed} {{
  tls {certificate} {key} {{
    client_auth {{
      mode require_and_verify
      trusted_ca_cert_file {ca}
    }}
  }}
  reverse_proxy 127.0.0.1:{behind}
}}
"""


@contextmanager
def caddy(folder: Path, certificates: Certificates, behind: int) -> Iterator[tuple[str, str]]:
    """Run it; yields the URL that all may call, and the one that wants a certificate."""
    identity, (open_port, closed_port) = certificates.server, free_ports(2)
    files = {"certificate": identity.certificate, "key": identity.key, "ca": certificates.ca}
    ports = {"open": open_port, "closed": closed_port, "behind": behind}
    (folder / "Caddyfile").write_text(_CONFIG.format(folder=folder, **files, **ports))
    command: list[str | Path] = [need("caddy"), "run", "--adapter", "caddyfile"]
    environment = {**inherited_environment(), "HOME": str(folder)}
    log = folder / "caddy.log"
    with running([*command, "--config", folder / "Caddyfile"], open_port, log, environment):
        yield f"https://127.0.0.1:{open_port}/", f"https://localhost:{closed_port}/"


@pytest.mark.far_side(
    "Caddy",
    "client_auth require_and_verify: POST with ours, without, with a foreign one; HTTP/2 too",
    needs="`tls: {cert, key}`",
)
def test_client_certificates(
    tmp_path: Path, certificates: Certificates, record_property: Any
) -> None:
    record_property("version", version(need("caddy"), "version"))
    trusted = {"ca": str(certificates.ca)}
    client, other = certificates.client, certificates.other_client
    ours = {**trusted, "cert": str(client.certificate), "key": str(client.key)}
    foreign = {**trusted, "cert": str(other.certificate), "key": str(other.key)}
    with (
        go_server("http", tmp_path) as (behind, process),
        caddy(tmp_path, certificates, behind) as (_, closed),
    ):
        for http2 in (False, True):
            for _ in range(10):
                keys: dict[str, Any] = {"http2": http2, "keys": {"payload": {"a": 1}}}
                result = run(closed, tls=ours, **keys)
                assert result.code == 0, result.out
                for tls in (trusted, foreign):
                    result = run(closed, tls=tls, **keys)
                    assert (result.code, result.only["code"]) == (4, "TLS"), result.out
        assert len(lines(process)) == 20
    record_property("held", "20 of 20; 40 of 40 without or with a foreign one: rejected, TLS")


@pytest.mark.far_side("Caddy", "idle timeout 1 s, jobs @every 1s: TLS, HTTP/2")
def test_keep_alive(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    record_property("version", version(need("caddy"), "version"))
    load = Load()
    with (
        go_server("http", tmp_path) as (behind, process),
        caddy(tmp_path, certificates, behind) as (url, _),
    ):
        page: dict[str, Any] = {"url": url, "tls": {"ca": str(certificates.ca)}}
        targets = {"tls": {"webhook": page}, "h2": {"webhook": {**page, "http2": True}}}
        found = fire(tmp_path, targets, load)
        arrived = [line["id"] for line in lines(process)]
    held = assert_held(found, load)
    ids = [event["execution_id"] for events in found.values() for event in events]
    assert sorted(arrived) == sorted(ids), json.dumps([len(arrived), len(ids)])
    record_property("held", f"{held}; each arrived once")
