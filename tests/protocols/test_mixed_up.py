"""A port that speaks something else than the job: the message says what to look at."""

import json
import ssl
from collections.abc import Mapping
from typing import Any

import pytest

from chronos_cli.protocols.greeting import speaks
from chronos_cli.protocols.http.page import shown
from tests.brokers.certificates import Certificates
from tests.brokers.nats import NatsServer
from tests.protocols.grpc_servers import GrpcServer
from tests.servers.web import Reply, Seen, serving
from tests.support import Result, chronos

Targets = Mapping[str, Mapping[str, Any]]


def outcomes(targets: Targets, timeout: str = "10s") -> dict[str, dict[str, Any]]:
    """What becomes of a job to each target, all of them in one run."""
    policy = {"max_attempts": 1}
    jobs = [
        {"name": name, "timeout": timeout, "retry_policy": policy, **target}
        for name, target in targets.items()
    ]
    result: Result = chronos("run", "-", "-o", "json", stdin=json.dumps({"jobs": jobs}))
    return {one["job_id"]: one for one in json.loads(result.out)["results"]}


def tls_of(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server.certificate, certificates.server.key)
    return context


def test_the_clients_of_brokers_at_an_http_server() -> None:
    with serving() as far:
        address = far.url.removeprefix("http://")
        found = outcomes(
            {
                "nats": {"nats": {"url": f"nats://{address}", "subject": "a"}},
                "amqp": {"rabbitmq": {"url": f"amqp://{address}", "routing_key": "a"}},
                "kafka": {"kafka": {"brokers": address, "topic": "a"}},
                "grpc": {"grpc": {"address": address, "method": "A/B"}},
                "https": {"webhook": {"url": f"https://{address}/"}},
            },
            "2s",
        )
    assert [one["status"] for one in found.values()][:4] == [*["timed_out"] * 3, "rejected"]
    assert "no INFO came, which NATS sends at once" in found["nats"]["message"]
    assert "the first bytes of AMQP have no answer; does this port" in found["amqp"]["message"]
    assert "is this a port of Kafka without TLS?" in found["kafka"]["message"]
    assert found["grpc"]["code"] == "PROTOCOL"
    # It waits on, or answers in plain HTTP, by what it takes our first bytes for.
    assert "http://" in found["https"]["message"]


def test_http_at_other_servers(nats_server: NatsServer, certificates: Certificates) -> None:
    grpc = GrpcServer()
    with serving(context=tls_of(certificates)) as secure:
        nats = nats_server.url.removeprefix("nats://")
        found = outcomes(
            {
                "nats": {"webhook": {"url": f"http://{nats}/"}},
                "grpc": {"webhook": {"url": f"http://{grpc.address}/"}},
                "plain": {"webhook": {"url": secure.url.replace("https", "http")}},
                "tls-at-nats": {"webhook": {"url": f"https://{nats}/"}},
                "untrusted": {"webhook": {"url": secure.url}},
                "amqp-at-nats": {"rabbitmq": {"url": f"amqp://{nats}", "routing_key": "a"}},
            }
        )
    grpc.stop()
    messages = {name: one["message"] for name, one in found.items()}
    assert "the port speaks NATS, not HTTP" in messages["nats"]
    assert "the port speaks HTTP/2 without TLS, as gRPC does, not HTTP" in messages["grpc"]
    assert "Is this a port of HTTP, and without TLS?" in messages["plain"]
    assert "does not speak TLS (WRONG_VERSION_NUMBER)" in messages["tls-at-nats"]
    assert "write http:// if it is a port of HTTP" in messages["tls-at-nats"]
    assert "in 'tls.ca'" in messages["untrusted"]
    assert "the server does not speak AMQP 0-9-1 but NATS" in messages["amqp-at-nats"]
    assert [one["status"] for one in found.values()] == [
        "unreachable",
        "unreachable",
        "unreachable",
        "rejected",
        "rejected",
        "rejected",
    ]


PAGE = b"""<!DOCTYPE html><html><head><title>500</title><style>p {color: red}</style></head>
<body><!-- no --><h1>Internal &amp; Error</h1><script>alert(1)</script>
<p>ask <b>ops\x1b[31m</b></p>"""


def test_what_a_failing_http_server_says() -> None:
    def answer(request: Seen) -> Reply:
        if request.path == "/busy":
            return Reply(429, b"later", {"Retry-After": "90"})
        return Reply(500, PAGE, {"Content-Type": "text/html; charset=utf-8"})

    with serving(answer) as far:
        found = outcomes(
            {path: {"webhook": {"url": f"{far.url}/{path}"}} for path in ("busy", "page")}
        )
    busy, page = found["busy"], found["page"]
    assert busy["message"] == (
        "429 Too Many Requests: later; it asks us to wait 1m30s (Retry-After)"
    )
    assert page["message"] == "500 Internal Server Error: Internal & Error ask ops\x1b[31m"
    assert page["receipt"]["body"] == PAGE.decode()
    assert (busy["status"], page["status"]) == ("unreachable", "unreachable")


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>a<br>b</p>", " a b "),
        ("a < b", "a "),
        ("<script>x</script>y", " y"),
        ("<style>never closed", ""),
        ("<!-- never closed", ""),
        ("<" * 60_000, ""),
        ("<p>" * 20_000 + "end", None),
        ("<!---->" * 9000 + "end", None),
        ("x" * 60_000, "x" * 2000),
    ],
)
def test_the_text_of_a_page(page: str, text: str | None) -> None:
    found = shown(page)
    assert found == text if text is not None else found.strip() == "end"


def test_first_bytes() -> None:
    assert speaks(b"HTTP/1.1 400 Bad Request") == "HTTP"
    assert speaks(b"INFO {") == "NATS"
    assert speaks(b"AMQP\0\0\x09\x01") == "AMQP"
    assert speaks(b"\x15\x03\x01\0\2\2\x46") == "TLS"
    assert speaks(b"\0\0\6\4\0\0\0\0\0") == "HTTP/2 without TLS, as gRPC does"
    assert speaks(b"") is None
    assert speaks(b"\0\0\6\4") is None  # a length, of an answer of Kafka
    assert speaks(b"\0\0\0\x2b\x43\x48\x4f\x4e") is None
