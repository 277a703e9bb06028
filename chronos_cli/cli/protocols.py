"""`chronos protocols`: which protocols are installed, and what they lack."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from msgspec import Struct, to_builtins

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.output import Output
from chronos_cli.dispatch.registry import Registry


class ListFormat(StrEnum):
    """How the list is written."""

    TABLE = "table"
    JSON = "json"


class _Row(Struct, frozen=True):
    """A protocol: `status` is installed, missing (its client library) or broken (the plug-in)."""

    key: str
    protocol: str | None
    package: str
    status: str
    message: str | None = None
    install: str | None = None


def command(
    output: Annotated[ListFormat, option("--output", "-o", help="How the list is written.")] = (
        ListFormat.TABLE
    ),
) -> ExitCode:
    """List the protocols: target block, protocol, package, and what one lacks.

    Exit codes: 0 listed, 2 usage.

    Examples:
      chronos protocols
      chronos protocols --output json
    """
    registry = Registry()
    rows = [_row(registry, key) for key in registry.target_keys()]
    if output is ListFormat.JSON:
        Output().json({"schema_version": 1, "results": to_builtins(rows)})
    else:
        Output().result("".join(f"{line}\n" for row in rows for line in _lines(row)))
    return ExitCode.SUCCESS


def _row(registry: Registry, key: str) -> _Row:
    package = registry.distribution(key)
    try:
        protocol = registry.kind(key).protocol
    except ImportError as error:
        return _Row(key, None, package, "broken", str(error))
    if missing := registry.missing(key):
        message = f"'{missing.module}' is not installed"
        return _Row(key, protocol, package, "missing", message, missing.command)
    return _Row(key, protocol, package, "installed")


def _lines(row: _Row) -> Iterator[str]:
    yield f"{row.key:<12} {row.protocol or '-':<12} {row.package:<24} {row.status}".rstrip()
    if row.message:
        yield f"    {row.message}"
    if row.install:
        yield f"    run: {row.install}"
