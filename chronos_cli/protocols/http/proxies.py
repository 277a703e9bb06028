"""The proxies that the environment names, and the hosts that it takes from them."""

import os
from urllib.parse import urlsplit

from chronos_cli.errors import RejectedError
from chronos_cli.protocols.http.syntax import origin, url_mistake
from chronos_cli.protocols.http.url import connectable


def environment_proxy(url: str) -> str | None:
    """Return the proxy that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY name for a URL.

    Raises RejectedError for one that cannot be used. The name in small letters goes first; as
    with curl, HTTP_PROXY in capitals does not count where a web server calls us (it could come
    from a visitor's header).
    """
    scheme = urlsplit(url).scheme.lower()
    proxy = _variable(f"{scheme}_proxy") or _variable("all_proxy")
    if not proxy or is_excepted(url, _variable("no_proxy")):
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    if mistake := url_mistake(proxy):
        message = mistake.replace("the URL", "the proxy of the environment")
        raise RejectedError(message, code="PROXY")
    return proxy


def is_excepted(url: str, exceptions: str) -> bool:
    """Whether NO_PROXY names a URL's host, as curl and Go read it.

    The list holds names (each with all below it), addresses, networks (`10.0.0.0/8`), each with
    a port or without, and `*` for all.
    """
    _, host, port = origin(url)
    host = connectable(host).partition("%")[0].rstrip(".").lower()
    return any(_is_meant(host, port, one.lower()) for one in exceptions.replace(",", " ").split())


def _is_meant(host: str, port: int, exception: str) -> bool:
    if exception == "*":
        return True
    if "/" in exception:
        return _is_within(host, exception)
    name, number = _split(exception)
    if number and number != str(port):
        return False
    if ":" in name or name.replace(".", "").isdecimal():
        return _is_within(host, name)
    name = name.lstrip("*").strip(".")
    return bool(name) and (host == name or host.endswith("." + name))


def _split(exception: str) -> tuple[str, str]:
    """Return the name and the port of an entry, which may be an address of IPv6 as well."""
    if exception.startswith("["):
        name, _, rest = exception[1:].partition("]")
        return name, rest.removeprefix(":")
    if exception.count(":") == 1:
        name, _, number = exception.partition(":")
        return name, number
    return exception, ""


def _is_within(host: str, network: str) -> bool:
    from ipaddress import ip_address, ip_network

    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False  # a name is in no network


def _variable(name: str) -> str:
    value = os.environ.get(name) or ""
    if not value and not (name == "http_proxy" and "REQUEST_METHOD" in os.environ):
        value = os.environ.get(name.upper()) or ""
    return value.strip()
