"""Every message on docs/when-something-fails.md is one that the program gives."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chronos_cli.testing.ports import SilentPort
from tests.brokers.certificates import Certificates
from tests.docs.failures import PAGE, Case, check_message, messages
from tests.docs.stage import Stage
from tests.protocols.grpc_servers import GrpcServer
from tests.support import HttpServer, finish, start


@pytest.mark.parametrize(("message", "case"), messages(of_brokers=False))
def test_a_message_of_the_page_is_given(
    message: str,
    case: Case,
    stage: Stage,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "http2" in case.job:  # its library is taken away
        monkeypatch.setitem(sys.modules, "h2", None)
    check_message(message, case, stage, request)


def test_every_message_has_a_cause_and_a_cure() -> None:
    for row in PAGE.splitlines():
        if row.startswith("| `"):
            assert all(cell.strip() for cell in row.split(" | ")), row


@pytest.fixture(scope="module")
def server_port(server: HttpServer) -> int:
    return server.port


@pytest.fixture(scope="module")
def tls_port(certificates: Certificates) -> Iterator[int]:
    identity = certificates.server
    running = HttpServer(str(identity.certificate), str(identity.key))
    yield running.port
    running.stop()


@pytest.fixture(scope="module")
def wrong_host_port(certificates: Certificates) -> Iterator[int]:
    identity = certificates.wrong_host
    running = HttpServer(str(identity.certificate), str(identity.key))
    yield running.port
    running.stop()


@pytest.fixture
def authority(certificates: Certificates) -> Path:
    return certificates.ca


@pytest.fixture
def grpc_address() -> Iterator[str]:
    running = GrpcServer()
    yield running.address
    running.stop()


@pytest.fixture
def one_that_runs(stage: Stage, silent_port: SilentPort) -> Iterator[int]:
    """The port of a far side that keeps an execution of the job waiting."""
    job = stage.folder / "running.yaml"
    url = f"http://127.0.0.1:{int(silent_port)}/"
    job.write_text(f"name: a\nconcurrency: forbid\nwebhook: {{url: '{url}'}}")
    process = start("run", str(job), env=stage.variables)
    with silent_port.wait_for_client():
        yield int(silent_port)
        process.kill()
        finish(process)
