"""Nodes → typed values, by msgspec's type information, collecting every problem at once.

msgspec's own decoder stops at the first error and knows no lines; this walk keeps both. A
type's own text form (durations, sizes) is a `parse` function in its `Meta.extra`, which raises
ValueError with a message for the user.
"""

import difflib
import operator
import re
from collections.abc import Callable, Collection, Hashable, Iterable
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from msgspec import inspect as types

from chronos_cli.jobs.document import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    is_null,
    parse_integer,
    plain_value,
    position_in,
)
from chronos_cli.jobs.forms import describe, fits, type_name
from chronos_cli.jobs.template import Template, TemplateFailure, check_template
from chronos_cli.problems import Flaw, Path, Position, Problem, format_path

_NO_TEMPLATE = (
    "a template '{{ … }}' cannot stand here",
    "templates work in the payload and in the target block's texts",
)
_YAML_1_1_BOOLEANS = {"yes", "no", "on", "off", "y", "n"}


@cache
def type_info(kind: Any) -> Any:
    """Return msgspec's description of a type, made once."""
    return types.type_info(kind)


class Invalid:
    """Stands for a value that could not be read; the problem is recorded."""


INVALID = Invalid()


class Reader:
    """Reads nodes of one document; `problems` gathers what is wrong."""

    def __init__(self, *, templates: bool = False) -> None:
        self.problems: list[Problem] = []
        self.met_unknown = False
        self._templates = templates

    def struct(self, node: Node, cls: Hashable, path: Path, *, ignore: Collection[str] = ()) -> Any:
        """Read a mapping into a struct, passing over the keys in `ignore`.

        Returns INVALID, after recording why, when a value is wrong or a key unknown.
        """
        info = type_info(cls)
        assert isinstance(info, types.StructType)
        return self._struct(node, info, path, ignore)

    def partial(self, node: Node, cls: Hashable, path: Path, ignore: Collection[str]) -> None:
        """Check a mapping against a struct of which no key is required."""
        self._struct(node, type_info(cls), path, ignore, required=False)

    def value(self, node: Node, kind: Any, path: Path) -> Any:
        """Read a node as a type that msgspec knows; INVALID when it does not fit."""
        return self._read(node, type_info(kind), path)

    def any(self, node: Node, path: Path) -> Any:
        """Read a node where any YAML is allowed, into JSON-like data."""
        if isinstance(node, Mapping):
            pairs = {k: self.any(e.value, (*path, k)) for k, e in node.entries.items()}
            return INVALID if INVALID in pairs.values() else pairs
        if isinstance(node, Sequence):
            items = [self.any(item, (*path, n)) for n, item in enumerate(node.items)]
            return INVALID if INVALID in items else items
        if node.template and not node.unknown:
            return self._template(node, path)
        try:
            return plain_value(node)
        except ValueError as error:
            return self.fail(node, path, str(error), "quote it if it is meant as text")

    def fail(self, node: Node, path: Path, message: str, hint: str | None = None) -> Invalid:
        """Record a problem at a node."""
        self.problem(node.position, path, message, hint)
        return INVALID

    def problem(
        self, position: Position, path: Path, message: str, hint: str | None = None
    ) -> None:
        """Record a problem at a position."""
        self.problems.append(Problem(position, message, format_path(path), hint))

    def flaws(self, root: Node, path: Path, flaws: Iterable[Flaw]) -> None:
        """Record what the owner of a block found wrong in it, at the places it names."""
        for flaw in flaws:
            where = (*path, *flaw.path)
            self.problem(locate(root, flaw.path), where, flaw.message, flaw.hint)

    def unknown_key(self, key: Scalar, path: Path, known: Iterable[str]) -> None:
        """Record an unknown key, with the nearest known one."""
        near = difflib.get_close_matches(key.text, list(known), n=1, cutoff=0.6)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}"
        self.problem(key.position, (*path, key.text), f"unknown key '{key.text[:60]}'", hint)

    def _read(self, node: Node, info: Any, path: Path) -> Any:
        if isinstance(node, Scalar) and node.unknown:
            # Stands for a value that only the environment knows: any type may be right.
            self.met_unknown = True
            return Template(node.text)
        extra: dict[str, Any] = {}
        if isinstance(info, types.Metadata):
            extra, info = info.extra or {}, info.type
        if extra.get("templates") and isinstance(node, Scalar) and node.template:
            return self._checked_template(node, path)
        if parse := extra.get("parse"):
            value = self._parsed(node, parse, path)
            return value if value is INVALID else self._bounded(node, info, value, path)
        value = _READERS[type(info)](self, node, info, path)
        if extra.get("path") and isinstance(value, Template):
            return self.fail(node, path, *_NO_TEMPLATE)
        if extra.get("path") and isinstance(value, str):
            return str(FilePath(node.position.file).absolute().parent / value)
        return value

    def _struct(
        self,
        node: Node,
        info: Any,
        path: Path,
        ignore: Collection[str] = (),
        *,
        required: bool = True,
    ) -> Any:
        if not isinstance(node, Mapping):
            return self._wrong(node, path, "a mapping")
        values: dict[str, Any] = {}
        known = {field.encode_name: field for field in info.fields}
        before = len(self.problems)
        for text, entry in node.entries.items():
            if text in ignore:
                continue
            if text not in known:
                self.unknown_key(entry.key, path, [*known, *ignore])
                continue
            field = known[text]
            values[field.name] = self._read(entry.value, field.type, (*path, text))
        for name, field in known.items():
            if required and field.required and name not in node.entries:
                self.fail(node, path, f"'{name}' is missing")
        if len(self.problems) > before or not required:
            return INVALID
        return info.cls(**values)

    def _parsed(self, node: Node, parse: Callable[[str], Any], path: Path) -> Any:
        if not isinstance(node, Scalar) or is_null(node):
            return self._wrong(node, path, "a value such as the README shows")
        if node.template:
            return self._no_template(node, path)
        try:
            return parse(node.text)
        except ValueError as error:
            return self.fail(node, path, str(error))

    def _text(self, node: Node, info: Any, path: Path) -> Any:
        if not isinstance(node, Scalar) or is_null(node):
            return self._wrong(node, path, "text")
        if node.template:
            return self._template(node, path)
        if info.pattern is not None and not re.search(info.pattern, node.text):
            return self.fail(node, path, f"'{node.text[:60]}' does not match {info.pattern}")
        if info.min_length is not None and len(node.text) < info.min_length:
            return self.fail(node, path, "must not be empty")
        if info.max_length is not None and len(node.text) > info.max_length:
            return self.fail(node, path, f"longer than {info.max_length} characters")
        return node.text

    def _template(self, node: Scalar, path: Path) -> Any:
        if not self._templates:
            return self._no_template(node, path)
        return self._checked_template(node, path)

    def _checked_template(self, node: Scalar, path: Path) -> Any:
        try:
            check_template(node.text)
        except TemplateFailure as failure:
            self.problem(position_in(node, failure.offset), path, str(failure))
            return INVALID
        return Template(node.text)

    def _no_template(self, node: Scalar, path: Path) -> Invalid:
        return self.fail(node, path, *_NO_TEMPLATE)

    def _boolean(self, node: Node, _info: Any, path: Path) -> Any:
        text = node.text if isinstance(node, Scalar) else ""
        if isinstance(node, Scalar) and (node.plain or node.interpolated):
            if text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
                return text[0] in "tT"
            if text.lower() in _YAML_1_1_BOOLEANS:
                return self.fail(node, path, f"'{text}' is not a boolean", "write true or false")
        return self._wrong(node, path, "true or false")

    def _integer(self, node: Node, info: Any, path: Path) -> Any:
        if not isinstance(node, Scalar) or not (node.plain or node.interpolated):
            return self._wrong(node, path, "a whole number")
        try:
            value = parse_integer(node.text)
        except ValueError as error:
            return self.fail(node, path, str(error))
        return self._bounded(node, info, value, path)

    def _float(self, node: Node, info: Any, path: Path) -> Any:
        if not isinstance(node, Scalar) or not (node.plain or node.interpolated):
            return self._wrong(node, path, "a number")
        value = None
        if re.fullmatch(r"[-+]?[0-9]{1,15}(\.[0-9]{1,15})?", node.text):
            value = float(node.text)
        if value is None:
            return self.fail(node, path, f"'{node.text[:40]}' is not a number")
        return self._bounded(node, info, value, path)

    def _bounded(self, node: Node, info: Any, value: float, path: Path) -> Any:
        limits: tuple[tuple[float | None, Callable[[float, float], bool], str], ...] = (
            (info.ge, operator.ge, "at least"),
            (info.gt, operator.gt, "more than"),
            (info.le, operator.le, "at most"),
            (info.lt, operator.lt, "less than"),
        )
        for limit, holds, words in limits:
            if limit is not None and not holds(value, limit):
                return self.fail(node, path, f"must be {words} {limit}")
        return value

    def _literal(self, node: Node, info: Any, path: Path) -> Any:
        if isinstance(node, Scalar) and not node.template and node.text in info.values:
            return node.text
        # A number may be listed twice, once as text, for the sake of editors.
        allowed = ", ".join(dict.fromkeys(map(str, info.values)))
        shown = f"'{node.text[:40]}' is" if isinstance(node, Scalar) else "this is"
        return self.fail(node, path, f"{shown} not one of: {allowed}")

    def _list(self, node: Node, info: Any, path: Path) -> Any:
        if not isinstance(node, Sequence):
            return self._wrong(node, path, "a list")
        if info.min_length is not None and len(node.items) < info.min_length:
            return self.fail(node, path, f"needs at least {info.min_length} item(s)")
        items = [
            self._read(item, info.item_type, (*path, index))
            for index, item in enumerate(node.items)
        ]
        if INVALID in items:
            return INVALID
        return tuple(items) if isinstance(info, types.VarTupleType) else items

    def _dict(self, node: Node, info: Any, path: Path) -> Any:
        if not isinstance(node, Mapping):
            return self._wrong(node, path, "a mapping")
        pairs = {
            key: self._read(entry.value, info.value_type, (*path, key))
            for key, entry in node.entries.items()
        }
        return INVALID if INVALID in pairs.values() else pairs

    def _union(self, node: Node, info: Any, path: Path) -> Any:
        fitting = [member for member in info.types if fits(node, member)]
        if not fitting and isinstance(node, Scalar) and not is_null(node):
            # Whose message lists what may stand there.
            fitting = [member for member in info.types if isinstance(member, types.LiteralType)]
        if not fitting:
            return self._wrong(node, path, " or ".join(dict.fromkeys(map(type_name, info.types))))
        return self._read(node, fitting[0], path)

    def _null(self, node: Node, _info: Any, path: Path) -> Any:
        return None if is_null(node) else self._wrong(node, path, "nothing")

    def _any(self, node: Node, _info: Any, path: Path) -> Any:
        return self.any(node, path)

    def _wrong(self, node: Node, path: Path, wanted: str) -> Invalid:
        return self.fail(node, path, f"expected {wanted}, found {describe(node)}")


_READERS: dict[type, Callable[[Reader, Node, Any, Path], Any]] = {
    types.StructType: Reader._struct,
    types.StrType: Reader._text,
    types.BoolType: Reader._boolean,
    types.IntType: Reader._integer,
    types.FloatType: Reader._float,
    types.LiteralType: Reader._literal,
    types.ListType: Reader._list,
    types.VarTupleType: Reader._list,
    types.DictType: Reader._dict,
    types.UnionType: Reader._union,
    types.NoneType: Reader._null,
    types.AnyType: Reader._any,
}


def locate(root: Node, path: Path) -> Position:
    """Return the position of the deepest existing node along a path."""
    node = root
    for step in path:
        if isinstance(node, Mapping) and isinstance(step, str) and step in node.entries:
            node = node.entries[step].value
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            break
    return node.position
