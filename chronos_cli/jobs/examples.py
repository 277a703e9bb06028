"""Lines to write, made of what structs say of themselves: their required keys and examples."""

from functools import cache
from typing import Any

from msgspec import inspect as types

from chronos_cli.jobs.model import TargetKinds, loadable
from chronos_cli.jobs.nodes import Scalar
from chronos_cli.jobs.written import written
from chronos_cli.redact import bears_secret

_NO_EXAMPLE = "…"


def example_target(kinds: TargetKinds, value: str | None = None) -> str:
    """Return the simplest target block as a line, a value in its required key if it has one."""
    known = loadable(kinds)
    if not known:
        return "…"
    scheme = (value or "").partition(":")[0]
    key = min(known, key=lambda key: distance(known[key].target, scheme))
    target = known[key].target
    pairs = (f"{name}: {value or example(target, name)}" for name in required(target))
    return f"{key}: {{{', '.join(pairs)}}}"


def struct_value(cls: type, node: Scalar) -> str:
    """Return the mapping to write where a text stands in its place."""
    own = getattr(cls, "instead_of_text", lambda _text: None)(node.text)
    if own is not None:
        return str(own)
    needed = required(cls)
    if len(needed) > 1:
        return example_value(cls)
    name = needed[0] if needed else next(iter(fields(cls)))
    value = '"${TOKEN}"' if bears_secret(name) else _fitting(fields(cls)[name], node)
    return f"{{{name}: {value}}}"


def _fitting(field: Any, node: Scalar) -> str:
    """Return a text as a key's value; the key's default where that is a number, and this none."""
    info = field.type.type if isinstance(field.type, types.Metadata) else field.type
    if isinstance(info, types.IntType) and not node.text.strip().isdigit():
        return str(field.default)
    return written(node)


def example_line(cls: type, name: str) -> str | None:
    """Return a hint with an example of a key; None for one without an example."""
    found = example(cls, name)
    return None if found == _NO_EXAMPLE else f"for example: {name}: {found}"


def example_value(cls: type) -> str:
    """Return a mapping with what a struct needs."""
    return "{" + ", ".join(f"{name}: {example(cls, name)}" for name in required(cls)) + "}"


def distance(target: type, scheme: str) -> tuple[bool, bool, int]:
    """Return how far a target is from what somebody meant who wrote a URL and no target."""
    needed = required(target)
    examples = [example(target, name) for name in fields(target)]
    is_alike = any(one.startswith(f"{scheme}:") for one in examples)
    has_url = any("://" in example(target, name) for name in needed)
    return not is_alike, not has_url, len(needed)


@cache
def fields(cls: type) -> dict[str, Any]:
    """Return the fields of a struct by their keys, as msgspec describes them."""
    info: Any = types.type_info(cls)
    return {field.encode_name: field for field in info.fields}


def required(cls: type) -> list[str]:
    """Return the keys that a struct cannot do without."""
    return [name for name, field in fields(cls).items() if field.required]


def example(cls: type, name: str) -> str:
    """Return an example of a key's value; `…` where the struct gives none."""
    info = fields(cls)[name].type
    found = (getattr(info, "extra_json_schema", None) or {}).get("examples", [_NO_EXAMPLE])
    return str(found[0])
