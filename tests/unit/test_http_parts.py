"""What needs no server: signatures, paths, bodies and redirects, as pure functions."""

import time
from typing import Any

import pytest
from msgspec.structs import replace

from chronos_cli.protocols.http.body import MultipartForm, multipart_body
from chronos_cli.protocols.http.errors import RequestError
from chronos_cli.protocols.http.expect import HttpExpect
from chronos_cli.protocols.http.http1 import written
from chronos_cli.protocols.http.request import Outgoing, refusal
from chronos_cli.protocols.http.signing import github_signature, standard_signature
from chronos_cli.protocols.http.syntax import with_query
from chronos_cli.protocols.http.target import HttpRedirects, Webhook
from chronos_cli.protocols.jsonpath import find, parse_path

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_")])
def test_the_vector_of_standard_webhooks(secret: str) -> None:
    identity, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    signature = standard_signature(secret, identity, 1614265330, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_vector_of_github() -> None:
    signature = github_signature("It's a Secret to Everybody", b"Hello, World!")
    hexadecimal = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signature == f"sha256={hexadecimal}"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", 1),
        ("$.a.b", [10]),
        ("$['a']['b']", [10]),
        ('$["odd name"]', [7]),
        ("$.list[0].x", [1]),
        ("$.list[-1].x", [2]),
        ("$.list[*].x", [1, 2]),
        ("$.list[5]", []),
        ("$.a.*", [10]),
        ("$.none.x", []),
        ("$.list.x", []),
    ],
)
def test_paths(path: str, found: Any) -> None:
    document = {"a": {"b": 10}, "odd name": 7, "list": [{"x": 1}, {"x": 2}]}
    assert find(parse_path(path), document) == ([document] if found == 1 else found)


@pytest.mark.parametrize("path", ["a", "$a", "$.", "$..a", "$[?@.a]", "$[1:2]", "$.a[", ""])
def test_paths_that_cannot_be_read(path: str) -> None:
    with pytest.raises(ValueError, match=r"\$|path"):
        parse_path(path)


@pytest.mark.parametrize("expression", [r"(a+)+$", r"(a|aa)+$", r"(.*a){20}x"])
def test_a_hostile_body_does_not_stop_the_program(expression: str) -> None:
    began = time.monotonic()
    told = HttpExpect(body=expression).unmet([], "a" * 60_000 + "!")
    assert told is not None
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("body", ["[" * 60_000, "9" * 60_000, "{", ""])
def test_a_body_that_json_chokes_on(body: str) -> None:
    assert HttpExpect(json={"$.a": 1}).unmet([], body) is not None


def test_many_stars_are_quick() -> None:
    began = time.monotonic()
    assert HttpExpect(header={"X": "a*" * 50 + "b"}).unmet([("x", "a" * 50_000)], "")
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("url", "result"),
    [
        ("http://h/p", "http://h/p?k=v%20w"),
        ("http://h", "http://h?k=v%20w"),
        ("http://h/p?", "http://h/p?k=v%20w"),
        ("http://h/p?a=1", "http://h/p?a=1&k=v%20w"),
        ("http://h/p?a=1#x", "http://h/p?a=1&k=v%20w#x"),
    ],
)
def test_query(url: str, result: str) -> None:
    assert with_query(url, [("k", "v w")]) == result
    assert with_query(url, []) == url


@pytest.mark.parametrize("value", ["", "a", "a b", "a\tb", "~"])
def test_headers_that_can_be_sent(value: str) -> None:
    expected = f"POST /a HTTP/1.1\r\nHost: h\r\nX: {value}\r\n\r\n"
    assert written("POST", "/a", [("Host", "h"), ("X", value)]) == expected.encode()


@pytest.mark.parametrize(
    "header",
    [
        ("X", v)
        for v in ("secret\r\nY: 1", "secret\n", "secret\x00", " secret", "secret\t", "secret\x7f")
    ]
    + [("X Y", "a"), ("", "a"), ("X:", "a"), ("X\r\n", "a")],
)
def test_headers_that_cannot_be_sent(header: tuple[str, str]) -> None:
    with pytest.raises(RequestError) as caught:
        written("POST", "/a", [header])
    assert "secret" not in str(caught.value)
    with pytest.raises(UnicodeError):
        written("POST", "/a", [("X", "ü")])


def test_the_same_form_is_the_same_bytes() -> None:
    form = MultipartForm(fields={"a": "1"})
    first, second = multipart_body(form, "id-1"), multipart_body(form, "id-1")
    assert first == second
    boundary = first.content_type.partition("boundary=")[2]
    clash = multipart_body(MultipartForm(fields={"a": boundary}), "id-1")
    assert clash.content_type != first.content_type


def request(**changes: Any) -> Outgoing:
    headers = [("Authorization", "x"), ("Accept", "*/*"), ("webhook-signature", "v1,x")]
    private = frozenset({"authorization", "webhook-signature"})
    signed = frozenset({"webhook-signature"})
    plain = Outgoing("PUT", "https://one.example/a", headers, None, private, [], signed)
    return replace(plain, **changes)


def names(outgoing: Outgoing) -> list[str]:
    return [name.lower() for name, _ in outgoing.headers]


@pytest.mark.parametrize(
    ("location", "kept"),
    [
        ("/b", True),
        ("https://one.example:443/b", True),
        ("https://ONE.example/b", True),
        ("https://one.example:444/b", False),
        ("https://two.example/b", False),
        ("https://one.example.evil.example/", False),
        ("https://one.example@evil.example/", False),
        ("//two.example/b", False),
    ],
)
def test_credentials_stay_at_their_origin(location: str, kept: bool) -> None:
    there = request().redirected(307, location)
    expected = ["authorization", "accept", "webhook-signature"] if kept else ["accept"]
    assert names(there) == expected
    back = there.redirected(307, "https://one.example/a")
    assert names(back) == expected


def test_a_signature_does_not_outlive_its_body() -> None:
    assert names(request(method="POST").redirected(303, "/b")) == ["authorization", "accept"]


@pytest.mark.parametrize(
    ("location", "refused"),
    [
        ("/b", False),
        ("https://two.example/", False),
        ("http://one.example/b", True),
        ("ftp://one.example/b", True),
        ("file:///etc/passwd", True),
        ("https://one.example:99999/", True),
        ("https://[::1/", True),
        ("https://one.example\\@evil.example/", True),
        ("/a\x00b", True),
    ],
)
def test_redirects_that_are_refused(location: str, refused: bool) -> None:
    webhook = Webhook(url="https://one.example/a", redirects=HttpRedirects(follow=True))
    assert (refusal(webhook, request(), location, 0) is not None) == refused
    assert refusal(webhook, request(), location, 10) is not None
