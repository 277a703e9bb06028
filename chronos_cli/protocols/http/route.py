"""The way to a far side: what requests must have in common to share a connection."""

from msgspec import Struct, structs

from chronos_cli.protocols.http.syntax import Origin, origin
from chronos_cli.protocols.http.target import Webhook
from chronos_cli.protocols.tls import Tls


class Route(Struct, frozen=True):
    """The way to an origin."""

    origin: Origin
    tls: Tls | None = None
    proxy: str | None = None
    proxy_tls: Tls | None = None
    unix_socket: str | None = None
    http2: bool = False

    @property
    def is_tls(self) -> bool:
        """Whether the far side is spoken to over TLS."""
        return self.origin[0] == "https"

    @property
    def is_proxy_tls(self) -> bool:
        """Whether the proxy is spoken to over TLS."""
        return self.proxy is not None and origin(self.proxy)[0] == "https"

    @property
    def is_forwarded(self) -> bool:
        """Whether a proxy reads the request and sends it on, instead of opening a tunnel."""
        return self.proxy is not None and not self.is_tls


def route(webhook: Webhook, url: str) -> Route:
    """Return the way to a URL: the webhook's own, or one it was sent on to.

    Another origin than the webhook's own, a proxy too, is not shown our certificate. Raises
    RejectedError for a proxy of the environment that cannot be used.
    """
    where, home = origin(url), origin(webhook.url)
    is_tls = where[0] == "https"
    own = webhook.tls
    others = _without_identity(own) if own is not None else None
    tls = (own if where == home else others) if is_tls else None
    proxy = webhook.proxy
    if proxy == "environment":
        from chronos_cli.protocols.http.proxies import environment_proxy

        proxy = environment_proxy(url)
    proxy_tls = others if proxy and origin(proxy)[0] == "https" else None
    socket = webhook.unix_socket if where == home else None
    return Route(where, tls, proxy, proxy_tls, socket, webhook.http2 and is_tls)


def _without_identity(tls: Tls) -> Tls:
    return structs.replace(tls, cert=None, key=None, key_password=None, server_name=None)
