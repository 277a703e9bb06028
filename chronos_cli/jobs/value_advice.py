"""What to write where a value has not the form that its key takes."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import inspect as types

from chronos_cli.jobs.examples import example_value, struct_value
from chronos_cli.jobs.nodes import Mapping, Node, Scalar, Sequence, is_null
from chronos_cli.jobs.written import quoted, written, written_text
from chronos_cli.problems import Path
from chronos_cli.redact import bears_secret

_TRUE = frozenset("true yes on y 1".split())
_FALSE = frozenset("false no off n 0".split())
_ENDS = frozenset("from to start end begin since until first last".split())
# The quotes that word processors and web pages put in the place of ' and ".
_SMART_QUOTES = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\xab\xbb"


def line_to_write(info: Any, node: Node, path: Path) -> str | None:
    """Return a hint with the line to write in the place of a node that does not fit a type."""
    key = path[-1] if path else None
    if not isinstance(key, str):
        return None
    if is_null(node):
        if struct := _struct_with_required(info):
            return f"write: {key}: {example_value(struct)}"
        return f"write a value behind '{key}:', or remove the line"
    value = next(_values(info, node, key), None)
    return f"write: {key}: {value}" if value is not None else None


def missing_blank(info: Any, node: Node) -> tuple[str, str] | None:
    """Return message and hint where `key:value` without a blank stands in the place of a block."""
    if not (isinstance(info, types.StructType) and isinstance(node, Scalar)):
        return None
    key, colon, rest = node.text.partition(":")
    if not colon or key not in {field.encode_name for field in info.fields}:
        return None
    return f"a blank is missing behind '{key}:'", f"write: {key}: {written_text(rest)}"


def straight_quotes(node: Node, path: Path) -> str | None:
    """Return a hint on a text in the quotes of a word processor, which YAML takes for letters."""
    if not (isinstance(node, Scalar) and node.plain and node.text[:1] in set(_SMART_QUOTES)):
        return None
    key = f"{path[-1]}: " if path and isinstance(path[-1], str) else ""
    inner = node.text.strip(_SMART_QUOTES)
    return f'write straight quotes: {key}"{inner}"'


def one_of(text: str, allowed: Iterable[object], path: Path) -> str | None:
    """Return a hint with the allowed value that is nearest to a text."""
    near = difflib.get_close_matches(text.lower()[:60], list(map(str, allowed)), n=1, cutoff=0.6)
    if not near or not path or not isinstance(path[-1], str):
        return None
    return f"write: {path[-1]}: {near[0]}"


def home_instead(path: str) -> str | None:
    """Return a hint on a path with `~`, which no shell has replaced."""
    before, tilde, rest = path.partition("~/")
    is_home = tilde and before[-1:] in {"", "/"}
    return f"'~' is a name like any other here; write ${{HOME}}/{rest}" if is_home else None


def _values(info: Any, node: Node, key: str) -> Iterator[str]:
    if isinstance(info, types.Metadata):
        yield from _values(info.type, node, key)
    elif isinstance(info, types.UnionType):
        for member in info.types:
            yield from _values(member, node, key)
    elif isinstance(info, types.DictType):
        yield from _pairs(node)
    elif isinstance(info, types.StrType):
        yield from _only_text(node, key)
    elif isinstance(info, types.ListType | types.VarTupleType) and isinstance(node, Mapping):
        yield from _range(node)
    elif isinstance(node, Scalar):
        yield from _instead_of_text(info, node)


def _instead_of_text(info: Any, node: Scalar) -> Iterator[str]:
    if isinstance(info, types.StructType):
        yield struct_value(info.cls, node)
    elif isinstance(info, types.ListType | types.VarTupleType):
        items = [item.strip() for item in node.text.split(",")]
        yield "[" + ", ".join(map(quoted, items)) + "]"
    elif isinstance(info, types.BoolType):
        yield from _booleans(node.text.lower())
    elif isinstance(info, types.IntType | types.FloatType) and _is_number(node.text):
        yield node.text.strip()


def _struct_with_required(info: Any) -> type | None:
    if isinstance(info, types.StructType) and any(field.required for field in info.fields):
        return info.cls
    return None


def _is_number(text: str) -> bool:
    return text.strip().lstrip("-").replace(".", "", 1).isdigit()


def _booleans(text: str) -> Iterator[str]:
    if text in _TRUE:
        yield "true"
    if text in _FALSE:
        yield "false"


def _pairs(node: Node) -> Iterator[str]:
    """Yield the mapping that a list, or a text, seems to mean: of headers, of tags."""
    items: list[Node] = node.items if isinstance(node, Sequence) else [node]
    pairs: dict[str, str] = {}
    for item in items:
        if isinstance(item, Mapping):
            pairs.update((key, _text(key, entry.value)) for key, entry in item.entries.items())
        elif isinstance(item, Scalar):
            sign = next((sign for sign in (":", "=") if sign in item.text), None)
            name, _, value = item.text.partition(sign) if sign else (item.text, "", "yes")
            pairs[name.strip()] = _text(name, Scalar("", 1, 1, value.strip(), plain=False))
    if pairs:
        yield "{" + ", ".join(f"{quoted(name)}: {value}" for name, value in pairs.items()) + "}"


def _range(node: Mapping) -> Iterator[str]:
    """Yield the range of dates that `from` and `to`, in whatever words, seem to mean."""
    ends = [entry.value for name, entry in node.entries.items() if name in _ENDS]
    first, last = (*ends, None, None)[:2]
    if isinstance(first, Scalar) and isinstance(last, Scalar) and len(node.entries) == len(ends):
        yield f"[{quoted(f'{first.text}..{last.text}')}]"


def _text(key: str, node: Node) -> str:
    return '"${TOKEN}"' if bears_secret(key) else written(node)


def _only_text(node: Node, key: str) -> Iterator[str]:
    """Yield the one text within a list or a mapping."""
    while not isinstance(node, Scalar):
        inner = node.items if isinstance(node, Sequence) else _entry_values(node)
        if len(inner) != 1:
            return
        node = inner[0]
    yield _text(key, node)


def _entry_values(node: Mapping) -> list[Node]:
    return [entry.value for entry in node.entries.values()]
