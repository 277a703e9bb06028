"""HTTP, by httpx: the target block `webhook`.

A dispatch succeeds when the response has an expected status (2xx unless the job says
otherwise) and its body has arrived. 429 and 5xx mean "not now" and are unreachable; any other
status is rejected. Redirects are answers, not followed.
"""

import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from chronos_cli import __version__
from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.dispatcher import Preview, Receipt
from chronos_cli.errors import DispatchError, RejectedError, TimedOutError, UnreachableError
from chronos_cli.jobs.model import Settings, Target
from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw
from chronos_cli.protocols.network import from_cause
from chronos_cli.protocols.tls import Tls, make_context
from chronos_cli.redact import MASK, bears_secret, mask_userinfo

if TYPE_CHECKING:
    import httpx

# Of a response's body no more is read; the report says that it was cut.
MAX_BODY = 64 * 1024

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_BODILESS_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "DELETE"})
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection", "traceparent"})
_STATUS = re.compile(r"([1-5])xx|([1-5]\d\d)(?:-([1-5]\d\d))?", re.IGNORECASE)
_RETRY_AFTER_STATUSES = frozenset({429, 503})


def _is_status(pattern: str, status: int) -> bool:
    match = _STATUS.fullmatch(pattern)
    if match is None:
        return False
    if match[1]:
        return status // 100 == int(match[1])
    return int(match[2]) <= status <= int(match[3] or match[2])


