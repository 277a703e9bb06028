"""What HTTP allows in URLs, methods and headers (RFC 9110), as text."""

from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, urlencode, urlsplit

from chronos_cli.protocols.checks import has_space_or_control

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TOKEN = "!#$%&'*+.^_`|~0123456789-" + _LETTERS
# A scheme, or a word that stands in its place.
_BEGINNING = r"[A-Za-z][A-Za-z0-9+.-]{0,19}(://?|(?=/|$))"
_DEFAULT_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


@lru_cache(maxsize=1024)
def is_header_name(text: str) -> bool:
    """Whether a text can be a header's name, or a method."""
    return bool(text) and not text.strip(_TOKEN)


def url_mistake(url: str) -> str | None:
    """Return what is wrong with the URL of a request, or None.

    It is not quoted beyond its scheme: what comes behind may hold a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return (
            "not a URL: host or port cannot be read; '/', '@' and ':' in a password are "
            "%2F, %40 and %3A"
        )
    if parts.scheme.lower() not in _DEFAULT_PORTS:
        import re

        begin = re.match(_BEGINNING, url)
        instead = f", not '{begin[0]}'" if begin else ""
        return f"the URL must begin with http:// or https://{instead}"
    if not parts.hostname:
        return "the URL has no host"
    if port == 0:
        return "port 0 cannot be reached"
    if has_space_or_control(url):
        return "the URL has a space or a control character in it"
    return None


@lru_cache(maxsize=4096)
def origin(url: str) -> Origin:
    """Return scheme, host and port: what credentials belong to (RFC 6454)."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(scheme, 0)


def with_query(url: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Return a URL with parameters added behind those that it has."""
    added = urlencode(list(pairs), quote_via=quote)
    if not added:
        return url
    address, hash_sign, fragment = url.partition("#")
    if "?" not in address:
        address += "?"
    elif not address.endswith(("?", "&")):
        address += "&"
    return address + added + hash_sign + fragment
