"""A commented job file to start from, made of a protocol's own struct."""

from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET, Struct
from msgspec import inspect as types

from chronos_cli.jobs.model import JobSpec, TargetKind
from chronos_cli.jobs.read import type_info

_SHOWN_JOB_KEYS = ("schedule", "timezone", "timeout", "deadline", "payload")


def starter(key: str, kind: TargetKind, name: str) -> str:
    """Return the text of a job over a protocol: what is required filled in, the rest commented.

    What is filled in are the examples of the struct's own descriptions.
    """
    lines = [
        f"# A job over {kind.protocol}.",
        "# Check it with `chronos validate`, see it with `chronos run --dry-run`.",
        f"name: {name}",
        "",
    ]
    for field in type_info(JobSpec).fields:
        if field.encode_name in _SHOWN_JOB_KEYS:
            lines.append(f"# {_described(field)}")
            lines.append(f"# {field.encode_name}: {_example(field)}")
    lines += ["", f"{key}:"]
    for field in type_info(kind.target).fields:
        if _is_filled_in(field):
            lines.append(f"  {field.encode_name}: {_example(field)}  # {_described(field)}")
    lines += [
        f"  # {field.encode_name}: {_example(field)}  # {_described(field)}"
        for field in type_info(kind.target).fields
        if not _is_filled_in(field)
    ]
    return "\n".join(lines) + "\n"


def _is_filled_in(field: Any) -> bool:
    """Whether a key of the target block is needed, or is one of those that are."""
    return field.required or "examples" in _metadata(field)


def _described(field: Any) -> str:
    description = _metadata(field).get("description", "")
    if not description and isinstance(field.type, types.StructType):
        description = (field.type.cls.__doc__ or "").split("\n")[0].rstrip(".")
    return str(description)


def _example(field: Any) -> str:
    examples = _metadata(field).get("examples")
    if examples:
        return _json(examples[0])
    if field.default is NODEFAULT or field.default is UNSET or field.default is None:
        return "…"
    return _json(field.default)


def _metadata(field: Any) -> dict[str, Any]:
    if isinstance(field.type, types.Metadata):
        return dict(field.type.extra_json_schema or {})
    return {}


def _json(value: Any) -> str:
    if isinstance(value, Struct):
        value = msgspec.to_builtins(value)
    return value if isinstance(value, str) and value else msgspec.json.encode(value).decode()
