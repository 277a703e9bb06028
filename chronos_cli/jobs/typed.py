"""Nodes → typed values, by msgspec's type information, recording every problem at once.

msgspec's own decoder stops at the first error and knows no lines. Here each type becomes a
function that reads a node, made once, so that a job costs little. A type's own text form
(durations, sizes) is a `parse` function in its `Meta.extra`, which raises ValueError with a
message for the user.
"""

import operator
import re
from collections.abc import Callable, Collection, Hashable
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from msgspec import inspect as types

from chronos_cli.jobs.forms import fits, type_name
from chronos_cli.jobs.nodes import Entry, Mapping, Node, Scalar, Sequence, is_null, parse_integer
from chronos_cli.jobs.read import INVALID, Reader, type_info
from chronos_cli.problems import Path

Read = Callable[[Reader, Node, Path], Any]

_FLOAT = r"[-+]?[0-9]{1,15}(\.[0-9]{1,15})?"
_LIMITS: tuple[tuple[str, Callable[[float, float], bool], str], ...] = (
    ("ge", operator.ge, "at least"),
    ("gt", operator.gt, "more than"),
    ("le", operator.le, "at most"),
    ("lt", operator.lt, "less than"),
)


def read_struct(
    reader: Reader, node: Node, cls: Hashable, path: Path, *, ignore: Collection[str] = ()
) -> Any:
    """Read a mapping into a struct, passing over the keys in `ignore`.

    Returns INVALID, after recording why, when a value is wrong or a key unknown.
    """
    return _fields(reader, node, _struct_form(cls), path, ignore)


def check_partial(
    reader: Reader, node: Node, cls: Hashable, path: Path, ignore: Collection[str]
) -> None:
    """Check a mapping against a struct of which no key is required."""
    _fields(reader, node, _struct_form(cls), path, ignore, required=False)


class _StructForm:
    """A struct's keys: the field that each stands for, and how its value is read."""

    def __init__(self, info: Any) -> None:
        self.info = info
        self.cls = info.cls
        self.fields = {field.encode_name: (field.name, _read(field.type)) for field in info.fields}
        self.required = [field.encode_name for field in info.fields if field.required]


@cache
def _struct_form(cls: Hashable) -> _StructForm:
    return _StructForm(type_info(cls))


def _fields(  # noqa: PLR0913
    reader: Reader,
    node: Node,
    form: _StructForm,
    path: Path,
    ignore: Collection[str] = (),
    *,
    required: bool = True,
) -> Any:
    if type(node) is not Mapping:
        return reader.wrong(node, path, "a mapping", form.info)
    values: dict[str, Any] = {}
    unknown: list[Entry] = []
    fields, before = form.fields, reader.problems.found
    for text, entry in node.entries.items():
        field = fields.get(text)
        if field is None:
            if text not in ignore:
                unknown.append(entry)
        elif text not in ignore:
            values[field[0]] = _value(reader, entry.value, field[1], (*path, text))
    known = [*fields, *ignore] if unknown else []
    meant = reader.unknown_keys(unknown, node, form.cls, path, known) if unknown else ()
    for name in form.required if required else ():
        if name not in node.entries and name not in meant:
            reader.missing(node, path, name, form.cls)
    if reader.problems.found > before or not required:
        return INVALID
    return form.cls(**values)


def _value(reader: Reader, node: Node, read: Read, path: Path) -> Any:
    """Read a node; one that several jobs inherit is read once."""
    if isinstance(node, Scalar):
        return reader.unknown(node) if node.unknown else read(reader, node, path)
    if not node.shared:
        return read(reader, node, path)
    known = reader.inherited.get(id(node))
    if known is not None:
        return known[1]
    before = reader.problems.found
    value = read(reader, node, path)
    if reader.problems.found == before and not reader.met_unknown:
        # Kept with the node, so that no other one can come by its identity.
        reader.inherited[id(node)] = (node, value)
    return value


def _read(info: Any) -> Read:
    """Return the function that reads a type."""
    extra: dict[str, Any] = {}
    if isinstance(info, types.Metadata):
        extra, info = info.extra or {}, info.type
    if parse := extra.get("parse"):
        return _parsed(parse, info, extra)
    read = _MAKERS[type(info)](info)
    if form := extra.get("form"):
        read = _formed(read, info.pattern, *form)
    if extra.get("templates"):
        return _always_template(read)
    if extra.get("path"):
        return _path(read, extra.get("names_file"))
    return read


