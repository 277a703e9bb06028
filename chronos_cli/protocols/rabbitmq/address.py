"""Where a RabbitMQ broker is, and who we are there: `amqp://` URLs and lists of hosts."""

from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from chronos_cli.protocols.checks import has_space_or_control
from chronos_cli.protocols.tls import Tls

# As other clients write it.
_SPELLINGS = {"amqp+ssl": "amqps"}
_PORTS = {False: 5672, True: 5671}


class Login(Struct, frozen=True):
    """What is said to a broker at the beginning. Its repr does not show the password."""

    username: str
    password: str
    vhost: str
    heartbeat: int | None
    tls: Tls | None

    def __repr__(self) -> str:
        return f"Login({self.username!r}, vhost={self.vhost!r})"


class Address(Struct, frozen=True):
    """One broker's address."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class AmqpUrl(Struct, frozen=True, kw_only=True):
    """What stands in an AMQP URL; None for what does not. Its repr does not show the password."""

    address: Address
    is_tls: bool
    username: str | None
    password: str | None
    vhost: str | None

    def __repr__(self) -> str:
        return f"AmqpUrl({str(self.address)!r}, {self.username!r}, vhost={self.vhost!r})"


@lru_cache(maxsize=256)  # each message looks its connection up by it
def parse_url(url: str) -> AmqpUrl:
    """Read a URL; raises ValueError, with a message that quotes nothing of it."""
    if has_space_or_control(url):
        raise ValueError("the URL has a space or a control character in it")
    if _is_list(url):
        raise ValueError("the URL has more than one host: several go under 'hosts'")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # Python's own message quotes what may be a piece of the password.
        raise ValueError(
            "not a URL: host or port cannot be read; '/', '@', ':' and '#' in a name or password "
            "are written %2F, %40, %3A and %23"
        ) from None
    scheme = parts.scheme.lower()
    scheme = _SPELLINGS.get(scheme, scheme)
    if scheme not in {"amqp", "amqps"}:
        raise ValueError("the URL must begin with amqp:// or amqps://")
    if not parts.hostname:
        raise ValueError("the URL has no host")
    if port == 0:
        raise ValueError("port 0 cannot be reached")
    if parts.query or parts.fragment:
        raise ValueError("a '?' or '#' part has no meaning here; options are keys of their own")
    return AmqpUrl(
        address=Address(parts.hostname, port or _PORTS[scheme == "amqps"]),
        is_tls=scheme == "amqps",
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        vhost=_vhost(parts.path),
    )


def _is_list(url: str) -> bool:
    """Tell whether it is several, as other clients take them with commas."""
    rest = url.partition("://")[2]
    host = rest.partition("/")[0].rpartition("@")[2]
    return "," in host or ",amqp://" in rest or ",amqps://" in rest


def _vhost(path: str) -> str | None:
    """Return the virtual host that a URL's path names; `/%2F` and `//` are the one called `/`."""
    if path in {"", "/"}:
        return None
    name = path[1:]
    if "/" in name and name != "/":
        raise ValueError("a '/' within the virtual host is written %2F")
    return unquote(name)


def parse_hosts(hosts: Sequence[str], *, is_tls: bool) -> tuple[Address, ...]:
    """Read a list of `host` and `host:port`; raises ValueError."""
    return tuple(parse_host(host, is_tls=is_tls) for host in hosts)


def parse_host(text: str, *, is_tls: bool) -> Address:
    """Read `host`, `host:port` or `[::1]:port`; raises ValueError."""
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError as error:
        raise ValueError("not host or host:port") from error
    is_bare = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    if not parts.hostname or not is_bare or has_space_or_control(text) or port == 0:
        raise ValueError("not host or host:port; name and password have keys of their own")
    return Address(parts.hostname, port or _PORTS[is_tls])
