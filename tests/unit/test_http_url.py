"""What of a URL goes where, and which hosts are taken from a proxy."""

import httpx
import pytest

from chronos_cli.protocols.http.proxies import environment_proxy, is_excepted
from chronos_cli.protocols.http.syntax import origin
from chronos_cli.protocols.http.url import connectable, place


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "http://h/",
        "http://h?",
        "http://h/?",
        "http://h?a=b",
        "http://h/a/b?c=d&e=%20#fragment",
        "https://h:443/a",
        "http://h:443/a",
        "http://h:8080/a",
        "HTTP://H.Example/A",
        "http://user:password@h/a",
        "http://h/a%2Fb%zz%",
        "http://h/ä/日本?ö=ü",
        "http://h/a'b\"c<d>e`f{g}h|i\\j^k[l]",
        "http://h/?a'b\"c<d>e`f{g}h|i\\j^k[l]",
        "http://h/a/./b/../c",
        "http://h/../a",
        "http://h//a//b",
        "http://h/a;b=c,d!e$f&g*h(i)+j=k:l@m~n",
        "http://h/?a?b/c",
        "http://[::1]:8080/a",
        "http://127.0.0.1/a",
        "http://bücher.example/a",
        "http://a_b.example/a",
    ],
)
def test_a_request_is_written_as_httpx_writes_it(url: str) -> None:
    """The library is not on the way any more; what it sent, receivers are used to."""
    theirs = httpx.Request("GET", url)
    assert place(url).target == theirs.url.raw_path.decode()
    assert place(url).authority == theirs.headers["host"]


@pytest.mark.parametrize(
    ("url", "host", "authority"),
    [
        ("http://xn--n3h.example/", "xn--n3h.example", "xn--n3h.example"),
        ("http://☃.example/", "xn--n3h.example", "xn--n3h.example"),
        ("http://faß.example/", "xn--fa-hia.example", "xn--fa-hia.example"),
        ("http://BÜCHER.example/", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("http://[fe80::1%25eth0]:81/", "fe80::1%eth0", "[fe80::1]:81"),
        ("http://[fe80::1%25en-0]/", "fe80::1%en-0", "[fe80::1]"),
        ("http://[fe80::1%251]/", "fe80::1%1", "[fe80::1]"),
        ("http://example.com./", "example.com.", "example.com."),
    ],
)
def test_hosts(url: str, host: str, authority: str) -> None:
    assert connectable(origin(url)[1]) == host
    assert place(url).authority == authority


def test_a_host_that_cannot_be_one() -> None:
    with pytest.raises(UnicodeError):
        place(f"http://{'ä' * 100}.example/")


@pytest.mark.parametrize(
    ("exceptions", "excepted", "not_excepted"),
    [
        ("127.0.0.0/8", ["http://127.0.0.1/", "http://127.9.9.9:8/"], ["http://128.0.0.1/"]),
        ("10.0.0.0/8, 192.168.1.0/24", ["http://10.255.0.1/", "http://192.168.1.7/"], []),
        ("10.0.0.0/8", [], ["http://10.example/", "http://192.168.0.1/", "http://[::1]/"]),
        ("10.1.2.3/8", ["http://10.9.9.9/"], []),
        ("fd00::/8", ["http://[fd12::1]/", "http://[fd12::1%25eth0]/"], ["http://[fe80::1]/"]),
        ("::1", ["http://[::1]/"], ["http://[::2]/"]),
        ("[::1]:8080", ["http://[::1]:8080/"], ["http://[::1]:81/"]),
        ("127.0.0.1", ["http://127.0.0.1:80/"], ["http://127.0.0.10/"]),
        ("127.0.0.1:81", ["http://127.0.0.1:81/"], ["http://127.0.0.1:82/"]),
        ("*", ["http://h/", "http://127.0.0.1/"], []),
        (
            "example.com",
            ["http://example.com/", "http://EXAMPLE.com./", "http://a.b.example.com/"],
            ["http://badexample.com/", "http://example.com.evil/"],
        ),
        (".example.com", ["http://example.com/", "http://a.example.com/"], ["http://h.com/"]),
        ("*.example.com", ["http://a.example.com/"], ["http://h.com/"]),
        ("Example.COM:8080", ["http://example.com:8080/"], ["http://example.com/"]),
        ("a.example b.example,c.example", [f"http://{n}.example/" for n in "abc"], []),
        ("", [], ["http://h/"]),
        (",, ,", [], ["http://h/"]),
        ("300.0.0.0/8,10.0.0.0/99,/,1.2.3", [], ["http://10.0.0.1/", "http://h/"]),
    ],
)
def test_no_proxy(exceptions: str, excepted: list[str], not_excepted: list[str]) -> None:
    for url in excepted:
        assert is_excepted(url, exceptions), url
    for url in not_excepted:
        assert not is_excepted(url, exceptions), url


def test_the_variables_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("REQUEST_METHOD", raising=False)
    assert environment_proxy("http://h/") is None
    monkeypatch.setenv("ALL_PROXY", "all.example:1")
    assert environment_proxy("http://h/") == "http://all.example:1"
    monkeypatch.setenv("HTTP_PROXY", "http://capital.example:2")
    assert environment_proxy("http://h/") == "http://capital.example:2"
    assert environment_proxy("https://h/") == "http://all.example:1"
    monkeypatch.setenv("http_proxy", "http://small.example:3")
    assert environment_proxy("http://h/") == "http://small.example:3"
    monkeypatch.delenv("http_proxy")
    monkeypatch.setenv("REQUEST_METHOD", "GET")  # a visitor's `Proxy:` header would be in it
    assert environment_proxy("http://h/") == "http://all.example:1"
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
    assert environment_proxy("http://10.1.1.1/") is None
