"""OAuth 2.0, netrc, signatures: who we say we are, seen from the far side."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from standardwebhooks import Webhook as Verifier

from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.attempts import Attempts
from chronos_cli.dispatch.execution import Execution, in_zone
from chronos_cli.dispatch.outcome import Outcome, Status
from chronos_cli.dispatch.registry import Registry
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.files import SourceFile
from chronos_cli.jobs.interpolate import Sources
from chronos_cli.jobs.load import load_jobs
from chronos_cli.jobs.model import Job
from chronos_cli.protocols.http.dispatcher import HttpDispatcher
from chronos_cli.protocols.http.target import HttpSettings
from chronos_cli.redact import Redactor
from tests.protocols.webhook import document, problems, run
from tests.servers.web import Reply, Seen, Web, serving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Giver:
    """A token endpoint and the resource behind it: `refused` tokens get a 401."""

    def __init__(self, **more: Any) -> None:
        self.given = 0
        self.refused: set[str] = set()
        self.delay = 0.0
        self.more = more

    def __call__(self, request: Seen) -> Reply:
        if request.path == "/token":
            time.sleep(self.delay)
            self.given += 1
            token = {"access_token": f"secret-token-{self.given}", "token_type": "Bearer"}
            return Reply(body=json.dumps({**token, **self.more}).encode())
        token_sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not token_sent.startswith("secret-token-") or token_sent in self.refused:
            return Reply(401, f"not with {token_sent}".encode())
        return Reply(body=f"came with {token_sent}".encode())


def oauth(far: Web, **more: Any) -> dict[str, Any]:
    client = {"client_id": "me", "client_secret": "s3cret of me", **more}
    return {"oauth2": {"token_url": f"{far.url}/token", **client}}


def job_of(text: str) -> Job:
    loaded = load_jobs(
        [SourceFile("job.yaml", text.encode())], Config(), Registry(), Sources({}, Redactor())
    )
    assert loaded.problems == []
    return loaded.jobs[0]


async def sent(
    job: Job, times: int, between: Callable[[], None] = lambda: None, rounds: int = 1
) -> list[Outcome]:
    """Send a job several times at once, by one dispatcher; and again after `between`."""
    dispatcher: Any = HttpDispatcher(HttpSettings())
    clock = SystemClock()
    outcomes: list[Outcome] = []
    for _ in range(rounds):
        executions = [Execution(f"id-{n}", job, in_zone(job, clock.now())) for n in range(times)]
        outcomes += await asyncio.gather(
            *(Attempts(clock, one, dispatcher).outcome() for one in executions)
        )
        between()
    await dispatcher.close()
    return outcomes


@pytest.mark.parametrize("way", ["basic", "post"])
def test_a_token_is_asked_for(way: str) -> None:
    with serving(Giver()) as far:
        more = {"client_auth": way, "scope": "a b", "audience": "x", "params": {"resource": "r"}}
        result = run(f"{far.url}/job", auth=oauth(far, **more))
        assert result.code == 0, result.out
    assert "secret-token-1" not in result.out
    assert "came with ***" in result.only["receipt"]["body"]
    asked, job = far.seen
    fields = {name: value for name, (value,) in parse_qs(asked.body.decode()).items()}
    expected = {"grant_type": "client_credentials", "scope": "a b", "audience": "x"}
    expected["resource"] = "r"
    if way == "post":
        expected |= {"client_id": "me", "client_secret": "s3cret of me"}
    else:
        pair = base64.b64decode(asked.headers["authorization"].removeprefix("Basic "))
        assert pair == b"me:s3cret+of+me"
    assert fields == expected
    assert job.headers["authorization"] == "Bearer secret-token-1"


def test_a_token_is_shared_and_kept() -> None:
    giver = Giver(expires_in=3600)
    giver.delay = 0.3
    with serving(giver) as far:
        job = job_of(document(f"{far.url}/job", auth=oauth(far)))
        outcomes = asyncio.run(sent(job, 20, rounds=2))
    assert {outcome.status for outcome in outcomes} == {Status.SUCCEEDED}
    assert giver.given == 1


def test_a_token_that_has_expired_is_not_used_again() -> None:
    giver = Giver(expires_in=0.001)
    with serving(giver) as far:
        job = job_of(document(f"{far.url}/job", auth=oauth(far)))
        outcomes = asyncio.run(sent(job, 1, rounds=2, between=lambda: time.sleep(0.01)))
    assert {outcome.status for outcome in outcomes} == {Status.SUCCEEDED}
    assert giver.given == 2


def test_a_refused_token_is_renewed_once_by_all_together() -> None:
    giver = Giver()
    with serving(giver) as far:
        job = job_of(document(f"{far.url}/job", auth=oauth(far)))
        refuse = lambda: giver.refused.add("secret-token-1")  # noqa: E731
        outcomes = asyncio.run(sent(job, 10, rounds=2, between=refuse))
    assert {outcome.status for outcome in outcomes} == {Status.SUCCEEDED}
    assert giver.given == 2
    giver.refused |= {f"secret-token-{n}" for n in range(100)}
    giver.given = 0
    with serving(giver) as far:
        result = run(f"{far.url}/job", auth=oauth(far))
    assert (result.code, result.only["code"], giver.given) == (4, "401", 2)
    assert "secret-token" not in result.out


@pytest.mark.parametrize(
    ("reply", "code", "told"),
    [
        (Reply(401, b'{"error": "invalid_client"}'), 4, "invalid_client"),
        (Reply(503, b"later"), 5, "503"),
        (Reply(200, b"<html>"), 4, "no token that can be read"),
        (Reply(200, b"[]"), 4, "no token that can be read"),
        (Reply(200, b'{"access_token": "a", "token_type": "mac"}'), 4, "no bearer token"),
        (Reply(200, b'{"access_token": "a\\r\\nX: 1"}'), 4, "cannot stand in a header"),
    ],
)
def test_a_token_that_is_not_given(reply: Reply, code: int, told: str) -> None:
    with serving(lambda _: reply) as far:
        result = run(f"{far.url}/job", auth=oauth(far))
    assert (result.code, told in result.only["message"]) == (code, True), result.out
    assert len(far.seen) == 1
    assert "s3cret" not in result.out


def test_a_silent_token_server_ends_at_the_limit(silent_port: int) -> None:
    client = {"token_url": f"http://127.0.0.1:{silent_port}/", "client_id": "a"}
    auth = {"oauth2": {**client, "client_secret": "b"}}
    result = run("http://127.0.0.1:1/", auth=auth, keys={"timeout": "1s"})
    assert (result.code, result.only["duration_ms"] < 3000) == (6, True)
    assert "OAuth 2.0" in result.only["message"]
    assert result.err == ""


def test_netrc(tmp_path: Path) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login me password netrc-password\n")
    file.chmod(0o600)
    environment = {"NETRC": str(file)}
    with serving() as far:
        assert run(far.url, env=environment).code == 0
        assert "authorization" not in far.seen.pop().headers
        assert run(far.url, env=environment, auth={"netrc": True}).code == 0
        assert run(far.url, auth={"netrc": {"file": str(file)}}).code == 0
        wanted = "Basic " + base64.b64encode(b"me:netrc-password").decode()
        assert [request.headers["authorization"] for request in far.seen] == [wanted] * 2
        far.seen.clear()
        file.write_text("machine elsewhere login me password x\n")
        told = run(far.url, env=environment, auth={"netrc": True}).only["message"]
        assert "no entry for 127.0.0.1" in told
        file.chmod(0o644)
        told = run(far.url, env=environment, auth={"netrc": True}).only["message"]
        assert "chmod 600" in told
        told = run(far.url, auth={"netrc": {"file": "/nowhere"}}).only["message"]
        assert "No such file" in told
        assert far.seen == []


def test_a_signed_webhook_is_verified(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of-github\n")
    signing = {
        "standard_webhooks": {"secret": SECRET},
        "github": {"secret_file": str(tmp_path / "secret")},
    }
    replies = iter([Reply(503), Reply(200)])
    policy = {"max_attempts": 2, "initial_interval": "1100ms", "jitter": 0}
    keys = {"payload": {"a": "ü"}, "retry_policy": policy}
    with serving(lambda _: next(replies)) as far:
        result = run(far.url, signing=signing, keys=keys)
    assert result.code == 0, result.out
    for request in far.seen:
        assert Verifier(SECRET).verify(request.body, request.headers) == {"a": "ü"}
        assert request.headers["webhook-id"] == result.only["execution_id"]
        assert request.headers["x-hub-signature-256"].startswith("sha256=")
    first, second = (int(request.headers["webhook-timestamp"]) for request in far.seen)
    assert second > first
    dry = run(far.url, "--dry-run", signing=signing, keys=keys)
    shown = dict(dry.only["request"]["headers"])
    assert shown["webhook-signature"] == shown["X-Hub-Signature-256"] == "***"
    assert SECRET not in dry.out
    assert "of-github" not in dry.out


def test_what_is_signed_is_what_is_sent() -> None:
    signing = {"standard_webhooks": {"secret": SECRET}}
    with serving() as far:
        keys = {"payload": {"a": 1}}
        assert run(far.url, signing=signing, compression="gzip", keys=keys).code == 0
    import gzip

    assert far.only.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(far.only.body)) == {"a": 1}
    from chronos_cli.protocols.http.signing import standard_signature

    headers = far.only.headers
    identity, moment = headers["webhook-id"], int(headers["webhook-timestamp"])
    signature = standard_signature(SECRET, identity, moment, far.only.body)
    assert headers["webhook-signature"] == signature


def test_a_dry_run_asks_nobody_and_hides_everything() -> None:
    with serving(Giver()) as far:
        for auth in (
            oauth(far),
            {"digest": {"username": "u", "password": "hidden-1"}},
            {"basic": {"username": "u", "password": "hidden-1"}},
            {"bearer": {"token": "hidden-1"}},
        ):
            result = run(far.url, "--dry-run", auth=auth)
            assert ["Authorization", "***"] in result.only["request"]["headers"]
            assert "hidden-1" not in result.out
            assert "s3cret" not in result.out
    assert far.seen == []


@pytest.mark.parametrize(
    ("webhook", "told"),
    [
        ({"auth": {}}, "no way is given"),
        ({"auth": {"basic": {"username": "a"}}}, "'password' is missing"),
        (
            {"auth": {"bearer": {"token": "a", "token_file": __file__}}},
            "both 'token' and 'token_file'",
        ),
        ({"auth": {"api_key": {"secret": "a"}}}, "'header' or in the 'query'"),
        ({"auth": {"api_key": {"header": "a b", "secret": "a"}}}, "'a b' is not a header name"),
        ({"auth": {"bearer": {"token": "a"}, "netrc": True}}, "2 ways: bearer, netrc"),
        ({"auth": {"bearer": {"token": "a"}}, "headers": {"authorization": "x"}}, "keep one"),
        ({"signing": {}}, "no signature is chosen"),
        ({"signing": {"standard_webhooks": {"secret": "whsec_!"}}}, "not base64"),
        (
            {"signing": {"github": {"secret": "a"}}, "headers": {"X-Hub-Signature-256": "x"}},
            "is set by chronos",
        ),
    ],
)
def test_mistakes(webhook: dict[str, Any], told: str) -> None:
    assert told in problems(**webhook)


def test_digest_does_not_answer_a_stranger() -> None:
    """Where a redirect led away, a challenge is nobody's but the stranger's."""
    challenge = 'Digest realm="home", nonce="n", algorithm=SHA-256, qop="auth"'
    auth = {"digest": {"username": "me", "password": "digest-password"}}
    with serving(lambda _: Reply(401, b"", {"WWW-Authenticate": challenge})) as stranger:
        away = Reply(307, b"", {"Location": f"{stranger.url}/there"})
        with serving(lambda _: away) as home:
            result = run(home.url, auth=auth, redirects={"follow": True})
        assert (result.code, result.only["code"]) == (4, "401"), result.out
        assert "authorization" not in stranger.only.headers
        back = Reply(307, b"", {"Location": f"{stranger.url}/again"})
        with serving(lambda _: back) as elsewhere:
            there = Reply(307, b"", {"Location": elsewhere.url})
            replies = iter([there, Reply(401, b"", {"WWW-Authenticate": challenge})])
            with serving(lambda _: next(replies)) as home:
                run(home.url, auth=auth, redirects={"follow": True})
        assert [("authorization" in one.headers) for one in stranger.seen] == [False, False]
