"""What is HTTP's own: the exceptions of its client, and what leaves on the wire."""

import inspect

import httpx
import pytest

from chronos_cli.errors import RejectedError, TimedOutError, UnreachableError
from chronos_cli.protocols.http.errors import translated

EXPECTED: dict[str, type[Exception]] = {
    "TimeoutException": TimedOutError,
    "ConnectTimeout": TimedOutError,
    "ReadTimeout": TimedOutError,
    "WriteTimeout": TimedOutError,
    "PoolTimeout": TimedOutError,
    "NetworkError": UnreachableError,
    "ConnectError": UnreachableError,
    "ReadError": UnreachableError,
    "WriteError": UnreachableError,
    "CloseError": UnreachableError,
    "ProxyError": UnreachableError,
    "RemoteProtocolError": UnreachableError,
    "DecodingError": UnreachableError,
    "HTTPError": RejectedError,
    "RequestError": RejectedError,
    "TransportError": RejectedError,
    "HTTPStatusError": RejectedError,
    "ProtocolError": RejectedError,
    "LocalProtocolError": RejectedError,
    "UnsupportedProtocol": RejectedError,
    "TooManyRedirects": RejectedError,
    "InvalidURL": RejectedError,
    "CookieConflict": RejectedError,
    "StreamError": RejectedError,
    "StreamConsumed": RejectedError,
    "StreamClosed": RejectedError,
    "ResponseNotRead": RejectedError,
    "RequestNotRead": RejectedError,
}

PUBLIC = {
    name: value
    for name, value in vars(httpx).items()
    if inspect.isclass(value) and issubclass(value, Exception)
}


def make(kind: type[Exception]) -> Exception:
    if issubclass(kind, httpx.HTTPStatusError):
        request = httpx.Request("GET", "http://h/")
        return kind("x", request=request, response=httpx.Response(500))
    try:
        return kind("x")
    except TypeError:
        return kind()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_exception_of_the_client_is_mapped(name: str) -> None:
    assert type(translated(make(PUBLIC[name]), "GET http://h/")) is EXPECTED[name]
