"""What is HTTP's own: the exceptions of the libraries below it, and what is imported for it."""

import inspect
import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import h2.exceptions
import h11
import pytest

from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols.http import errors
from chronos_cli.protocols.http.errors import FAILURES, translated
from tests.brokers.certificates import Certificates
from tests.protocols.webhook import document
from tests.servers.web import server_context, serving
from tests.support import ROOT, environment


def of_openssl(kind: type[ssl.SSLError], reason: str) -> ssl.SSLError:
    error = kind(1, reason)
    error.reason = reason
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_message = reason
    return error


EXPECTED: dict[Exception, type[DispatchError]] = {
    h11.RemoteProtocolError("x"): UnreachableError,
    h11.LocalProtocolError("x"): RejectedError,
    errors.ResponseError("x"): UnreachableError,
    errors.RequestError("x"): RejectedError,
    errors.ProxyError(407, "Who?"): RejectedError,
    errors.ProxyError(503, "Later"): UnreachableError,
    errors.ProxyError(408, "Too slow"): UnreachableError,
    ConnectionRefusedError(111, "x"): UnreachableError,
    ConnectionError("x"): UnreachableError,
    socket.gaierror(socket.EAI_NONAME, "x"): UnreachableError,
    of_openssl(ssl.SSLEOFError, "UNEXPECTED_EOF_WHILE_READING"): UnreachableError,
    of_openssl(ssl.SSLZeroReturnError, "x"): UnreachableError,
    of_openssl(ssl.SSLCertVerificationError, "self-signed"): RejectedError,
    of_openssl(ssl.SSLError, "TLSV1_ALERT_UNKNOWN_CA"): RejectedError,
    UnicodeError("x"): RejectedError,
}


@pytest.mark.parametrize("error", EXPECTED, ids=repr)
def test_what_each_failure_means(error: Exception) -> None:
    assert isinstance(error, FAILURES)
    meaning = translated(error, "GET http://h/")
    assert type(meaning) is EXPECTED[error]
    assert "GET http://h/" in meaning.message


def test_every_exception_of_h11_is_mapped() -> None:
    public = {
        value
        for value in vars(h11).values()
        if inspect.isclass(value) and issubclass(value, Exception)
    }
    mapped = {type(error) for error in EXPECTED if isinstance(error, h11.ProtocolError)}
    assert public - {h11.ProtocolError} == mapped  # the root is never raised itself


def test_every_exception_of_h2_is_caught_by_its_root() -> None:
    for value in vars(h2.exceptions).values():
        if inspect.isclass(value) and issubclass(value, Exception):
            assert issubclass(value, h2.exceptions.H2Error)


def test_names_that_are_not_there_and_servers_that_do_not_answer_are_told_apart() -> None:
    gone = translated(socket.gaierror(socket.EAI_NONAME, "x"), "h")
    silent = translated(socket.gaierror(socket.EAI_AGAIN, "x"), "h")
    assert (gone.code, silent.code) == ("DNS", "DNS")
    assert "there is no such name" in gone.message
    assert "no name server answers" in silent.message


UNUSED = {"httpx", "httpcore", "anyio", "sniffio", "h2", "hpack", "idna", "urllib.request"}


@pytest.mark.parametrize("secured", [False, True])
def test_what_a_job_imports(certificates: Certificates, secured: bool, tmp_path: Path) -> None:
    context = server_context(certificates.server) if secured else None
    with serving(context=context) as far:
        tls: dict[str, Any] = {"tls": {"ca": str(certificates.ca)}} if secured else {}
        imported = modules_of(document(far.url, **tls))
        assert far.only.method == "POST"
    assert "h11" in imported
    assert not imported & UNUSED


def test_what_digest_imports() -> None:
    """The library of the challenges comes without its command line, its pool and its event loop."""
    with serving() as far:
        login = {"username": "u", "password": "p"}
        imported = modules_of(document(far.url, auth={"digest": login}))
    assert not imported & {"httpcore", "anyio", "rich", "httpx._main"}


def modules_of(text: str) -> set[str]:
    """The modules that `chronos run` of a job has imported when it ends."""
    code = (
        "import sys, atexit, json\n"
        "from chronos_cli.cli.main import main\n"
        "atexit.register(lambda: print('|' + json.dumps(sorted(sys.modules))))\n"
        "sys.argv = ['chronos', 'run', '-', '--no-state']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=text,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return set(json.loads(done.stdout.rpartition("|")[2]))
