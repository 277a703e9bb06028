"""The numbers behind the name in an address, in gRPC's way of writing them."""

from chronos_cli.protocols.grpc.address import parse_address
from chronos_cli.protocols.resolver import addresses, is_number


async def resolved(text: str) -> tuple[str, str | None]:
    """Return an address with numbers for the name in it, and the name with its port if it had one.

    gRPC's own resolver cannot be called off, and tells no cause. What names a resolver to ask
    (`dns://resolver/host:port`) is left to it. Raises OSError.
    """
    address = parse_address(text)
    names_resolver = text.startswith("dns://") and not text.startswith("dns:///")
    if not address.host or is_number(address.host) or names_resolver:
        return text, None
    found = await addresses(address.host, address.port)
    return _numeric([where[:2] for _, where in found]), f"{address.host}:{address.port}"


def _numeric(found: list[tuple[str, int]]) -> str:
    """Return the addresses in gRPC's way of naming them; both families at once are all IPv6."""
    if all(":" not in host for host, _ in found):
        return "ipv4:" + ",".join(f"{host}:{port}" for host, port in found)
    mapped = [(host if ":" in host else f"::ffff:{host}", port) for host, port in found]
    return "ipv6:" + ",".join(f"[{host}]:{port}" for host, port in mapped)
