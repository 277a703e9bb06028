"""The target block `webhook`, and what chronos.yaml may say of HTTP. No client is needed here."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from chronos_cli.jobs.cloudevents import Mode, header_flaws
from chronos_cli.jobs.model import Settings, Target
from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw
from chronos_cli.protocols.checks import header_value_flaws, is_own_header, with_scheme
from chronos_cli.protocols.http.auth import HttpAuth
from chronos_cli.protocols.http.body import Fields, MultipartForm
from chronos_cli.protocols.http.expect import HttpExpect
from chronos_cli.protocols.http.signing import WebhookSigning
from chronos_cli.protocols.http.syntax import is_header_name, url_mistake
from chronos_cli.protocols.tls import Tls
from chronos_cli.redact import mask_urls
from chronos_cli.units import PathName

_OWN_HEADERS = frozenset("content-length transfer-encoding connection".split())


class HttpRedirects(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Whether a redirect is an answer or a way to go."""

    follow: Annotated[bool, Meta(description="Go where the redirect says")] = False
    max: Annotated[int, Meta(ge=1, le=50, description="Redirects in one attempt")] = 10


class Webhook(Target, kw_only=True, frozen=True):
    """Where an HTTP request goes, and what is expected of the response."""

    url: Annotated[
        str, Meta(description="http:// or https://", examples=["http://127.0.0.1:8080/job"])
    ]
    method: Annotated[str, Meta(description="HTTP method")] = "POST"
    headers: Annotated[
        dict[str, str | list[str]], Meta(description="Sent as given; a list repeats the header")
    ] = {}
    query: Annotated[
        Fields, Meta(description="Parameters added to the URL's own; a list repeats one")
    ] = {}
    auth: HttpAuth | None = None
    form: Annotated[
        Fields | None, Meta(description="Sent as a form, in the place of a payload")
    ] = None
    multipart: MultipartForm | None = None
    compression: Annotated[
        Literal["none", "gzip"], Meta(description="Of the body of the request")
    ] = "none"
    signing: WebhookSigning | None = None
    redirects: HttpRedirects = HttpRedirects()
    proxy: Annotated[
        str | None,
        Meta(
            description="http:// or https://; `environment` for HTTPS_PROXY and its kin. "
            "Default: none"
        ),
    ] = None
    unix_socket: Annotated[
        PathName | None, Meta(description="Connect to this socket; the URL's host is only sent")
    ] = None
    http2: Annotated[bool, Meta(description="Offer HTTP/2 to the far side")] = False
    expect: HttpExpect = HttpExpect()
    check: Annotated[
        Literal["HEAD", "OPTIONS", "GET"] | None,
        Meta(
            description="What `chronos check` asks, without the payload. Default: nothing, since "
            "any request may act; it looks at the way there"
        ),
    ] = None
    tls: Tls | None = None

    @classmethod
    def other_names(cls) -> Mapping[str, str]:
        """Return the words of other tools, and services that take messages over HTTP."""
        services = {
            "slack": "https://hooks.slack.com/services/…",
            "teams": "https://example.webhook.office.com/…",
            "discord": "https://discord.com/api/webhooks/…",
        }
        blocks = {name: f'{{url: "{url}"}}' for name, url in services.items()}
        return dict.fromkeys(("https", "curl", "request", "rest", "web_hook"), "") | blocks

    @classmethod
    def advice(cls) -> Mapping[str, str]:
        """Return the keys of other HTTP clients."""
        bearer = 'auth: {{bearer: {{token: "${{TOKEN}}"}}}}'
        unverified = "tls: {{insecure_skip_verify: true}}"
        return {
            **dict.fromkeys(("uri", "endpoint", "address", "host", "link"), "url: {value}"),
            **dict.fromkeys(("verb", "type"), "method: {value}"),
            **dict.fromkeys(("params", "parameters", "args"), "query: {value}"),
            **dict.fromkeys(("token", "authorization", "bearer_token"), bearer),
            **dict.fromkeys(("insecure", "verify", "verify_ssl", "skip_verify"), unverified),
            "expected_status": "expect: {{status: {value}}}",
            "status_code": "expect: {{status: {value}}}",
            "follow_redirects": "redirects: {{follow: {value}}}",
        }

    def event_flaws(self, mode: Mode, extensions: Collection[str]) -> Iterator[Flaw]:  # noqa: ARG002
        """Yield what goes against a CloudEvent: headers of another one, a body that is none."""
        yield from header_flaws(self.headers, mode, "ce-")
        if mode == "structured" and (key := self.body_key()):
            yield Flaw((key,), f"'{key}' cannot be a structured CloudEvent", "use binary")

    def flaws(self) -> Iterator[Flaw]:
        """Yield what types cannot say."""
        if not isinstance(self.url, Template) and (wrong := url_mistake(self.url)):
            yield Flaw(("url",), wrong, _url_to_write(self.url))
        if not isinstance(self.method, Template) and not is_header_name(self.method):
            yield Flaw(("method",), f"'{self.method[:40]}' is not an HTTP method")
        signed = self._signed()
        for name, value in self.headers.items():
            yield from _header_flaws(name, value, signed)
        yield from self._auth_flaws()
        yield from self._way_flaws()
        if self.form is not None and self.multipart is not None:
            yield Flaw(("multipart",), "both 'form' and 'multipart'", "keep one")
        for block in (self.multipart, self.signing, self.expect, self.tls):
            if block is not None:
                yield from block.flaws()

    def warnings(self) -> Iterator[str]:
        """Yield what is dangerous in this block."""
        by_proxy = (self.proxy or "").lower().startswith("https:")
        if self.tls is not None and (by_proxy or not self._is_plain()):
            yield from self.tls.warnings()

    def describe(self) -> str:
        """Return method and URL."""
        return f"{self.method.upper()} {mask_urls(self.url)}"

    def body_key(self) -> str | None:
        """Return the key that takes the place of a payload."""
        if self.form is not None:
            return "form"
        return "multipart" if self.multipart is not None else None

    def further_modules(self) -> dict[str, str]:
        """Return what HTTP/2 needs."""
        return {"h2": "http2"} if self.http2 else {}

    def _signed(self) -> set[str]:
        return {name.lower() for name in self.signing.header_names()} if self.signing else set()

    def _auth_flaws(self) -> Iterator[Flaw]:
        if self.auth is None:
            return
        yield from self.auth.flaws()
        name = self.auth.header_name
        if name is not None and name.lower() in {own.lower() for own in self.headers}:
            yield Flaw(("auth",), f"both 'auth' and a header {name[:40]}", "keep one")
        if name is not None and _is_reserved(name, self._signed()):
            where = ("auth", "api_key", "header")
            yield Flaw(where, f"header '{name[:40]}' is set by chronos", "use another one")
        if not isinstance(self.url, Template) and _has_userinfo(self.url):
            yield Flaw(("auth",), "both 'auth' and a user in the URL", "keep one")

    def _way_flaws(self) -> Iterator[Flaw]:
        """Yield what is wrong with the way to the far side."""
        is_url = self.proxy not in {None, "environment"} and not isinstance(self.proxy, Template)
        if is_url and (wrong := url_mistake(self.proxy or "")):
            yield Flaw(("proxy",), wrong.replace("the URL", "the proxy"), "or: environment")
        if self.proxy is not None and self.unix_socket is not None:
            yield Flaw(("unix_socket",), "both 'proxy' and 'unix_socket'", "keep one")
        if self.http2 and self._is_plain():
            yield Flaw(("http2",), "HTTP/2 is agreed on over TLS, and the URL is http://")
        enabled = self.tls.enabled if self.tls else None
        is_known = not isinstance(self.url, Template)
        if is_known and enabled is not None and enabled == self._is_plain():
            message = "the URL says whether TLS is used, and it says otherwise"
            yield Flaw(("tls", "enabled"), message, "remove it, or write https://")

    def _is_plain(self) -> bool:
        """Whether the URL is known to ask for no TLS."""
        return not isinstance(self.url, Template) and self.url.lower().startswith("http:")


