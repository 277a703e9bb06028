"""HTTP against httpbin: what others' tests of HTTP clients are written against."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.protocols.webhook import httpbin, run

__all__ = ["httpbin"]

LOGIN = {"username": "user", "password": "pass-word"}


def came(result: Any) -> dict[str, Any]:
    """What httpbin's /anything saw."""
    assert result.code == 0, result.out + result.err
    seen: dict[str, Any] = json.loads(result.only["receipt"]["body"])
    return seen


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512"])
def test_digest(httpbin: str, algorithm: str) -> None:
    url = f"{httpbin}/digest-auth/auth/user/pass-word/{algorithm}"
    result = run(url, method="GET", auth={"digest": LOGIN})
    assert result.code == 0, result.out
    assert len(result.only["attempts"]) == 1
    wrong = run(url, method="GET", auth={"digest": {**LOGIN, "password": "wrong"}})
    assert (wrong.code, wrong.only["code"]) == (4, "401")


def test_digest_with_a_strange_challenge(httpbin: str) -> None:
    url = f"{httpbin}/digest-auth/auth-int/user/pass-word"
    result = run(url, method="GET", auth={"digest": LOGIN})
    assert (result.code, "Digest" in result.only["message"]) == (4, True)
    result = run(f"{httpbin}/status/401", auth={"digest": LOGIN})
    assert (result.code, result.only["code"]) == (4, "401")


@pytest.mark.parametrize("kind", ["basic-auth", "hidden-basic-auth"])
def test_basic(httpbin: str, kind: str, tmp_path: Path) -> None:
    url = f"{httpbin}/{kind}/user/pass-word"
    assert run(url, method="GET", auth={"basic": LOGIN}).code == 0
    (tmp_path / "password").write_text("pass-word\n")
    login = {"username": "user", "password_file": str(tmp_path / "password")}
    assert run(url, method="GET", auth={"basic": login}).code == 0
    assert run(url, method="GET", auth={"basic": {**LOGIN, "password": "x"}}).code == 4
    assert run(url, method="GET").code == 4


