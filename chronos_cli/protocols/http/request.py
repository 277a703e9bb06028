"""One attempt's request, as data: built of a delivery, and built again for a redirect."""

from datetime import datetime
from urllib.parse import urljoin

from msgspec import Struct
from msgspec.structs import replace

from chronos_cli import __version__
from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.protocols.event_headers import http_event_headers
from chronos_cli.protocols.http.auth import Credentials, credentials
from chronos_cli.protocols.http.body import (
    Body,
    compressed,
    form_body,
    multipart_body,
    pairs,
)
from chronos_cli.protocols.http.syntax import origin, url_mistake, with_query
from chronos_cli.protocols.http.target import Webhook
from chronos_cli.protocols.http.url import Place

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_BODILESS_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "DELETE"})
_EXPECTED_TO_HAVE_A_BODY = frozenset({"POST", "PUT", "PATCH"})
_OF_A_BODY = frozenset({"idempotency-key"})
# Of a job's own headers those that another origin may see: any other may be a key to the first.
_HARMLESS = frozenset(
    "accept accept-charset accept-encoding accept-language content-disposition content-encoding "
    "content-language content-type user-agent".split()
)

Headers = list[tuple[str, str]]


class Outgoing(Struct, frozen=True):
    """A request.

    `private` are the headers, in lower case, that only its own origin may see; `hidden` are those
    of them whose values nobody is shown.
    """

    method: str
    url: str
    headers: Headers
    body: Body | None
    private: frozenset[str]
    secrets: list[str]
    signed: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()

    def with_private(self, name: str, value: str) -> "Outgoing":
        """Return the request with a header that only this origin may see, in place of others."""
        kept = [pair for pair in self.headers if pair[0].lower() != name.lower()]
        added = {name.lower()}
        return replace(
            self,
            headers=[*kept, (name, value)],
            private=self.private | added,
            hidden=self.hidden | added,
        )

    def redirected(self, status: int, location: str) -> "Outgoing":
        """Return the request that a redirect asks for; the method changes as in browsers."""
        url = urljoin(self.url, location)
        strange = origin(url) != origin(self.url)
        dropped = self.private if strange else frozenset()
        headers = self.headers
        method, body = self.method, self.body
        if (status == 303 and method not in {"GET", "HEAD"}) or (
            status in {301, 302} and method == "POST"
        ):
            method, body = "GET", None
            dropped |= self.signed | _OF_A_BODY
            headers = [pair for pair in headers if not pair[0].lower().startswith("content-")]
        headers = [pair for pair in headers if pair[0].lower() not in dropped]
        return replace(self, method=method, url=url, headers=headers, body=body)

    def head(self, where: Place) -> Headers:
        """Return the headers as they leave, with those that HTTP itself needs."""
        headers = list(self.headers)
        if self.body is not None and self.body.content:
            headers.append(("Content-Length", str(len(self.body.content))))
        elif self.method in _EXPECTED_TO_HAVE_A_BODY:
            headers.insert(0, ("Content-Length", "0"))
        if not any(name.lower() == "host" for name, _ in headers):
            headers.insert(0, ("Host", where.authority))
        return headers


def refusal(webhook: Webhook, request: Outgoing, location: str, hops: int) -> str | None:
    """Return why a redirect is not followed, `hops` having been followed before; or None."""
    try:
        url = urljoin(request.url, location)
    except ValueError:
        return "it leads to no URL"
    if url_mistake(url) or "\\" in url:
        return "it leads to no URL that HTTP can go to"
    if origin(request.url)[0] == "https" and origin(url)[0] == "http":
        return "it leads from https:// to http://"
    if hops >= webhook.redirects.max:
        return f"there have been {hops} already"
    if webhook.unix_socket is not None and origin(url) != origin(request.url):
        return "it leads away from the socket"
    return None


def outgoing(delivery: Delivery[Webhook], webhook: Webhook, now: datetime) -> Outgoing:
    """Return the request of an attempt, without what the far side must be asked for first.

    Raises RejectedError when a file of secrets or of the form cannot be used.
    """
    method = webhook.method.upper()
    body = _body(delivery, webhook, method)
    found = credentials(webhook.auth, webhook.url)
    signed: Headers = []
    secrets = list(found.secrets)
    if webhook.signing is not None:
        content = body.content if body else b""
        identity = delivery.execution.id
        signed = webhook.signing.headers(identity, int(now.timestamp()), content)
        secrets += webhook.signing.secrets()
    headers = _headers(delivery, webhook, method, body, found)
    names = frozenset(name.lower() for name, _ in signed)
    return Outgoing(
        method=method,
        url=with_query(webhook.url, [*pairs(webhook.query), *found.query]),
        headers=[*headers, *signed],
        body=body,
        private=names | _private(webhook, found),
        secrets=secrets,
        signed=names,
        hidden=frozenset(name.lower() for name, _ in found.headers),
    )


def _body(delivery: Delivery[Webhook], webhook: Webhook, method: str) -> Body | None:
    if webhook.form is not None:
        body = form_body(webhook.form)
    elif webhook.multipart is not None:
        body = multipart_body(webhook.multipart, delivery.execution.id)
    elif delivery.default_payload and method in _BODILESS_METHODS:
        return None
    else:
        body = Body(delivery.body, delivery.content_type, shown=delivery.body)
    return compressed(body) if webhook.compression == "gzip" else body


def _headers(
    delivery: Delivery[Webhook],
    webhook: Webhook,
    method: str,
    body: Body | None,
    found: Credentials,
) -> Headers:
    """Return the job's own headers after ours; a header that the job sets replaces our default."""
    defaults = {"User-Agent": f"chronos/{__version__}", "Accept": "*/*"}
    defaults["Accept-Encoding"] = "gzip, identity"
    if body is not None:
        defaults["Content-Type"] = body.content_type
        if body.encoding is not None:
            defaults["Content-Encoding"] = body.encoding
    if method not in _SAFE_METHODS:
        defaults["Idempotency-Key"] = delivery.execution.id
    own = {name.lower() for name in webhook.headers}
    replaced = own | {name.lower() for name, _ in found.headers}
    headers = [(name, value) for name, value in defaults.items() if name.lower() not in replaced]
    headers += delivery.metadata.items()
    headers += http_event_headers(delivery).items()
    headers += [(name, value) for name, value in found.headers if name.lower() not in own]
    for name, value in webhook.headers.items():
        headers += [(name, item) for item in ([value] if isinstance(value, str) else value)]
    return headers


def _private(webhook: Webhook, found: Credentials) -> frozenset[str]:
    """Return the headers that no other origin may see, in lower case."""
    own = {name.lower() for name in webhook.headers} - _HARMLESS
    return frozenset(own | {name.lower() for name, _ in found.headers} | {"host"})