class Expect(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What the response must be for the dispatch to have succeeded."""

    status: Annotated[
        str | list[str], Meta(description="200, a range 200-299, a class 2xx, or a list of these")
    ] = "2xx"

    def has_status(self, status: int) -> bool:
        """Whether a response's status is an expected one."""
        patterns = [self.status] if isinstance(self.status, str) else self.status
        return any(_is_status(pattern, status) for pattern in patterns)

    def flaws(self) -> Iterator[Flaw]:
        """Yield the statuses that cannot be read."""
        patterns = [self.status] if isinstance(self.status, str) else self.status
        for pattern in patterns:
            if not _STATUS.fullmatch(pattern):
                message = f"'{pattern[:40]}' is not a status such as 200, 200-299 or 2xx"
                yield Flaw(("expect", "status"), message)
        if not patterns:
            yield Flaw(("expect", "status"), "no status is expected, so none could succeed")


class Webhook(Target, kw_only=True, frozen=True):
    """Where an HTTP request goes, and what is expected of the response."""

    url: Annotated[
        str, Meta(description="http:// or https://", examples=["http://127.0.0.1:8080/job"])
    ]
    method: Annotated[str, Meta(description="HTTP method")] = "POST"
    headers: Annotated[
        dict[str, str | list[str]], Meta(description="Sent as given; a list repeats the header")
    ] = {}
    expect: Expect = Expect()
    tls: Tls | None = None

    def flaws(self) -> Iterator[Flaw]:
        """Yield what is wrong with the URL, the method and the headers (RFC 9110)."""
        if not isinstance(self.url, Template) and (wrong := _url_mistake(self.url)):
            yield Flaw(("url",), wrong, "for example https://api.example.com/job")
        if not isinstance(self.method, Template) and not _TOKEN.fullmatch(self.method):
            yield Flaw(("method",), f"'{self.method[:40]}' is not an HTTP method")
        for name, value in self.headers.items():
            yield from _header_flaws(name, value)
        yield from self.expect.flaws()
        if self.tls is not None:
            yield from self.tls.flaws()

    def describe(self) -> str:
        """Return method and URL."""
        return f"{self.method.upper()} {mask_userinfo(self.url)}"


class HttpSettings(Settings, kw_only=True, frozen=True):
    """Settings of HTTP for the whole process."""

    max_idle_conns: Annotated[
        int, Meta(ge=0, le=100_000, description="Connections kept open for later requests")
    ] = 100


class HttpDispatcher:
    """Sends deliveries over HTTP/1.1, keeping connections open between them."""

    protocol: ClassVar[str] = "http"
    Target: ClassVar[type[Webhook]] = Webhook
    Settings: ClassVar[type[HttpSettings]] = HttpSettings
    client_modules: ClassVar[tuple[str, ...]] = ("httpx",)
    extra: ClassVar[str | None] = None

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._clients: dict[tuple[bool, Tls | None], httpx.AsyncClient] = {}

    async def send(self, delivery: Delivery) -> Receipt:
        """Send one request; see `Dispatcher.send`."""
        import httpx  # paid for when the first message is due

        webhook = _webhook(delivery)
        try:
            client = self._client(webhook)
            response = await client.send(_request(delivery), stream=True, auth=httpx.Auth())
            try:
                body, is_whole = await _read(response)
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise translated(error, webhook.describe()) from error
        except (UnicodeError, OSError) as error:
            raise from_cause(error, webhook.describe()) from error
        return _judged(webhook, response, body, is_whole)

    async def preview(self, delivery: Delivery) -> Preview:
        """Return the request as it would leave; see `Dispatcher.preview`."""
        request = _request(delivery)
        return Preview(
            summary=f"{request.method} {request.url.raw_path.decode('ascii')} HTTP/1.1",
            headers=[_shown(name.decode(), value.decode()) for name, value in request.headers.raw],
            body=delivery.body.decode(errors="replace") if request.content else "",
        )

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    def _client(self, webhook: Webhook) -> "httpx.AsyncClient":
        """Return the client of a URL's scheme and TLS block: plain http needs no TLS context."""
        import httpx

        is_tls = webhook.url.lower().startswith("https:")
        key = (is_tls, webhook.tls if is_tls else None)
        if key not in self._clients:
            limits = httpx.Limits(
                max_connections=None, max_keepalive_connections=self._settings.max_idle_conns
            )
            self._clients[key] = httpx.AsyncClient(
                verify=make_context(webhook.tls) if is_tls else False,
                limits=limits,
                # The attempt's own limit is the one that counts; httpx's are per read.
                timeout=None,  # noqa: S113
                trust_env=False,
                follow_redirects=False,
            )
        return self._clients[key]


def translated(error: Exception, where: str) -> DispatchError:
    """Return what an exception of httpx means; `where` is the target, for the message."""
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return TimedOutError(f"no answer in time ({where})")
    if isinstance(error, httpx.RemoteProtocolError):
        return UnreachableError(f"the connection ended without a valid response ({where}): {error}")
    if isinstance(error, httpx.NetworkError | httpx.ProxyError):
        return from_cause(error, where)
    if isinstance(error, httpx.DecodingError):
        return UnreachableError(f"the response cannot be decoded ({where}): {error}")
    return RejectedError(f"the request cannot be made ({where}): {error}")


def _webhook(delivery: Delivery) -> Webhook:
    assert isinstance(delivery.target, Webhook)
    return delivery.target


def _request(delivery: Delivery) -> "httpx.Request":
    import httpx

    webhook = _webhook(delivery)
    method = webhook.method.upper()
    has_body = not (delivery.default_payload and method in _BODILESS_METHODS)
    extensions: dict[str, Any] = {"timeout": httpx.Timeout(None).as_dict()}
    if webhook.tls is not None and webhook.tls.server_name:
        extensions["sni_hostname"] = webhook.tls.server_name
    try:
        return httpx.Request(
            method,
            webhook.url,
            headers=_headers(delivery, webhook, method, has_body=has_body),
            content=delivery.body if has_body else None,
            extensions=extensions,
        )
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise translated(error, webhook.describe()) from error


def _headers(
    delivery: Delivery, webhook: Webhook, method: str, *, has_body: bool
) -> list[tuple[str, str]]:
    """Return the job's own headers after ours; a header that the job sets replaces our default."""
    execution_id = delivery.execution.id
    defaults = {"User-Agent": f"chronos/{__version__}", "Accept": "*/*"}
    defaults["Accept-Encoding"] = "gzip, identity"
    if has_body:
        defaults["Content-Type"] = delivery.content_type
    if method not in _SAFE_METHODS:
        defaults["Idempotency-Key"] = execution_id
    own = {name.lower() for name in webhook.headers}
    headers = [(name, value) for name, value in defaults.items() if name.lower() not in own]
    headers += delivery.metadata.items()
    if "authorization" not in own and (basic := _basic_auth(webhook.url)):
        headers.append(("Authorization", basic))
    for name, value in webhook.headers.items():
        headers += [(name, item) for item in ([value] if isinstance(value, str) else value)]
    return headers


def _basic_auth(url: str) -> str | None:
    """Return the Authorization header that a URL's userinfo stands for (RFC 7617)."""
    from base64 import b64encode
    from urllib.parse import unquote

    parts = urlsplit(url)
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(pair.encode()).decode()}"


