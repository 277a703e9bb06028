"""The way to the far side: TLS, proxies, sockets, HTTP/2, redirects; and what leaves on it."""

import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from chronos_cli.dispatch.install import OWN_PACKAGE, install_command
from tests.brokers.certificates import Certificates
from tests.protocols.webhook import document, problems, run
from tests.servers.web import Reply, proxying, server_context, serving
from tests.support import ROOT, chronos


def test_mutual_tls(certificates: Certificates, tmp_path: Path) -> None:
    key = load_pem_private_key(certificates.client.key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    encryption = BestAvailableEncryption(b"key-password")
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    ours = {"ca": str(certificates.ca), "cert": str(certificates.client.certificate)}
    context = server_context(certificates.server, certificates.ca)
    with serving(context=context) as far:
        assert run(far.url, tls={**ours, "key": str(certificates.client.key)}).code == 0
        tls = {**ours, "key": str(locked), "key_password": "key-password"}
        assert run(far.url, tls=tls).code == 0
        assert len(far.seen) == 2
        for password in ({}, {"key_password": "wrong-password"}):
            result = run(far.url, tls={**ours, "key": str(locked), **password})
            assert (result.code, result.only["code"]) == (4, "TLS"), result.out
            assert "locked.key" in result.only["message"]
            assert "wrong-password" not in result.out
        result = run(far.url, tls={"ca": str(certificates.ca)})
        assert (result.code, result.only["code"], len(far.seen)) == (4, "TLS", 2)
        assert "another client certificate" in result.only["message"]


def test_the_oldest_version(certificates: Certificates) -> None:
    context = server_context(certificates.server)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving(context=context) as far:
        tls = {"ca": str(certificates.ca)}
        assert run(far.url, tls={**tls, "min_version": 1.2}).code == 0
        result = run(far.url, tls={**tls, "min_version": 1.3})
        assert (result.code, result.only["code"]) == (4, "TLS"), result.out
    assert "not one of: 1.2, 1.3" in problems(tls={"min_version": "1.0"})


def test_unverified_tls_is_warned_of(certificates: Certificates, tmp_path: Path) -> None:
    with serving(context=server_context(certificates.server)) as far:
        assert run(far.url).code == 4
        text = document(far.url, tls={"insecure_skip_verify": True})
        jobs = text + "\n---\n" + text.replace('"a"', '"b"')
        result = chronos("run", "-", "-o", "json", stdin=jobs)
        assert result.code == 0
        warning = "warning: TLS certificates are not verified: insecure_skip_verify (a, b)"
        assert result.err == f"chronos: {warning}\n"
        assert warning in chronos("run", "-", "--dry-run", stdin=jobs).err
        assert chronos("run", "-", "--quiet", stdin=jobs).err == ""


def test_proxies(certificates: Certificates) -> None:
    context = server_context(certificates.server)
    with serving() as far, serving(context=context) as secured, proxying() as proxy:
        assert run(far.url, proxy=proxy.url).code == 0
        assert run(secured.url, proxy=proxy.url, tls={"ca": str(certificates.ca)}).code == 0
        assert [request.method for request in proxy.seen] == ["POST", "CONNECT"]
        assert (len(far.seen), len(secured.seen)) == (1, 1)
        proxy.seen.clear()
        environment = {"HTTP_PROXY": proxy.url, "http_proxy": proxy.url, "NO_PROXY": ""}
        environment |= {"no_proxy": ""}
        assert run(far.url, env=environment).code == 0
        assert proxy.seen == []
        assert run(far.url, env=environment, proxy="environment").code == 0
        assert len(proxy.seen) == 1
        environment |= {"no_proxy": "127.0.0.1"}
        assert run(far.url, env=environment, proxy="environment").code == 0
        assert len(proxy.seen) == 1


def test_a_proxy_that_wants_a_login(certificates: Certificates) -> None:
    wanted = "Basic dXNlcjpwcm94eS1wYXNz"  # user:proxy-pass
    context = server_context(certificates.server)
    with serving(context=context) as far, proxying(wanted) as proxy:
        tls = {"ca": str(certificates.ca)}
        good = proxy.url.replace("//", "//user:proxy-pass@")
        assert run(far.url, tls=tls, proxy=good).code == 0
        result = run(far.url, tls=tls, proxy=proxy.url.replace("//", "//user:wrong-pass@"))
        assert (result.code, result.only["code"]) == (4, "407"), result.out
        assert "wrong-pass" not in result.out
    assert all("proxy-authorization" not in request.headers for request in far.seen)


def test_a_refused_proxy(closed_port: int) -> None:
    result = run("http://127.0.0.1:1/", proxy=f"http://127.0.0.1:{closed_port}")
    assert (result.code, result.only["code"]) == (5, "ECONNREFUSED")


def test_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(unix=path) as far:
        result = run("http://api.example.com/v1/job", unix_socket=str(path))
        assert result.code == 0, result.out
    assert (far.only.path, far.only.headers["host"]) == ("/v1/job", "api.example.com")
    path.unlink()
    result = run("http://localhost/", unix_socket=str(path))
    assert (result.code, result.only["code"]) == (5, "ENOENT")


@pytest.fixture(scope="module")
def hypercorn(certificates: Certificates) -> Iterator[str]:
    """The URL of a server that speaks HTTP/2."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    identity = certificates.server
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "hypercorn", "--bind", f"127.0.0.1:{port}"),
            *("--certfile", str(identity.certificate), "--keyfile", str(identity.key)),
            "tests.servers.asgi_echo:app",
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)
    yield f"https://127.0.0.1:{port}/"
    process.terminate()
    process.wait(timeout=20)


def test_http2(hypercorn: str, certificates: Certificates) -> None:
    tls = {"ca": str(certificates.ca)}
    result = run(hypercorn, http2=True, tls=tls, keys={"payload": "x"})
    assert result.code == 0, result.out
    assert json.loads(result.only["receipt"]["body"]) == {"version": "2", "body": "x"}
    assert result.only["receipt"]["http_version"] == "HTTP/2"
    plain = run(hypercorn, tls=tls, keys={"payload": "x"})
    assert json.loads(plain.only["receipt"]["body"])["version"] == "1.1"


def test_http2_shares_a_connection(hypercorn: str, certificates: Certificates) -> None:
    tls = {"ca": str(certificates.ca)}
    jobs = "\n---\n".join(
        document(hypercorn, http2=True, tls=tls).replace('"a"', f'"j{n}"') for n in range(120)
    )
    result = chronos("run", "-", "-o", "json", "--concurrency", "120", stdin=jobs)
    assert result.code == 0, result.out[-500:]
    versions = {one["receipt"]["http_version"] for one in result.report["results"]}
    assert versions == {"HTTP/2"}


def test_http2_falls_back(certificates: Certificates) -> None:
    with serving(context=server_context(certificates.server)) as far:
        result = run(far.url, http2=True, tls={"ca": str(certificates.ca)})
    assert (result.code, result.only["receipt"]["http_version"]) == (0, "HTTP/1.1")


def test_http2_without_its_library(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nreal = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'h2' else real(name, *more)\n"
    )
    result = run("https://127.0.0.1:1/", http2=True, env={"PYTHONPATH": str(tmp_path)})
    assert (result.code, result.out) == (3, "")
    assert f"'h2' is not installed; run: {install_command(OWN_PACKAGE, 'http2')}" in result.err
    assert len(result.err.splitlines()) <= 2


def test_credentials_do_not_follow_a_redirect() -> None:
    auth: dict[str, Any] = {"bearer": {"token": "token-of-one"}}
    signing = {"github": {"secret": "secret-of-one"}}
    headers = {"Cookie": "a=1", "X-Api-Key": "key-of-one", "X-Auth": "in a name of ours"}
    headers["Accept-Language"] = "de"
    redirects = {"follow": True}
    with serving() as two:
        away = Reply(307, b"", {"Location": f"{two.url}/there"})
        with serving(lambda _: away) as one:
            result = run(
                one.url,
                auth=auth,
                signing=signing,
                headers=headers,
                redirects=redirects,
                keys={"payload": "x"},
            )
            key = {"header": "X-Own", "secret": "key-of-one"}
            assert run(one.url, auth={"api_key": key}, redirects=redirects).code == 0
    assert result.code == 0, result.out
    assert result.only["receipt"]["redirects"] == [f"{two.url}/there"]
    for name in ("authorization", "cookie", "x-api-key", "x-auth", "x-hub-signature-256"):
        assert name in one.seen[0].headers
        assert name not in two.seen[0].headers
    assert "x-own" in one.seen[1].headers
    assert "x-own" not in two.seen[1].headers
    assert (two.seen[0].headers["accept-language"], two.seen[0].body) == ("de", b"x")
    assert two.seen[0].headers["x-chronos-attempt"] == "1"
    assert two.seen[0].headers["host"] == two.url.removeprefix("http://")


def test_a_redirect_away_from_tls_is_refused(certificates: Certificates) -> None:
    with serving() as plain:
        away = Reply(302, b"", {"Location": plain.url})
        with serving(lambda _: away, context=server_context(certificates.server)) as far:
            tls = {"ca": str(certificates.ca)}
            result = run(far.url, tls=tls, redirects={"follow": True})
        assert (result.code, result.only["code"]) == (4, "302")
        assert "from https:// to http://" in result.only["message"]
        assert plain.seen == []


def test_our_certificate_is_not_shown_to_another_origin(certificates: Certificates) -> None:
    wanting = server_context(certificates.server, certificates.ca)
    with serving(context=wanting) as two:
        away = Reply(307, b"", {"Location": two.url})
        with serving(lambda _: away, context=wanting) as one:
            ours = certificates.client
            tls = {"ca": str(certificates.ca), "cert": str(ours.certificate), "key": str(ours.key)}
            result = run(one.url, tls=tls, redirects={"follow": True})
        assert (result.code, len(one.seen), two.seen) == (4, 1, [])


def test_a_failed_expectation_may_be_tried_again() -> None:
    replies = iter([Reply(body=b'{"state": "starting"}'), Reply(body=b'{"state": "ready"}')])
    expect = {"json": {"$.state": "ready"}}
    policy = {"max_attempts": 3, "initial_interval": "1ms", "retry_on": ["expectation"]}
    with serving(lambda _: next(replies)) as far:
        result = run(far.url, expect=expect, keys={"retry_policy": policy})
    assert (result.code, len(far.seen)) == (0, 2)
    first = result.only["attempts"][0]
    assert (first["status"], "starting" in first["message"]) == ("rejected", True)


def test_compression() -> None:
    import gzip

    with serving() as far:
        assert run(far.url, compression="gzip", form={"a": "b" * 1000}).code == 0
        assert run(far.url, compression="gzip", method="GET").code == 0
    packed, empty = far.seen
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-length"] == str(len(packed.body))
    assert gzip.decompress(packed.body) == b"a=" + b"b" * 1000
    assert ("content-encoding" in empty.headers, empty.body) == (False, b"")


@pytest.mark.parametrize(
    ("webhook", "told"),
    [
        ({"form": {}, "multipart": {"fields": {"a": "b"}}}, "both 'form' and 'multipart'"),
        ({"multipart": {}}, "an empty form"),
        ({"multipart": {"files": {"a": {"path": "/none"}}}}, "cannot read '/none'"),
        ({"proxy": "socks5://h:1"}, "the proxy must begin with http"),
        ({"proxy": "environment", "unix_socket": "/s"}, "both 'proxy' and 'unix_socket'"),
        ({"http2": True}, "agreed on over TLS"),
        ({"redirects": {"max": 0}}, "at least 1"),
        ({"expect": {"body": "("}}, "not a regular expression"),
        ({"expect": {"json": {"a": 1}}}, "does not begin with $"),
        ({"expect": {"header": {"a b": "x"}}}, "not a header name"),
        ({"compression": "br"}, "not one of: gzip, none"),
        ({"tls": {"key_password": "a"}}, "'key_password' without 'cert'"),
    ],
)
def test_mistakes(webhook: dict[str, Any], told: str) -> None:
    assert told in problems(**webhook)


def test_a_payload_and_a_form_are_too_much() -> None:
    text = document("http://127.0.0.1:1/", form={"a": "b"}, keys={"payload": "x"})
    result = chronos("validate", "-", stdin=text)
    assert (result.code, "both 'payload' and 'webhook.form'" in result.err) == (3, True)
