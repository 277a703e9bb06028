"""The reference of all keys as Markdown tables, from the structs that are read."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET, Struct
from msgspec import inspect as types

from chronos_cli.jobs.config import Scheduler
from chronos_cli.jobs.key_examples import metadata_of
from chronos_cli.jobs.model import JobSpec, RetryPolicy, Settings, TargetKinds, loadable
from chronos_cli.jobs.read import type_info
from chronos_cli.units import format_duration

_TYPE_WORDS: dict[type, str] = {
    types.DictType: "mapping",
    types.StructType: "mapping",
    types.ListType: "list",
    types.VarTupleType: "list",
    types.StrType: "text",
    types.IntType: "whole number",
    types.FloatType: "number",
    types.BoolType: "true/false",
    types.AnyType: "anything",
    types.NoneType: "null",
}


def reference(kinds: TargetKinds) -> str:
    """Return the reference of job files and chronos.yaml, with all installed protocols."""
    sections: list[tuple[str, type[Struct]]] = [
        ("Every job", JobSpec),
        ("`retry_policy`", RetryPolicy),
        *_protocol_sections(kinds),
        ("`scheduler` in chronos.yaml", Scheduler),
    ]
    return "\n".join(_section(title, cls) for title, cls in sections)


def _protocol_sections(kinds: TargetKinds) -> Iterator[tuple[str, type[Struct]]]:
    for key, kind in loadable(kinds).items():
        yield f"`{key}`", kind.target
        if kind.settings is not Settings and kind.settings.__struct_fields__:
            yield f"`dispatcher.{kind.protocol}` in chronos.yaml, beside these", kind.settings


def _section(title: str, cls: type[Struct]) -> str:
    rows = "\n".join(_rows(cls, ""))
    return f"### {title}\n\n| key | | default | meaning |\n|---|---|---|---|\n{rows}\n"


def _rows(cls: type[Struct], prefix: str) -> Iterator[str]:
    """Yield a row for each key; the keys of a block inside follow it, with its name before."""
    # What a struct declares itself goes before what it inherits: the name before the timeout.
    own = cls.__annotations__
    for field in sorted(type_info(cls).fields, key=lambda field: field.name not in own):
        name = f"{prefix}{field.encode_name}"
        yield f"| `{name}` | {words_of(field.type)} | {default_of(field)} | {meaning_of(field)} |"
        inner = _struct_of(field.type)
        if inner is not None and inner is not RetryPolicy:
            yield from _rows(inner, f"{name}.")


def _struct_of(info: Any) -> type[Struct] | None:
    for member in members_of(info):
        if isinstance(member, types.StructType):
            found: type[Struct] = member.cls
            return found
    return None


def members_of(info: Any) -> list[Any]:
    """Return what a type may be: the members of a union, without what is annotated to them."""
    if isinstance(info, types.Metadata):
        return members_of(info.type)
    if isinstance(info, types.UnionType):
        return [inner for member in info.types for inner in members_of(member)]
    return [info]


def words_of(info: Any) -> str:
    """Return a type as people say it."""
    schema = metadata_of(info)
    if "pattern" in schema and isinstance(schema.get("type"), list):
        return "duration" if "ms" in schema["pattern"] else "size"
    words = []
    for member in members_of(info):
        if isinstance(member, types.LiteralType):
            # A number may be listed twice, once as text, for the sake of editors.
            words.append(", ".join(dict.fromkeys(f"`{value}`" for value in member.values)))
        elif not isinstance(member, types.NoneType):
            words.append(_TYPE_WORDS[type(member)])
    return " or ".join(dict.fromkeys(words)) or "null"


def default_of(field: Any) -> str:
    """Return the default of a key as it is written, `required`, or nothing."""
    if field.required:
        return "required"
    default = field.default
    if default is NODEFAULT or default is UNSET or default is None or isinstance(default, Struct):
        return ""
    if words_of(field.type) == "duration":
        return f"`{format_duration(default)}`" if default else "`0s`"
    plain = msgspec.to_builtins(default)
    if isinstance(plain, list | tuple):
        return f"`[{', '.join(map(str, plain))}]`"
    text = str(plain).lower() if isinstance(plain, bool) else str(plain)
    return f"`{text}`" if text else ""


def meaning_of(field: Any) -> str:
    """Return what a key means, for a table."""
    description = metadata_of(field.type).get("description", "")
    if not description and (inner := _struct_of(field.type)):
        description = (inner.__doc__ or "").split("\n")[0].rstrip(".")
    return str(description).replace("|", "\\|")
