"""Apache: its keep-alive of five seconds, and certificates asked for by place."""

from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.interop.load import Load, assert_held, fire
from tests.interop.servers import go_server, lines, need, version
from tests.protocols.webhook import run
from tests.servers.webservers import apache

pytestmark = pytest.mark.interop

_MODULES = "/usr/lib/apache2/modules"
# One process, as the helper starts it, has threads for as many connections as two of its own.
_THREADS = "ThreadLimit 512\nThreadsPerChild 512\nMaxRequestWorkers 512"
_PROXY = f"""
LoadModule proxy_module {_MODULES}/mod_proxy.so
LoadModule proxy_http_module {_MODULES}/mod_proxy_http.so
ProxyPass / http://127.0.0.1:{{port}}/ connectiontimeout=5
"""


@pytest.mark.far_side(
    "Apache", "KeepAliveTimeout at its default of 5 s, jobs @every 5s: TLS, HTTP/2"
)
def test_keep_alive(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    record_property("version", version(need("apache2"), "-v"))
    load = Load(jobs=100, full_rounds=10, every="5s")
    ours = {"ca": str(certificates.ca)}
    with apache(tmp_path, certificates, _THREADS) as url:
        page: dict[str, Any] = {"url": f"{url}/index.html", "method": "GET", "tls": ours}
        targets = {"tls": {"webhook": page}, "h2": {"webhook": {**page, "http2": True}}}
        found = fire(tmp_path, targets, load)
    record_property("held", assert_held(found, load))


@pytest.mark.far_side(
    "Apache",
    "SSLVerifyClient require in a location, TLS 1.3, POST of 50 kB, HTTP/1.1 and HTTP/2",
    needs="`tls: {cert, key}`; HTTP/2 is left for HTTP/1.1 there",
)
def test_certificate_by_place(
    tmp_path: Path, certificates: Certificates, record_property: Any
) -> None:
    record_property("version", version(need("apache2"), "-v"))
    trusted = {"ca": str(certificates.ca)}
    client, other = certificates.client, certificates.other_client
    ours = {**trusted, "cert": str(client.certificate), "key": str(client.key)}
    foreign = {**trusted, "cert": str(other.certificate), "key": str(other.key)}
    with (
        go_server("http", tmp_path) as (port, process),
        apache(tmp_path, certificates, _PROXY.format(port=port)) as url,
    ):
        for http2 in (False, True):
            for _ in range(10):
                keys: dict[str, Any] = {"http2": http2, "keys": {"payload": "x" * 50_000}}
                result = run(f"{url}/private/job", tls=ours, **keys)
                assert result.code == 0, result.out
                assert result.only["receipt"]["body"] == "HTTP/1.1 50000"
                assert run(f"{url}/private/job", tls=trusted, **keys).code == 4
                assert run(f"{url}/private/job", tls=foreign, **keys).code == 4
        arrived = lines(process)
    assert len(arrived) == 20
    record_property("held", "20 of 20; 40 without a certificate or with a foreign one rejected")