class HttpSettings(Settings, kw_only=True, frozen=True):
    """Settings of HTTP for the whole process."""

    max_idle_conns: Annotated[
        Annotated[int, Meta(ge=0, le=100_000)] | None,
        Meta(
            description="Connections kept open for later requests. Default: as many as were in use "
            "at the same time, at least 100"
        ),
    ] = None


def _url_to_write(url: str) -> str:
    """Return a hint with the URL that is meant, or with one that might be."""
    if "://" not in url:
        host = url.lstrip("/").partition("/")[0]
        is_near = host.startswith(("localhost", "127.")) or ":" in host
        if meant := with_scheme(url, "http" if is_near else "https"):
            return f"write: url: {meant}"
    spaced = url.strip().replace(" ", "%20")
    if " " in url and "@" not in url and url_mistake(spaced) is None:
        return f"write: url: {spaced[:200]}"
    return "for example https://api.example.com/job"


def _has_userinfo(url: str) -> bool:
    try:
        return urlsplit(url).username is not None
    except ValueError:
        return False


def _is_reserved(name: str, signed: set[str]) -> bool:
    lowered = name.lower()
    return is_own_header(name) or lowered in _OWN_HEADERS or lowered in signed


def _header_flaws(name: str, value: str | list[str], signed: set[str]) -> Iterator[Flaw]:
    path = ("headers", name)
    if not is_header_name(name):
        yield Flaw(path, f"'{name[:40]}' is not a header name")
    if _is_reserved(name, signed):
        yield Flaw(path, f"header '{name[:40]}' is set by chronos", "remove it")
    for item in [value] if isinstance(value, str) else value:
        if isinstance(item, Template):
            continue
        flaws = list(header_value_flaws(path, name, item))
        yield from flaws
        if not flaws and not item.isascii():
            yield Flaw(path, f"the value of header '{name[:40]}' is not ASCII", "encode it")
