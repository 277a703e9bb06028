"""Who is answered, and who is not."""

import asyncio
from pathlib import Path

import pytest

from chronos_cli.cli.listen_options import listen_of
from chronos_cli.errors import UsageError
from chronos_cli.monitor.access import Access, Listen, is_loopback
from chronos_cli.receiver.http import ReceivedRequest
from tests.cron.program import Cron
from tests.cron.stage import FakeClock, Stage, job, utc
from tests.monitor.watched import watched
from tests.support import chronos, write

TOKEN = "a-token-of-24-characters"


def asked(method: str = "GET", **headers: str) -> ReceivedRequest:
    return ReceivedRequest(method, "/metrics", list(headers.items()), b"")


def code(access: Access, request: ReceivedRequest, *, is_open: bool = False) -> int:
    refused = access.refusal(request, is_open=is_open)
    return refused.status if refused else 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:9190", 200),
        ("127.0.0.2", 200),
        ("localhost:9190", 200),
        ("LOCALHOST.:9190", 200),
        ("[::1]:9190", 200),
        ("cron.test:9190", 200),
        ("evil.example:9190", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("10.0.0.1", 421),
        ("127.0.0.1:9190, evil.example", 421),
        ("", 421),
    ],
)
def test_a_page_of_somebody_else_cannot_ask_under_its_name(host: str, expected: int) -> None:
    assert code(Access(Listen("cron.test", 9190)), asked(Host=host)) == expected


def test_a_host_that_is_named_twice_is_none() -> None:
    headers = [("Host", "localhost"), ("host", "localhost")]
    assert code(Access(Listen("::1", 1)), ReceivedRequest("GET", "/", headers, b"")) == 421


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN} ", 200),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        ("Bearer \xfc", 401),
        ("Bearer ", 401),
        (TOKEN, 401),
        ("", 401),
    ],
)
def test_the_token_decides_under_any_host(authorization: str, expected: int) -> None:
    access = Access(Listen("0.0.0.0", 1, TOKEN))
    request = asked(Host="status.example", Authorization=authorization)
    assert code(access, request) == expected
    assert code(access, request, is_open=True) == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"])
def test_nothing_can_be_changed(method: str) -> None:
    for access in (Access(Listen("::1", 1)), Access(Listen("0.0.0.0", 1, TOKEN))):
        assert code(access, asked(method, Host="localhost"), is_open=True) == 405


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("localhost.example", False),
    ],
)
def test_what_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("short", "16 ASCII characters"),
        ("", "16 ASCII characters"),
        ("tökentökentökentöken", "16 ASCII characters"),
        (None, "cannot read"),
    ],
)
def test_a_token_that_is_none_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        write(tmp_path, text, "token")
    with pytest.raises(UsageError, match=said):
        listen_of("127.0.0.1:0", str(tmp_path / "token"))


def test_options_that_fit(tmp_path: Path) -> None:
    path = write(tmp_path, f"{TOKEN}\n", "token")
    Path(path).chmod(0o640)
    assert listen_of("0.0.0.0:80", path) == Listen("0.0.0.0", 80, TOKEN)
    assert listen_of("[::1]:80", None) == Listen("::1", 80)
    assert listen_of(":80", None) == Listen("127.0.0.1", 80)
    assert listen_of(None, None) is None


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602])
def test_a_token_for_all_users_is_taken_and_warned_of(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path, TOKEN, "token")
    Path(path).chmod(mode)
    write(tmp_path, "name: a\nschedule: '@yearly'\nwebhook: {url: 'http://127.0.0.1:1/'}\n")
    options = ("--listen", "127.0.0.1:0", "--listen-token-file", path)
    with Cron(tmp_path, "job.yaml", *options) as cron:
        (warning,) = cron.wait_for("warning")
        cron.wait_for("started")
        assert cron.stop() == 0
    expected = f"all users of this machine can use {path}; run: chmod 600 {path}"
    assert warning["message"].endswith(expected)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--listen", "0.0.0.0:9190"), "others can reach 0.0.0.0"),
        (("--listen", "localhost"), "--listen takes HOST:PORT"),
        (("--listen-token-file", "x"), "--listen, which is missing"),
    ],
)
def test_what_would_be_open_to_others_is_a_matter_of_usage(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = chronos("cron", "job.yaml", *arguments, cwd=tmp_path)
    assert (result.code, said in result.err) == (2, True), result.err


def test_with_a_token_the_page_asks_for_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, FakeClock(utc("2026-03-02T12:02:30")))

    async def play() -> None:
        await stage.play(job("a"))
        async with watched(stage, token=TOKEN) as site:
            page = await site.get("/")
            assert (page.status_code, page.headers["www-authenticate"]) == (401, "Bearer")
            assert 'id="token"' in page.text
            for path in ("/metrics", "/api/status", "/api/history?job=a", "/nowhere"):
                refused = await site.get(path)
                assert refused.status_code == 401
                assert refused.json() == {"error": "a bearer token is needed"}
            for path in ("/healthz", "/readyz"):
                assert (await site.get(path)).status_code == 200
            told = {"Authorization": f"Bearer {TOKEN}", "Host": "status.example"}
            for path in ("/", "/metrics", "/api/status", "/api/history?job=a"):
                assert (await site.get(path, headers=told)).status_code == 200
        await stage.stop()

    asyncio.run(play())