def _formed(inner: Read, pattern: str, form: str, make: Callable[[str], str]) -> Read:
    """Return how a text of a certain form is read: said in words, not by its pattern."""

    def read(reader: Reader, node: Node, path: Path) -> Any:
        is_text = isinstance(node, Scalar) and not node.template and not is_null(node)
        if is_text and isinstance(node, Scalar) and not re.search(pattern, node.text):
            near = make(node.text)
            hint = f"write: {path[-1]}: {near}" if near else None
            return reader.fail(node, path, f"'{node.text[:60]}' is not {form}", hint)
        return inner(reader, node, path)

    return read


def _parsed(parse: Callable[[str], Any], info: Any, extra: dict[str, Any]) -> Read:
    bounded = _bounded(info)
    form, meant = extra.get("form", "a value"), extra.get("meant", lambda _text: None)
    known: dict[str, Any] = {}

    def read(reader: Reader, node: Node, path: Path) -> Any:
        if not isinstance(node, Scalar) or is_null(node):
            return reader.wrong(node, path, form, info)
        if node.template:
            return reader.no_template(node, path)
        value = known.get(node.text)
        if value is None:
            try:
                value = parse(node.text)
            except ValueError as error:
                near = meant(node.text)
                hint = f"write: {path[-1]}: {near}" if near else None
                return reader.fail(node, path, str(error), hint)
            if len(known) < _MOST_KNOWN:
                known[node.text] = value
        return bounded(reader, node, value, path)

    return read


def _always_template(inner: Read) -> Read:
    def read(reader: Reader, node: Node, path: Path) -> Any:
        if isinstance(node, Scalar) and node.template:
            return reader.checked_template(node, path)
        return inner(reader, node, path)

    return read


def _path(inner: Read, names_file: Callable[[str], bool] | None) -> Read:
    """Return how the name of a file is read: from the folder of the file that it stands in."""

    def read(reader: Reader, node: Node, path: Path) -> Any:
        if isinstance(node, Scalar) and node.template:
            return reader.no_template(node, path)
        value = inner(reader, node, path)
        if not isinstance(value, str):
            return value
        name = str(FilePath(node.file).absolute().parent / value)
        if names_file is not None and reader.looks_for(value) and names_file(value):
            reader.look_for(name, node, path)
        return name

    return read


def _text(info: Any) -> Read:
    pattern = info.pattern
    low, high = info.min_length or 0, info.max_length
    is_bounded = pattern is not None or low or high is not None

    def read(reader: Reader, node: Node, path: Path) -> Any:
        if type(node) is not Scalar or (node.plain and is_null(node)):
            return reader.wrong(node, path, "text", info)
        if node.template:
            return reader.template(node, path)
        text = node.text
        if is_bounded:
            if pattern is not None and not re.search(pattern, text):
                return reader.fail(node, path, f"'{text[:60]}' does not match {pattern}")
            if len(text) < low:
                return reader.fail(node, path, "must not be empty")
            if high is not None and len(text) > high:
                return reader.fail(node, path, f"longer than {high} characters")
        return reader.texts.setdefault(text, text)

    return read


def _boolean(info: Any) -> Read:
    def read(reader: Reader, node: Node, path: Path) -> Any:
        text = node.text if isinstance(node, Scalar) else ""
        is_bare = isinstance(node, Scalar) and (node.plain or node.interpolated)
        if is_bare and text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
            return text[0] in "tT"
        return reader.wrong(node, path, "true or false", info)

    return read


def _integer(info: Any) -> Read:
    bounded = _bounded(info)

    def read(reader: Reader, node: Node, path: Path) -> Any:
        if not isinstance(node, Scalar) or not (node.plain or node.interpolated):
            return reader.wrong(node, path, "a whole number", info)
        try:
            value = parse_integer(node.text)
        except ValueError as error:
            return reader.fail(node, path, str(error))
        return bounded(reader, node, value, path)

    return read


