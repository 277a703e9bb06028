"""What of a URL goes where: the host to connect to, the Host header, the target of a request."""

from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct

from chronos_cli.protocols.http.syntax import origin

# What stays as it is in a path and in a query (URL Standard, 1.3); "%" as well: what is encoded
# already is not encoded twice.
_PATH_SAFE = "!$%&'()*+,-./:;=@[\\]^_|~"
_QUERY_SAFE = _PATH_SAFE + "?`{}"


class Place(Struct, frozen=True):
    """Where a request goes.

    `authority` goes into the Host header, `target` into the first line.
    """

    scheme: str
    authority: str
    target: str

    @property
    def absolute(self) -> str:
        """The target as a proxy is told it (RFC 9112, 3.2.2)."""
        return f"{self.scheme}://{self.authority}{self.target}"


@lru_cache(maxsize=4096)
def place(url: str) -> Place:
    """Return where a URL leads; UnicodeError for a host that cannot be a name."""
    scheme, written, port = origin(url)
    shown = in_url(connectable(written))
    has_port = port != {"http": 80, "https": 443}[scheme]
    parts = urlsplit(url)
    target = quote(_without_dots(parts.path), safe=_PATH_SAFE) or "/"
    if parts.query or "?" in url.partition("#")[0]:
        target += "?" + quote(parts.query, safe=_QUERY_SAFE)
    return Place(scheme, f"{shown}:{port}" if has_port else shown, target)


def connectable(host: str) -> str:
    """Return a host as name servers know it; UnicodeError when it cannot be one.

    The zone of an address stands behind %25 in a URL (RFC 6874). Names in ASCII are taken as
    they are, also those that today's rules would not make (`xn--n3h`).
    """
    if ":" in host:
        address, percent, zone = host.partition("%")
        return address + percent + unquote(zone.removeprefix("25"))
    if host.isascii():
        return host
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        return host.encode("idna").decode("ascii")  # older rules (RFC 3490) allow more


def in_url(host: str) -> str:
    """Return a host as it stands in a URL or a Host header: the zone is nobody's but ours."""
    return f"[{host.partition('%')[0]}]" if ":" in host else host


def tls_name(host: str) -> str:
    """Return the name that a certificate must bear: neither zone nor last dot belong to it."""
    return host.partition("%")[0].rstrip(".")


def _without_dots(path: str) -> str:
    """Take `.` and `..` out of a path (RFC 3986, 5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    parts = path.split("/")
    for part in parts:
        if part == "..":
            if len(kept) > 1:
                kept.pop()
        elif part != ".":
            kept.append(part)
    if parts[-1] in {".", ".."}:
        kept.append("")
    return "/".join(kept)
