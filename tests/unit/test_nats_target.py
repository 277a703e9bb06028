"""The NATS target block, its sample, and the translation of the library's exceptions."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import nats.errors
import nats.js.errors
import nkeys
import pytest

from chronos_cli.errors import RejectedError, TimedOutError, UnreachableError
from chronos_cli.jobs.template import Template
from chronos_cli.protocols.nats.errors import is_mapped, translated
from chronos_cli.protocols.nats.target import Nats, Server
from tests.support import ROOT, chronos, write

URL = "nats://127.0.0.1:4222"
GOOD: dict[str, Any] = {"url": URL, "subject": "a.b"}
FLAWED: list[tuple[dict[str, Any], tuple[str | int, ...]]] = [
    ({"url": None}, ()),
    ({"servers": [URL]}, ("servers",)),
    ({"url": "127.0.0.1:4222"}, ("url",)),
    ({"url": "http://x"}, ("url",)),
    ({"url": "nats://a,,nats://b"}, ("url",)),
    ({"url": "nats://"}, ("url",)),
    ({"url": "nats://h:0"}, ("url",)),
    ({"url": "nats://h:99999"}, ("url",)),
    ({"url": "nats://[::1"}, ("url",)),
    ({"url": "nats://h/path"}, ("url",)),
    ({"url": "nats://h x"}, ("url",)),
    ({"url": None, "servers": [URL, "no"]}, ("servers", 1)),
    ({"subject": ""}, ("subject",)),
    ({"subject": "a b"}, ("subject",)),
    ({"subject": "a\r\nPUB b 0"}, ("subject",)),
    ({"subject": "a..b"}, ("subject",)),
    ({"subject": "a.*"}, ("subject",)),
    ({"subject": ">"}, ("subject",)),
    ({"reply": "a.*"}, ("reply",)),
    ({"reply": "a", "mode": "request"}, ("reply",)),
    ({"expect": {"contains": "x"}}, ("expect",)),
    ({"stream": "S"}, ("stream",)),
    ({"expected_last_sequence": 1, "mode": "request"}, ("expected_last_sequence",)),
    ({"mode": "request", "expect": {"reply": "("}}, ("expect", "reply")),
    ({"user": "u"}, ("user",)),
    ({"password": "p"}, ("password",)),
    ({"user": "u", "password": "p", "token": "t"}, ("token",)),
    ({"url": "nats://u:p@h", "token": "t"}, ("url",)),
    ({"headers": {"a b": "x"}}, ("headers", "a b")),
    ({"headers": {"A": "x\r\nB: y"}}, ("headers", "A")),
    ({"headers": {"A": "x\0"}}, ("headers", "A")),
    ({"headers": {"A": " x"}}, ("headers", "A")),
    ({"headers": {"X-Chronos-Attempt": "9"}}, ("headers", "X-Chronos-Attempt")),
    ({"headers": {"Nats-Expected-Stream": "S"}}, ("headers", "Nats-Expected-Stream")),
    ({"url": "tls://h", "tls": {"enabled": False}}, ("tls", "enabled")),
]


def job(folder: Path, target: dict[str, Any]) -> str:
    given = {key: value for key, value in {**GOOD, **target}.items() if value is not None}
    return write(folder, json.dumps({"name": "job", "nats": given}))


@pytest.mark.parametrize(("changes", "path"), FLAWED)
def test_flaws(changes: dict[str, Any], path: tuple[str | int, ...]) -> None:
    given = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    target = msgspec.convert(given, Nats)
    assert [flaw.path for flaw in target.flaws()] == [path]


def test_flaws_have_their_line(tmp_path: Path) -> None:
    result = chronos("validate", job(tmp_path, {"headers": {"A": "x\r\ny"}, "mode": "publsh"}))
    assert result.code == 3
    assert "publsh" in result.out + result.err


def test_no_flaws() -> None:
    assert list(Nats(**GOOD, headers={"Nats-Msg-Id": "x", "A": "ü"}).flaws()) == []
    assert list(Nats(servers=["tls://[::1]:1", "NATS://h"], subject="$JS.a").flaws()) == []
    templates = Nats(url=Template("{{ x }}"), subject=Template("{{ x }}"))
    assert list(templates.flaws()) == []


@pytest.mark.parametrize("url", ["nats://u:pw@h:1", "nats://pw@h:1", "u:pw@h:1", "nats://u:p@pw@h"])
def test_describe_shows_no_login(url: str) -> None:
    assert "pw" not in Nats(url=url, subject="a").describe()
    assert Nats(url=URL, subject="a").describe() == f"publish a at {URL}"


def test_server_url() -> None:
    server = Server.parse("tls://me:p%40ss@[::1]")
    assert (server.user, server.password, server.url) == ("me", "p@ss", "tls://[::1]:4222")


def exceptions() -> list[type[Exception]]:
    found = [
        kind
        for module in (nats.errors, nats.js.errors, nkeys)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ]
    return [kind for kind in found if kind is not nats.errors.Error]


@pytest.mark.parametrize(
    "kind", exceptions(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}"
)
def test_every_exception_is_mapped(kind: type[Exception]) -> None:
    assert is_mapped(kind)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (nats.errors.Error("nats: 'Authorization Violation'"), RejectedError, "AUTHORIZATION"),
        (nats.errors.Error("nats: 'User Authentication Expired'"), RejectedError, "AUTHORIZATION"),
        (nats.errors.Error("nats: 'maximum connections exceeded'"), UnreachableError, None),
        (nats.errors.Error("nats: something new"), UnreachableError, None),
        (nats.errors.FlushTimeoutError(), TimedOutError, None),
        (nats.js.errors.NotFoundError(404, "no"), RejectedError, "JETSTREAM"),
        (nats.js.errors.ServiceUnavailableError(503, "no"), UnreachableError, "503"),
        (ConnectionRefusedError(111, "refused"), UnreachableError, "ECONNREFUSED"),
        (TimeoutError(), TimedOutError, None),
        (UnicodeError("label too long"), UnreachableError, None),
    ],
)
def test_translation(error: Exception, kind: type[Exception], code: str | None) -> None:
    failure = translated(error, URL)
    assert (type(failure), failure.code) == (kind, code)
    assert URL in failure.message


def test_no_client_library_is_needed_to_validate(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['nats'] = sys.modules['nkeys'] = None\n"
        "import chronos_cli.protocols.nats.dispatcher\n"
        "from chronos_cli.cli.main import main\n"
        f"sys.argv = ['chronos', 'validate', {job(tmp_path, {})!r}]\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"1 job checked, no problems\n")


def test_sample_and_preview() -> None:
    result = chronos("run", "--dry-run", "-o", "json", str(ROOT / "jobs/nats.yaml"))
    assert result.code == 0
    assert "PUB reports.daily" in result.out
    assert "Nats-Msg-Id" in result.out
