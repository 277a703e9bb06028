"""An example of a key, as a line of YAML that is valid where it stands."""

from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET, Struct
from msgspec import inspect as types

from chronos_cli.units import format_duration, parse_duration

# Values that fit where a struct gives neither an example nor a default.
_BY_TYPE: dict[type, Any] = {types.BoolType: True, types.IntType: 1, types.FloatType: 1.0}


def example_of(field: Any) -> str | None:
    """Return `key: value`, from the struct's own example or default; None where it has none."""
    value = _value(field)
    return None if value is None else f"{field.encode_name}: {_written(value)}"


def has_example(field: Any) -> bool:
    """Whether the struct gives an example of this field."""
    return bool(_own_examples(field))


def metadata_of(info: Any) -> dict[str, Any]:
    """Return what a type's `Meta` says for people, that of an optional type's inner one too."""
    if isinstance(info, types.Metadata):
        return {**metadata_of(info.type), **(info.extra_json_schema or {})}
    if isinstance(info, types.UnionType):
        return {key: one for member in info.types for key, one in metadata_of(member).items()}
    return {}


def _value(field: Any) -> Any:
    examples = metadata_of(field.type).get("examples")
    own = _own_examples(field)
    if own:
        return _Literal(own[0]) if isinstance(own[0], str) else own[0]
    default = _default(field)
    if default is not None:
        return default
    if examples:
        return _Literal(str(examples[0]))
    return _of_type(field.type)


class _Literal(str):
    """A text that is YAML already."""

    __slots__ = ()


def _own_examples(field: Any) -> list[Any]:
    """Return the examples of the field, not those of its type (a duration's)."""
    info = field.type
    if not isinstance(info, types.Metadata) or (info.extra or {}).get("parse"):
        return []
    return list((info.extra_json_schema or {}).get("examples", ()))


def _default(field: Any) -> Any:
    default = field.default
    if default is NODEFAULT or default is UNSET or default is None or default in ("", {}, [], ()):
        return None
    if isinstance(default, Struct):
        return None
    parse = (getattr(field.type, "extra", None) or {}).get("parse")
    if parse is parse_duration:
        return _Literal(format_duration(default) if default else "0s")
    return default


def _of_type(info: Any) -> Any:
    """Return a value that fits a type; None where none can be made up."""
    if isinstance(info, types.Metadata):
        return _of_type(info.type)
    if isinstance(info, types.UnionType):
        found = (_of_type(member) for member in info.types)
        return next((value for value in found if value is not None), None)
    if isinstance(info, types.LiteralType):
        return _Literal(str(info.values[0]))
    return _BY_TYPE.get(type(info))


def _written(value: Any) -> str:
    if isinstance(value, _Literal):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, str) and value.replace("-", "").replace("_", "").isalnum():
        return value
    return msgspec.json.encode(value).decode()
