"""uvicorn and hypercorn as they come: both keep a connection for five seconds."""

import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.brokers.process import inherited_environment
from tests.interop.load import Load, assert_held, fire
from tests.interop.servers import free_port, running
from tests.support import ROOT

pytestmark = pytest.mark.interop

_APP = "tests.servers.asgi_echo:app"


def installed_version(package: str) -> str:
    try:
        return installed(package)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed")


@pytest.mark.far_side("uvicorn", "its defaults (keep-alive 5 s), jobs @every 5s")
def test_uvicorn(tmp_path: Path, record_property: Any) -> None:
    record_property("version", installed_version("uvicorn"))
    port, load = free_port(), Load(jobs=100, full_rounds=10, every="5s")
    command: list[str | Path] = [sys.executable, "-m", "uvicorn", "--port", str(port)]
    environment = {**inherited_environment(), "PYTHONPATH": str(ROOT)}
    with running([*command, _APP], port, tmp_path / "uvicorn.log", environment):
        found = fire(tmp_path, {"a": {"webhook": {"url": f"http://127.0.0.1:{port}/"}}}, load)
    record_property("held", assert_held(found, load))


@pytest.mark.far_side("hypercorn", "its defaults (keep-alive 5 s), jobs @every 5s: TLS, HTTP/2")
def test_hypercorn(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    record_property("version", installed_version("hypercorn"))
    port, load = free_port(), Load(jobs=100, full_rounds=10, every="5s")
    identity = certificates.server
    files: list[str | Path] = ["--certfile", identity.certificate, "--keyfile", identity.key]
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "hypercorn",
        "--bind",
        f"127.0.0.1:{port}",
        *files,
        _APP,
    ]
    environment = {**inherited_environment(), "PYTHONPATH": str(ROOT)}
    page: dict[str, Any] = {
        "url": f"https://127.0.0.1:{port}/",
        "tls": {"ca": str(certificates.ca)},
    }
    with running(command, port, tmp_path / "hypercorn.log", environment):
        targets = {"tls": {"webhook": page}, "h2": {"webhook": {**page, "http2": True}}}
        found = fire(tmp_path, targets, load)
    record_property("held", assert_held(found, load))
