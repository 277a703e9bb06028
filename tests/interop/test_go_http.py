"""Go's own web server: TLS 1.3 with clients' certificates, early answers, short idle times."""

from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.interop.load import Load, assert_held, fire
from tests.interop.servers import go_server, go_version, lines
from tests.protocols.webhook import run

pytestmark = pytest.mark.interop


def options(certificates: Certificates, *, clients: bool = False) -> list[str]:
    identity = certificates.server
    found = ["-cert", str(identity.certificate), "-key", str(identity.key)]
    return [*found, "-ca", str(certificates.ca)] if clients else found


@pytest.mark.far_side(
    "Go net/http",
    "TLS 1.3, clients' certificates required: POST with ours, without, with a foreign one",
    needs="`tls: {cert, key}`",
)
def test_client_certificates(
    tmp_path: Path, certificates: Certificates, record_property: Any
) -> None:
    record_property("version", go_version("go"))
    trusted = {"ca": str(certificates.ca)}
    client, other = certificates.client, certificates.other_client
    ours = {**trusted, "cert": str(client.certificate), "key": str(client.key)}
    foreign = {**trusted, "cert": str(other.certificate), "key": str(other.key)}
    with go_server("http", tmp_path, *options(certificates, clients=True)) as (port, process):
        url = f"https://127.0.0.1:{port}/"
        for http2 in (False, True):
            for number in range(10):
                keys: dict[str, Any] = {
                    "http2": http2,
                    "keys": {"payload": "x" * (10**number % 99_991)},
                }
                result = run(url, tls=ours, **keys)
                assert result.code == 0, result.out
                for tls in (trusted, foreign):
                    result = run(url, tls=tls, **keys)
                    assert (result.code, result.only["code"]) == (4, "TLS"), result.out
        assert len(lines(process)) == 20
    record_property("held", "20 of 20; 40 of 40 without or with a foreign one: rejected, TLS")


@pytest.mark.far_side("Go net/http", "413 before a body of 100 kB and of 4 MB is sent, three ways")
def test_early_answers(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    record_property("version", go_version("go"))
    tls = {"ca": str(certificates.ca)}
    with (
        go_server("http", tmp_path) as (plain, _),
        go_server("http", tmp_path, *options(certificates)) as (secure, _),
    ):
        ways: list[dict[str, Any]] = [
            {"url": f"http://127.0.0.1:{plain}/early"},
            {"url": f"https://127.0.0.1:{secure}/early", "tls": tls},
            {"url": f"https://127.0.0.1:{secure}/early", "tls": tls, "http2": True},
        ]
        for way in ways:
            for size in (100_000, 4_000_000):
                result = run(keys={"payload": "x" * size}, **way)
                assert (result.code, result.only["code"]) == (4, "413"), result.out
    record_property("held", "6 of 6: rejected, 413")


@pytest.mark.far_side("Go net/http", "IdleTimeout 1 s, jobs @every 1s: HTTP, TLS, HTTP/2")
def test_keep_alive(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    record_property("version", go_version("go"))
    load, tls = Load(), {"ca": str(certificates.ca)}
    with (
        go_server("http", tmp_path, "-idle", "1s") as (plain, one),
        go_server("http", tmp_path, "-idle", "1s", *options(certificates)) as (secure, other),
    ):
        page: dict[str, Any] = {"url": f"https://127.0.0.1:{secure}/", "tls": tls}
        targets = {
            "plain": {"webhook": {"url": f"http://127.0.0.1:{plain}/"}},
            "tls": {"webhook": page},
            "h2": {"webhook": {**page, "http2": True}},
        }
        found = fire(tmp_path, targets, load)
        arrived = [line["id"] for process in (one, other) for line in lines(process)]
    held = assert_held(found, load)
    ids = [event["execution_id"] for events in found.values() for event in events]
    assert sorted(arrived) == sorted(ids)
    record_property("held", f"{held}; each arrived once")
