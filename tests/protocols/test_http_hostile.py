"""Far sides that break the rules: none of them gets a false success, or another job's failure."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import StreamEnded

from tests.brokers.certificates import Certificates
from tests.protocols.webhook import problems, run
from tests.servers.raw import raw, response
from tests.servers.web import Reply, proxying, server_context, serving
from tests.support import Result, chronos

TWICE = {"retry_policy": {"max_attempts": 2, "initial_interval": "1ms"}}


@pytest.mark.parametrize(
    "first",
    [
        response(b"mine", "500 Bad") + response(b"stolen"),
        b"HTTP/1.1 204 No Content\r\n\r\n" + response(b"stolen"),
        response(b"mine") + b"x",
    ],
    ids=["a second response", "a body of 204", "a byte"],
)
def test_what_is_left_on_a_connection_answers_no_other_request(first: bytes) -> None:
    def answer(path: str) -> bytes:
        return first if path == "/first" else response(b"own", "404 Not Found")

    with raw(answer) as far:
        jobs = [
            {"name": name, "retry_policy": {"max_attempts": 1}, "webhook": {"url": far.url + path}}
            for name, path in (("a", "/first"), ("b", "/second"))
        ]
        text = json.dumps({"jobs": jobs})
        result = chronos("run", "-", "-o", "json", "--concurrency", "1", stdin=text)
    _, second = result.report["results"]
    assert (second["code"], second["receipt"]["body"]) == ("404", "own")
    assert len(far.connections) == 2


def test_a_clean_connection_is_used_again() -> None:
    answers = iter([response(b"", "503 Later"), response(b"ok")])
    with raw(lambda _: next(answers)) as far:
        result = run(far.url, keys=TWICE)
    assert (result.code, len(far.connections)) == (0, 1)


def packed(content: bytes) -> bytes:
    return response(content, "200 OK", "Content-Encoding: gzip")


@pytest.mark.parametrize(
    ("content", "code", "told"),
    [
        (gzip.compress(b"whole"), 0, "whole"),
        (gzip.compress(b"two ") + gzip.compress(b"members"), 0, "two members"),
        (b"", 0, ""),
        (gzip.compress(b"cut" * 100)[:-12], 5, "it ends too early"),
        (gzip.compress(b"cut" * 100)[:5], 5, "it ends too early"),
        (gzip.compress(b"and") + b"garbage", 5, "gzip is broken"),
    ],
    ids=["whole", "two members", "nothing", "no end", "a beginning", "garbage"],
)
def test_gzip_is_whole_or_broken(content: bytes, code: int, told: str) -> None:
    with raw(lambda _: packed(content)) as far:
        result = run(far.url)
    assert result.code == code, result.out
    assert told in (result.only["message"] or result.only["receipt"]["body"])


@pytest.mark.parametrize("secured", [False, True])
@pytest.mark.parametrize("path", ["/at-once", "/half"])
def test_a_reset_is_not_now_over_tls_too(
    certificates: Certificates, secured: bool, path: str
) -> None:
    """At once, and in the midst of a body."""
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"
    context = server_context(certificates.server) if secured else None
    with raw(lambda asked: half if asked == "/half" else None, context, ends=True) as far:
        tls = {"tls": {"ca": str(certificates.ca)}} if secured else {}
        result = run(far.url + path, keys=TWICE, **tls)
    assert (result.code, result.only["status"]) == (5, "unreachable"), result.out
    assert len(result.only["attempts"]) == 2


def test_what_breaks_the_rules_of_http2_is_not_now(certificates: Certificates) -> None:
    with short_over_http2(certificates) as url:
        result = run(url, http2=True, tls={"ca": str(certificates.ca)})
    assert (result.code, result.only["status"]) == (5, "unreachable"), result.out


def test_a_secret_that_is_cut_is_masked_too() -> None:
    body = b"x" * (64 * 1024 - 6) + b"of-the-file and more"
    with raw(lambda _: response(body)) as far:
        result = run(far.url, auth={"bearer": {"token": "of-the-file"}})
    assert result.only["receipt"]["body_truncated"]
    assert result.only["receipt"]["body"].endswith("xxx***")
    with raw(lambda _: response(b"y" * 152 + b" of-the-file", "400 Bad")) as far:
        result = run(far.url, auth={"bearer": {"token": "of-the-file"}})
    assert "of-the" not in result.out


@pytest.mark.parametrize(
    ("content_type", "body", "expect"),
    [
        ("text/plain; charset=ISO-8859-1", "état".encode("latin-1"), {"body": "^état$"}),
        ('text/plain;charset="utf-16"', "état".encode("utf-16"), {"body": "^état$"}),
        ("application/json", b'\xef\xbb\xbf{"a": 1}', {"json": {"$.a": 1}}),
        ("text/plain; charset=iso-8859-12", "état".encode(), {"body": "^état$"}),
        ("text/plain; charset=unicode_escape", b"caf\xc3\xa9 \\x41", {"body": r"^café \\x41$"}),
    ],
    ids=["latin-1", "utf-16", "bom", "no codec", "a codec of Python"],
)
def test_a_body_is_read_in_its_charset(
    content_type: str, body: bytes, expect: dict[str, Any]
) -> None:
    with serving(lambda _: Reply(200, body, {"Content-Type": content_type})) as far:
        result = run(far.url, expect=expect)
    assert result.code == 0, result.out


def test_an_unexpected_status_tells_what_was_expected() -> None:
    with serving() as far:
        result = run(far.url, expect={"status": [201, "300-302"]})
    assert result.only["message"].startswith("200 OK, expected 201 or 300-302")
    with raw(lambda _: response(b"", "999 Odd")) as odd:
        assert (run(odd.url).code, run(odd.url, expect={"status": "5xx"}).code) == (4, 4)


def test_a_failure_behind_a_redirect_names_the_place(closed_port: int) -> None:
    dead = f"http://127.0.0.1:{closed_port}/dead"
    with serving(lambda _: Reply(307, b"", {"Location": dead})) as far:
        result = run(far.url, redirects={"follow": True})
    assert (result.code, dead in result.only["message"]) == (5, True)
    assert result.only["receipt"]["redirects"] == [dead]


def test_a_proxy_is_named_and_trusted_as_the_job_says(
    certificates: Certificates, closed_port: int
) -> None:
    dead = f"http://127.0.0.1:{closed_port}"
    assert f"by the proxy {dead}" in run("http://127.0.0.1:1/", proxy=dead).only["message"]
    context = server_context(certificates.server)
    with serving() as far, proxying(context=context) as proxy:
        untrusted = run(far.url, proxy=proxy.url)
        assert (untrusted.code, untrusted.only["code"]) == (4, "TLS")
        assert f"by the proxy {proxy.url}" in untrusted.only["message"]
        assert run(far.url, proxy=proxy.url, tls={"ca": str(certificates.ca)}).code == 0
        result = run(far.url, proxy=proxy.url, tls={"insecure_skip_verify": True})
        assert (result.code, "insecure_skip_verify" in result.err) == (0, True)
        assert len(far.seen) == 2


def test_slow_searches_hold_nobody_up() -> None:
    hard = b"a" * 40_000 + b"!"
    with serving(lambda request: Reply(200, hard)) as far:
        expect = {"status": "2xx", "body": "(a+)+$"}
        jobs: list[dict[str, Any]] = [
            {"name": f"n{n}", "webhook": {"url": far.url, "expect": expect}} for n in range(12)
        ]
        jobs.append({"name": "quick", "timeout": "2s", "webhook": {"url": far.url}})
        for job in jobs:
            job["retry_policy"] = {"max_attempts": 1}
        result = chronos("run", "-", "-o", "json", stdin=json.dumps({"jobs": jobs}))
    *slow, quick = result.report["results"]
    assert quick["status"] == "succeeded"
    assert quick["duration_ms"] < 1000
    assert all("took too long" in one["message"] for one in slow)


def test_a_key_in_a_header_that_is_ours_is_refused_at_load() -> None:
    for name in ("Content-Length", "traceparent", "X-Chronos-Job-ID"):
        assert "is set by chronos" in problems(auth={"api_key": {"header": name, "secret": "k"}})
    own: dict[str, Any] = {
        "headers": {"X-My": "a"},
        "auth": {"api_key": {"header": "x-my", "secret": "key-of-me"}},
    }
    assert "keep one" in problems(**own)


def test_passwords_in_urls_that_cannot_be_read_are_not_quoted() -> None:
    for url in ("ftp://user:top-secret@h/", "http://user:top-secret/7@h/", "user:top-secret@h"):
        assert "top-sec" not in problems(url)
    environment = {"http_proxy": "socks5://u:top-secret@h:1", "no_proxy": ""}
    result: Result = run("http://127.0.0.1:1/", proxy="environment", env=environment)
    assert (result.code, "top-sec" in result.out + result.err) == (4, False)


def test_what_in_a_url_is_named_like_a_secret_is_masked() -> None:
    with serving(lambda request: Reply(400, request.path.encode())) as far:
        url = far.url + "/x?access_token=literal-6666&key=${KEY}&a=1"
        result = run(url, env={"KEY": "key-of-outside"})
    assert far.only.path == "/x?access_token=literal-6666&key=key-of-outside&a=1"
    assert "literal-6666" not in result.out
    assert "key-of-outside" not in result.out
    assert "access_token=***" in result.only["target"]


@pytest.mark.parametrize(
    ("status", "code"), [(408, 5), (425, 5), (429, 5), (500, 5), (400, 4), (409, 4), (426, 4)]
)
def test_what_is_not_now(status: int, code: int) -> None:
    with serving(lambda _: Reply(status)) as far:
        result = run(far.url)
        client = {"token_url": far.url, "client_id": "a", "client_secret": "b"}
        of_token = run("http://127.0.0.1:1/", auth={"oauth2": client})
    assert (result.code, of_token.code) == (code, code)
    with raw(lambda _: response(b"", f"{status} No")) as proxy:
        assert run("https://h.example/", proxy=proxy.url).code == code


@contextmanager
def short_over_http2(certificates: Certificates) -> Iterator[str]:
    """Answer one request with fewer bytes than its content-length says."""
    context = server_context(certificates.server)
    context.set_alpn_protocols(["h2"])
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError), context.wrap_socket(listener.accept()[0], server_side=True) as peer:
            h2 = H2Connection(H2Configuration(client_side=False))
            h2.initiate_connection()
            peer.sendall(h2.data_to_send())
            while data := peer.recv(65536):
                for event in h2.receive_data(data):
                    if isinstance(event, StreamEnded):
                        number = event.stream_id
                        h2.send_headers(number, [(":status", "200"), ("content-length", "100")])
                        h2.send_data(number, b"abc", end_stream=True)
                peer.sendall(h2.data_to_send())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    thread.join(10)
