"""The address of a gRPC server: what people may write, and where a socket would find it."""

import re

from msgspec import Struct

from chronos_cli.protocols.checks import has_space_or_control

# Compiled by `re` itself, and kept, when the first address is read.
_HOST_PORT = r"(\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*)):(\d{1,5})"
_SCHEME = r"([A-Za-z][A-Za-z0-9+.-]*):(.*)"
_FORMS = "host:port, dns:///host:port, ipv4:…, ipv6:… or unix:path"


class Address(Struct, frozen=True):
    """Where a plain socket reaches the server: a path, or a host and a port."""

    host: str = ""
    port: int = 0
    path: str = ""


def parse_address(text: str) -> Address:
    """Read an address; raises ValueError, with a message for the user."""
    if has_space_or_control(text) or not text.isascii():
        raise ValueError("the address has a space, a control or a non-ASCII character in it")
    match = re.fullmatch(_SCHEME, text, re.DOTALL)
    scheme = match[1].lower() if match else ""
    rest = match[2] if match else ""
    if scheme in {"http", "https", "grpc", "grpcs"} and rest.startswith("//"):
        raise ValueError(f"a gRPC address has no '{scheme}://': write {_FORMS}")
    if scheme == "unix" and rest:
        return Address(path=rest.removeprefix("//"))
    if scheme == "unix-abstract" and rest:
        return Address(path=f"\0{rest}")
    if scheme == "dns" and rest.startswith("//"):
        # dns://resolver/host:port names the resolver to ask; it is left out as a rule.
        return _host_port(rest[2:].partition("/")[2])
    if scheme in {"ipv4", "ipv6"} and not rest.isdigit():
        return _host_port(rest.partition(",")[0])
    if "://" in text:
        raise ValueError(f"'{scheme}://' is not an address that can be called: write {_FORMS}")
    return _host_port(text)


def _host_port(text: str) -> Address:
    match = re.fullmatch(_HOST_PORT, text)
    if match is None:
        raise ValueError(f"'{text[:60]}' is not an address: write {_FORMS}")
    port = int(match[2])
    if not 0 < port < 65536:
        raise ValueError(f"port {port} cannot be reached")
    return Address(host=match[1].strip("[]"), port=port)