async def _read(response: "httpx.Response") -> tuple[bytes, bool]:
    """Return at most MAX_BODY bytes of the body, and whether that is all of it.

    Decoding is bounded too: a few kilobytes of gzip can stand for gigabytes.
    """
    is_gzip = response.headers.get("content-encoding", "").lower() in {"gzip", "x-gzip"}
    decoder = zlib.decompressobj(wbits=31) if is_gzip else None
    body = b""
    async for chunk in response.aiter_raw():
        room = MAX_BODY + 1 - len(body)
        try:
            body += decoder.decompress(chunk, room) if decoder else chunk[:room]
        except zlib.error as error:
            raise UnreachableError(f"the response's gzip is broken: {error}") from error
        if len(body) > MAX_BODY:
            return body[:MAX_BODY], False
    return body, True


def _judged(webhook: Webhook, response: "httpx.Response", body: bytes, is_whole: bool) -> Receipt:
    """Return the receipt of an expected response; raise what any other one means."""
    status = response.status_code
    receipt: dict[str, Any] = {"status": status, "body": body.decode(errors="replace")}
    if not is_whole:
        receipt["body_truncated"] = True
    if webhook.expect.has_status(status):
        return Receipt(code=str(status), data=receipt)
    message = f"{status} {response.reason_phrase}".strip()
    if response.has_redirect_location:
        message += f"; redirect to {response.headers['location'][:200]} not followed"
    if excerpt := _excerpt(body):
        message += f": {excerpt}"
    if status == 429 or status >= 500:
        after = None
        if status in _RETRY_AFTER_STATUSES:
            after = retry_after(response.headers.get("retry-after"), datetime.now(UTC))
        raise UnreachableError(message, code=str(status), retry_after=after, receipt=receipt)
    raise RejectedError(message, code=str(status), receipt=receipt, kind="expectation")


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3), or None."""
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _excerpt(body: bytes) -> str:
    return " ".join(body[:400].decode(errors="replace").split())[:160]


def _shown(name: str, value: str) -> tuple[str, str]:
    return name, MASK if bears_secret(name) else value


def _url_mistake(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"not a URL: {error}"
    if parts.scheme.lower() not in {"http", "https"}:
        return f"the URL must begin with http:// or https://, not '{url[:20]}'"
    if not parts.hostname:
        return "the URL has no host"
    if port == 0:
        return "port 0 cannot be reached"
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        return "the URL has a space or a control character in it"
    return None


def _header_flaws(name: str, value: str | list[str]) -> Iterator[Flaw]:
    path = ("headers", name)
    if not _TOKEN.fullmatch(name):
        yield Flaw(path, f"'{name[:40]}' is not a header name")
    if name.lower() in _OWN_HEADERS or name.lower().startswith("x-chronos-"):
        yield Flaw(path, f"header '{name[:40]}' is set by chronos", "remove it")
    for item in [value] if isinstance(value, str) else value:
        if isinstance(item, Template):
            continue
        if any(ord(letter) < 32 and letter != "\t" for letter in item) or "\x7f" in item:
            yield Flaw(path, f"the value of header '{name[:40]}' has a line break or control")
        elif not item.isascii():
            yield Flaw(path, f"the value of header '{name[:40]}' is not ASCII", "encode it")