def test_bearer(httpbin: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("token-of-the-file\n")
    result = run(f"{httpbin}/bearer", method="GET", auth={"bearer": {"token_file": str(token)}})
    assert result.code == 0
    assert '"token": "***"' in result.only["receipt"]["body"]
    assert "token-of-the-file" not in result.out
    token.unlink()
    result = run(f"{httpbin}/bearer", method="GET", auth={"bearer": {"token_file": str(token)}})
    assert (result.code, "No such file" in result.only["message"]) == (4, True)


def test_redirects(httpbin: str) -> None:
    follow = {"follow": True, "max": 2}
    result = run(f"{httpbin}/redirect/5", method="GET", redirects=follow)
    assert (result.code, result.only["code"]) == (4, "302")
    assert "there have been 2 already" in result.only["message"]
    assert len(result.only["receipt"]["redirects"]) == 2
    result = run(f"{httpbin}/redirect/2", method="GET", redirects=follow)
    assert (result.code, result.only["code"]) == (0, "200")
    assert run(f"{httpbin}/redirect/2", method="GET").code == 4


@pytest.mark.parametrize(
    ("status", "method", "sent", "body"),
    [
        (301, "POST", "GET", False),
        (302, "POST", "GET", False),
        (303, "POST", "GET", False),
        (303, "PUT", "GET", False),
        (302, "PUT", "PUT", True),
        (307, "POST", "POST", True),
        (308, "PATCH", "PATCH", True),
    ],
)
def test_the_method_after_a_redirect(
    httpbin: str, status: int, method: str, sent: str, body: bool
) -> None:
    url = f"{httpbin}/redirect-to?url=/anything&status_code={status}"
    seen = came(run(url, method=method, redirects={"follow": True}, keys={"payload": {"a": 1}}))
    assert seen["method"] == sent
    assert seen["json"] == ({"a": 1} if body else None)
    assert ("Content-Type" in seen["headers"]) == body


@pytest.mark.parametrize(
    ("status", "code"), [(204, 0), (400, 4), (404, 4), (418, 4), (429, 5), (500, 5), (503, 5)]
)
def test_statuses(httpbin: str, status: int, code: int) -> None:
    result = run(f"{httpbin}/status/{status}")
    assert (result.code, result.only["code"]) == (code, str(status))


def test_a_drip_is_waited_for_and_bounded(httpbin: str) -> None:
    url = f"{httpbin}/drip?numbytes=5&duration=1"
    result = run(url, method="GET")
    assert (result.code, result.only["receipt"]["body"]) == (0, "*****")
    url = f"{httpbin}/drip?numbytes=60&duration=60"
    result = run(url, method="GET", keys={"timeout": "1s"})
    assert (result.code, result.only["duration_ms"] < 1500) == (6, True)


def test_gzip(httpbin: str) -> None:
    result = run(f"{httpbin}/gzip", method="GET", expect={"json": {"$.gzipped": True}})
    assert result.code == 0, result.out


def test_query_is_added_to_the_urls_own(httpbin: str) -> None:
    query = {"b": "x y&z", "c": ["1", "2"], "d": 3}
    key = {"query": "key", "secret": "key-of-the-query"}
    result = run(f"{httpbin}/anything?a=1&b=0#top", query=query, auth={"api_key": key})
    assert came(result)["args"] == {
        "a": "1",
        "b": ["0", "x y&z"],
        "c": ["1", "2"],
        "d": "3",
        "key": "***",
    }
    assert "key-of-the-query" not in result.out


def test_api_key_in_a_header(httpbin: str) -> None:
    key = {"header": "X-Door", "secret": "key-of-the-header"}
    result = run(f"{httpbin}/anything", auth={"api_key": key})
    assert came(result)["headers"]["X-Door"] == "***"
    dry = run(f"{httpbin}/anything", "--dry-run", auth={"api_key": key})
    assert ["x-door", "***"] in [[n.lower(), v] for n, v in dry.only["request"]["headers"]]
    assert "key-of-the-header" not in result.out + dry.out


def test_form(httpbin: str) -> None:
    seen = came(run(f"{httpbin}/anything", form={"a": "x y", "b": ["1", "ü"]}))
    assert seen["form"] == {"a": "x y", "b": ["1", "ü"]}
    assert seen["headers"]["Content-Type"] == "application/x-www-form-urlencoded"


def test_multipart(httpbin: str, tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_text("a,b\n")
    (tmp_path / "raw").write_bytes(b"\x00\xff\r\n--")
    files = {
        "report": {"path": str(tmp_path / "report.csv")},
        "more": [{"path": str(tmp_path / "raw"), "filename": 'odd"name', "content_type": "x/y"}],
    }
    fields = {"day": "{{ scheduled_time | date('%d') }}", "tag": ["a", "b"]}
    time = ("--scheduled-time", "2026-11-23T08:00:00Z")
    result = run(f"{httpbin}/anything", *time, multipart={"fields": fields, "files": files})
    seen = came(result)
    assert seen["form"] == {"day": "23", "tag": ["a", "b"]}
    assert seen["files"]["report"] == "a,b\n"
    assert seen["files"]["more"].startswith("data:x/y;base64,AP8NCi0t")


@pytest.mark.parametrize("status", ["2xx", [200]])
@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ({"header": {"content-type": "application/json"}}, None),
        ({"header": {"Content-Type": "app*json*"}}, None),
        ({"header": {"Content-Type": "text/*"}}, "expected 'text/*'"),
        ({"header": {"X-None": "*"}}, "header X-None is missing"),
        ({"body": r'"method":\s*"POST"'}, None),
        ({"body": "nowhere"}, "no match for /nowhere/"),
        ({"json": {"$.json.a[-1].b": True, "$.json.a[*].c": 2.0}}, None),
        ({"json": {"$.json.a[0].b": 1}}, "$.json.a[0].b is true, expected 1"),
        ({"json": {"$.json.x": None}}, "$.json.x is missing, expected null"),
    ],
)
def test_expectations(httpbin: str, expect: dict[str, Any], told: str | None, status: Any) -> None:
    payload = {"a": [{"b": True, "c": 2}]}
    expected = {**expect, "status": status}
    result = run(f"{httpbin}/anything", expect=expected, keys={"payload": payload})
    if told is None:
        assert result.code == 0, result.out
        return
    assert (result.code, result.only["status"], result.only["code"]) == (4, "rejected", "200")
    assert told in result.only["message"]
    assert '"method"' in result.only["receipt"]["body"]
