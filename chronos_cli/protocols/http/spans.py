"""The span of one request, by the semantic conventions for HTTP."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from chronos_cli.dispatch.spans import MessageSpan
from chronos_cli.protocols.http.target import Webhook
from chronos_cli.redact import mask_urls

# Others have no bound to their number; the conventions ask for one word for all of them.
_METHODS = frozenset("CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE".split())
_PORTS = {"http": 80, "https": 443}


def message_span(target: Webhook, code: str | None, receipt: Mapping[str, Any]) -> MessageSpan:  # noqa: ARG001
    """Return the span of a request to a target."""
    parts = urlsplit(target.url)
    method = target.method.upper()
    attributes: dict[str, str | int] = {
        "http.request.method": method if method in _METHODS else "_OTHER",
        "url.full": mask_urls(target.url),
        "server.address": parts.hostname or "",
        "server.port": parts.port or _PORTS[parts.scheme],
    }
    if method not in _METHODS:
        attributes["http.request.method_original"] = method
    if code is not None and code.isdecimal():
        attributes["http.response.status_code"] = int(code)
    name = method if method in _METHODS else "HTTP"
    return MessageSpan(name=name, attributes=attributes)
