"""Checks over HTTP and gRPC, and the steps that all protocols share."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from chronos_cli.dispatch.steps import StepStatus
from tests.brokers.certificates import Certificates, Identity
from tests.protocols.checking import check, failed, names, step
from tests.protocols.grpc_servers import BEHAVIOUR, GrpcServer
from tests.servers.health_server import serving_health
from tests.servers.web import Reply, Seen, proxying, server_context, serving
from tests.support import ROOT, HttpServer

# HTTP.

# How a dispatch ends that gets these statuses.
JUDGED = {405: "rejected", 501: "unreachable"}


def test_nothing_is_asked_of_a_web_server_by_default(server: HttpServer) -> None:
    result = check("webhook", {"url": f"{server.url}/status/500?quiet"})
    assert names(result) == ["loaded", "resolve", "connect", "message"]
    assert (result.status, step(result, "resolve").message) == ("succeeded", "127.0.0.1")
    assert server.requests("/status/500?quiet") == []


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/status/204", "succeeded", "HEAD: 204"),
        ("/redirect/x", "warning", "HEAD: 302; a redirect, which is not followed"),
        ("/status/405", "warning", "it does not answer HEAD"),
        ("/status/404", "rejected", "404 Not Found"),
        ("/auth/x", "rejected", "401 Unauthorized"),
        ("/status/503", "unreachable", "503 Service Unavailable"),
        ("/close/x", "unreachable", "ended without a valid response"),
    ],
)
def test_the_answer_to_a_question(server: HttpServer, path: str, status: str, message: str) -> None:
    result = check("webhook", {"url": f"{server.url}{path}", "check": "HEAD"})
    answer = step(result, "answer")
    assert (answer.status, message in answer.message) == (status, True), answer
    assert result.status == ("succeeded" if status == "warning" else status)


@pytest.mark.parametrize("status", [405, 501])
def test_an_answer_to_the_method_of_the_job(server: HttpServer, status: int) -> None:
    """What the question gets, the job would get too."""
    target = {"url": f"{server.url}/status/{status}", "method": "GET", "check": "GET"}
    assert failed(check("webhook", target))[:2] == (JUDGED[status], "answer")
    assert check("webhook", {**target, "method": "POST"}).status == "succeeded"


@pytest.mark.parametrize(
    "keys",
    [
        {"auth": {"bearer": {"token_file": "no-such-file"}}},
        {"signing": {"github": {"secret_file": "no-such-file"}}},
    ],
)
def test_a_file_that_the_request_needs(server: HttpServer, keys: dict[str, Any]) -> None:
    result = check("webhook", {"url": f"{server.url}/status/200", **keys})
    status, name, message = failed(result)
    assert (status, name, "no-such-file" in message) == ("rejected", "message", True)


def test_a_question_has_the_login_and_nothing_of_the_message(server: HttpServer) -> None:
    path = "/status/200?question"
    target = {
        "url": f"{server.url}{path}",
        "check": "OPTIONS",
        "auth": {"bearer": {"token": "t0ken"}},
        "form": {"a": "b"},
    }
    assert check("webhook", target).status == "succeeded"
    (request,) = server.requests(path)
    sent = {name.lower(): value for name, value in request["headers"]}
    assert (request["method"], request["body"]) == ("OPTIONS", "")
    assert sent["authorization"] == "Bearer t0ken"
    assert not [name for name in sent if name.startswith(("x-chronos", "idempotency", "trace"))]


@pytest.mark.parametrize(
    ("left", "status", "words"),
    [
        (datetime.timedelta(minutes=30), StepStatus.WARNING, "within the hour, on"),
        (datetime.timedelta(hours=3, minutes=30), StepStatus.WARNING, "in 3 hours, on"),
        (datetime.timedelta(days=1, hours=1), StepStatus.WARNING, "in 1 day, on"),
        (datetime.timedelta(days=13, hours=23), StepStatus.WARNING, "in 13 days, on"),
        (datetime.timedelta(days=14, hours=1), StepStatus.SUCCEEDED, "in 14 days, on"),
        (datetime.timedelta(days=355416), StepStatus.SUCCEEDED, "on"),
    ],
)
def test_when_a_certificate_ends(
    tmp_path: Path, left: datetime.timedelta, status: StepStatus, words: str
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    end = datetime.datetime.now(datetime.UTC) + left
    leaf = authority.issue_cert("127.0.0.1", not_after=end)
    with serving(context=server_context(Identity.write(tmp_path, "soon", leaf))) as far:
        result = check("webhook", {"url": far.url, "tls": {"ca": str(tmp_path / "ca.pem")}})
        assert result.status == "succeeded"
        found = step(result, "tls")
        assert found.status is status
        assert found.message == f"TLSv1.3; the certificate ends {words} {end:%Y-%m-%d}"
        unverified = check("webhook", {"url": far.url, "tls": {"insecure_skip_verify": True}})
        assert "when it ends is not known" in step(unverified, "tls").message
        assert far.seen == []


def test_a_far_side_that_wants_our_certificate(certificates: Certificates) -> None:
    """With TLS 1.3 it says so after the handshake, and nothing is sent that would bring it out."""
    tls = {"ca": str(certificates.ca)}
    ours = {"cert": str(certificates.client.certificate), "key": str(certificates.client.key)}
    with serving(context=server_context(certificates.server, certificates.ca)) as far:
        good = check("webhook", {"url": far.url, "tls": {**tls, **ours}})
        assert (good.status, step(good, "tls").status) == ("succeeded", "succeeded")
        status, name, message = failed(check("webhook", {"url": far.url, "tls": tls}))
        assert (status, name) == ("rejected", "tls")
        assert "certificate" in message.lower()


def test_a_handshake_without_an_end(silent_port: int) -> None:
    url = f"https://127.0.0.1:{silent_port}/"
    status, name, message = failed(check("webhook", {"url": url}, timeout="200ms"))
    assert (status, name) == ("timed_out", "tls")
    assert message.startswith("no answer within 200ms; the TLS handshake has no end")


def test_the_way_by_a_proxy(certificates: Certificates) -> None:
    tls = {"ca": str(certificates.ca)}
    with (
        serving(context=server_context(certificates.server)) as far,
        proxying("Basic dXNlcjpwcm94eS1wYXNz", context=server_context(certificates.server)) as by,
    ):
        proxy = by.url.replace("//", "//user:proxy-pass@")
        result = check("webhook", {"url": far.url, "tls": tls, "proxy": proxy})
        way = ["loaded", "resolve", "connect", "proxy tls", "tunnel", "tls", "message"]
        assert (names(result), result.status) == (way, "succeeded"), result
        assert step(result, "connect").message == by.url.removeprefix("https://")
        wrong = proxy.replace("proxy-pass", "wrong-pass")
        status, name, message = failed(
            check("webhook", {"url": far.url, "tls": tls, "proxy": wrong})
        )
        assert (status, name, "407" in message) == ("rejected", "tunnel", True)


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with serving(unix=path) as far:
        target = {"url": f"{far.url}/job", "unix_socket": str(path), "check": "GET"}
        result = check("webhook", target)
        assert result.status == "succeeded"
        assert step(result, "connect").message == str(path)
    gone = failed(check("webhook", target))
    assert gone[:2] == ("unreachable", "connect")


def test_a_token_that_is_asked_for(server: HttpServer) -> None:
    """OAuth 2.0 is a part of the question: without one no token is fetched."""

    def answer(request: Seen) -> Reply:
        is_token = request.path == "/token"
        return Reply(401 if is_token else 200, b'{"error": "invalid_client"}')

    with serving(answer) as far:
        login = {"token_url": f"{far.url}/token", "client_id": "a", "client_secret": "b"}
        target = {"url": f"{server.url}/status/200", "auth": {"oauth2": login}}
        assert check("webhook", target).status == "succeeded"
        assert far.seen == []
        status, name, message = failed(check("webhook", {**target, "check": "HEAD"}))
        assert (status, name) == ("rejected", "answer")
        assert "invalid_client" in message


# gRPC.


@pytest.fixture(scope="module")
def calls() -> Iterator[GrpcServer]:
    running = GrpcServer()
    yield running
    running.stop()


def grpc(server: GrpcServer, method: str, **more: Any) -> Any:
    return check("grpc", {"address": server.address, "method": method, **more})


def test_a_method_by_reflection_and_its_health(calls: GrpcServer) -> None:
    result = grpc(calls, f"{BEHAVIOUR}/Take")
    assert names(result) == ["loaded", "resolve", "connect", "method", "health"]
    assert step(result, "method").message == f"/{BEHAVIOUR}/Take, by reflection"
    assert step(result, "health").message == "SERVING"
    assert calls.seen("Take") == []


def test_a_method_by_files(calls: GrpcServer) -> None:
    servers = ROOT / "tests/servers"
    files = {"files": [str(servers / "behaviour.proto")], "import_paths": [str(servers)]}
    result = grpc(calls, f"{BEHAVIOUR}/Take", proto=files)
    assert step(result, "method").message == f"/{BEHAVIOUR}/Take, described by files"


@pytest.mark.parametrize(
    ("method", "keys", "name", "words"),
    [
        ("Nothing/Execute", {}, "method", "has no service 'Nothing'"),
        (f"{BEHAVIOUR}/Nothing", {}, "method", "has no method 'Nothing'"),
        (f"{BEHAVIOUR}/Free", {"token": "wrong"}, "health", "who are you?"),
    ],
)
def test_a_method_that_would_be_rejected(
    calls: GrpcServer, method: str, keys: dict[str, Any], name: str, words: str
) -> None:
    status, at, message = failed(grpc(calls, method, **keys))
    assert (status, at, words in message) == ("rejected", name, True), message


def test_a_payload_that_the_method_does_not_take(calls: GrpcServer) -> None:
    target = {"address": calls.address, "method": f"{BEHAVIOUR}/Take"}
    status, at, message = failed(check("grpc", target, payload={"no_such_field": 1}))
    assert (status, at, "no_such_field" in message) == ("rejected", "method", True)


def test_a_request_that_is_larger_than_we_send(calls: GrpcServer) -> None:
    target = {"address": calls.address, "method": f"{BEHAVIOUR}/Take", "max_message_size": 90_000}
    payload = {"left": "x" * 99_000}
    status, at, message = failed(check("grpc", target, payload=payload))
    assert (status, at, "max_message_size allows" in message) == ("rejected", "method", True)


def test_a_server_without_reflection() -> None:
    server = GrpcServer("--reflection", "none")
    try:
        status, at, message = failed(grpc(server, f"{BEHAVIOUR}/Take"))
    finally:
        server.stop()
    assert (status, at, "no reflection" in message) == ("rejected", "method", True)


def test_a_service_that_does_not_serve() -> None:
    """Its health is asked for by its name; the server's own is another."""
    with serving_health() as address:
        target = {"address": address, "method": "grpc.health.v1.Health/Check"}
        status, at, message = failed(check("grpc", target))
        assert (status, at) == ("unreachable", "health")
        assert "NOT_SERVING" in message