def _float(info: Any) -> Read:
    bounded = _bounded(info)

    def read(reader: Reader, node: Node, path: Path) -> Any:
        if not isinstance(node, Scalar) or not (node.plain or node.interpolated):
            return reader.wrong(node, path, "a number", info)
        if not re.fullmatch(_FLOAT, node.text):
            share = node.text.strip().removesuffix("%")
            hint = f"write: {path[-1]}: {int(share) / 100}" if share.isdecimal() else None
            return reader.fail(node, path, f"'{node.text[:40]}' is not a number", hint)
        return bounded(reader, node, float(node.text), path)

    return read


def _bounded(info: Any) -> Callable[[Reader, Node, float, Path], Any]:
    """Return the check of a number's bounds, of which there may be none."""
    given = [(getattr(info, name, None), holds, words) for name, holds, words in _LIMITS]
    limits = [(limit, holds, words) for limit, holds, words in given if limit is not None]

    def bounded(reader: Reader, node: Node, value: float, path: Path) -> Any:
        for limit, holds, words in limits:
            if not holds(value, limit):
                return reader.fail(node, path, f"must be {words} {limit}")
        return value

    return bounded


def _literal(info: Any) -> Read:
    values = frozenset(info.values)
    # A number may be listed twice, once as text, for the sake of editors.
    allowed = ", ".join(dict.fromkeys(map(str, info.values)))

    def read(reader: Reader, node: Node, path: Path) -> Any:
        if isinstance(node, Scalar) and not node.template and node.text in values:
            return reader.shared(node.text)
        from chronos_cli.jobs.value_advice import one_of  # only on failure

        shown = f"'{node.text[:40]}' is" if isinstance(node, Scalar) else "this is"
        near = one_of(node.text, values, path) if isinstance(node, Scalar) else None
        return reader.fail(node, path, f"{shown} not one of: {allowed}", near)

    return read


def _list(info: Any) -> Read:
    read_item = _read(info.item_type)
    is_tuple = isinstance(info, types.VarTupleType)

    def read(reader: Reader, node: Node, path: Path) -> Any:
        if not isinstance(node, Sequence):
            return reader.wrong(node, path, "a list", info)
        if info.min_length is not None and len(node.items) < info.min_length:
            return reader.fail(node, path, f"needs at least {info.min_length} item(s)")
        items = [
            _value(reader, item, read_item, (*path, index)) for index, item in enumerate(node.items)
        ]
        if INVALID in items:
            return INVALID
        return tuple(items) if is_tuple else items

    return read


def _dict(info: Any) -> Read:
    read_value = _read(info.value_type)

    def read(reader: Reader, node: Node, path: Path) -> Any:
        if not isinstance(node, Mapping):
            return reader.wrong(node, path, "a mapping", info)
        pairs = {
            key: _value(reader, entry.value, read_value, (*path, key))
            for key, entry in node.entries.items()
        }
        return INVALID if INVALID in pairs.values() else pairs

    return read


def _union(info: Any) -> Read:
    members = [(member, _read(member)) for member in info.types]
    # That it may be left out needs no word where something is written.
    some = [member for member in info.types if not isinstance(member, types.NoneType)]
    names = " or ".join(dict.fromkeys(map(type_name, some)))
    # Whose message lists what may stand there.
    literals = [read for member, read in members if isinstance(member, types.LiteralType)]

    def read(reader: Reader, node: Node, path: Path) -> Any:
        for member, read_member in members:
            if fits(node, member):
                return read_member(reader, node, path)
        if literals and isinstance(node, Scalar) and not is_null(node):
            return literals[0](reader, node, path)
        return reader.wrong(node, path, names, info)

    return read


def _null(_info: Any) -> Read:
    def read(reader: Reader, node: Node, path: Path) -> Any:
        return None if is_null(node) else reader.wrong(node, path, "nothing")

    return read


def _struct(info: Any) -> Read:
    def read(reader: Reader, node: Node, path: Path) -> Any:
        return _fields(reader, node, _struct_form(info.cls), path)

    return read


# Texts of durations and sizes whose values are kept: jobs in their thousands have the same few.
_MOST_KNOWN = 1000
_MAKERS: dict[type, Callable[[Any], Read]] = {
    types.StructType: _struct,
    types.StrType: _text,
    types.BoolType: _boolean,
    types.IntType: _integer,
    types.FloatType: _float,
    types.LiteralType: _literal,
    types.ListType: _list,
    types.VarTupleType: _list,
    types.DictType: _dict,
    types.UnionType: _union,
    types.NoneType: _null,
    types.AnyType: lambda _info: Reader.any,
}
