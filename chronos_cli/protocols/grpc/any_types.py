"""Types that stand in an Any and that the service does not import: the server is asked for them."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from chronos_cli.errors import DispatchError
from chronos_cli.protocols.grpc.errors import library_errors
from chronos_cli.protocols.grpc.reflection import ReflectionClient
from chronos_cli.protocols.grpc.rendering import has_type, type_name
from chronos_cli.protocols.grpc.schema import Method, add_files, well_known, with_imports

# Types that are asked for on account of one message, and that a server may leave unknown.
_MOST = 20
_MOST_UNKNOWN = 1000
# The files of the types that every client has built in, where they are not named after them.
_PREFIX = "google.protobuf."
_BUILT_IN = {
    "Any": "any",
    "Duration": "duration",
    "Timestamp": "timestamp",
    "FieldMask": "field_mask",
    "Empty": "empty",
    **dict.fromkeys(("Struct", "Value", "ListValue"), "struct"),
}


def named_types(value: Any) -> Iterator[str]:
    """Yield the types that JSON data names with `@type`, in the way that an Any is written."""
    if isinstance(value, dict):
        url = value.get("@type")
        if isinstance(url, str):
            yield type_name(url)
        for item in value.values():
            yield from named_types(item)
    elif isinstance(value, list):
        for item in value:
            yield from named_types(item)


async def learn(
    method: Method, names: Iterable[str], server: ReflectionClient, seconds: float
) -> None:
    """Add types to what is known to a method, as far as the server describes them in time.

    No failure is told: it concerns how a message is shown, not whether it arrived. What could
    not be learnt is not asked for again.
    """
    wanted = [name for name in dict.fromkeys(names) if name not in method.unknown]
    wanted = [name for name in wanted[:_MOST] if not has_type(method.pool, name)]
    if not wanted or len(method.unknown) > _MOST_UNKNOWN:
        return
    with contextlib.suppress(DispatchError, TimeoutError, *library_errors()):
        async with asyncio.timeout(seconds):
            for name in wanted:
                await _learn_one(method, name, server)
    method.unknown.update(name for name in wanted if not has_type(method.pool, name))


async def _learn_one(method: Method, name: str, server: ReflectionClient) -> None:
    built_in = well_known(f"google/protobuf/{_file(name)}.proto") if _file(name) else None
    found = [built_in] if built_in else await server.files(file_containing_symbol=name)
    if found:
        files = await with_imports(server, found, method.pool)
        add_files(method.pool, files, "the server's reflection")


def _file(name: str) -> str | None:
    if not name.startswith(_PREFIX):
        return None
    short = name.removeprefix(_PREFIX)
    return _BUILT_IN.get(short) or ("wrappers" if short.endswith("Value") else None)
