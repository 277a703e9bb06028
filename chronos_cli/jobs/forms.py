"""The outer form of nodes and types: what could be read as what, and its name for people."""

import re
from typing import Any

from msgspec import inspect as types

from chronos_cli.jobs.nodes import Mapping, Node, Scalar, Sequence, is_null


def fits(node: Node, member: Any) -> bool:
    """Whether a node has the outer form of a union's member."""
    if isinstance(member, types.Metadata):
        if (member.extra or {}).get("parse"):
            return isinstance(node, Scalar) and not is_null(node)
        member = member.type
    if isinstance(member, types.AnyType):
        return True
    if isinstance(node, Mapping):
        return isinstance(member, types.StructType | types.DictType)
    if isinstance(node, Sequence):
        return isinstance(member, types.ListType | types.VarTupleType)
    if is_null(node):
        return isinstance(member, types.NoneType)
    return _fits_text(node, member)


def _fits_text(node: Scalar, member: Any) -> bool:
    is_bare = node.plain or node.interpolated
    if isinstance(member, types.IntType):
        return is_bare and node.text.lstrip("+-").isdigit()
    if isinstance(member, types.BoolType):
        return is_bare and node.text.lower() in {"true", "false"}
    if isinstance(member, types.FloatType):
        return is_bare and bool(re.fullmatch(r"[-+]?[0-9]+\.[0-9]+", node.text))
    if isinstance(member, types.LiteralType):
        return node.text in member.values
    return isinstance(member, types.StrType)


_NAMES: dict[type, str] = {
    types.StructType: "a mapping",
    types.DictType: "a mapping",
    types.ListType: "a list",
    types.VarTupleType: "a list",
    types.StrType: "text",
    types.IntType: "a whole number",
    types.FloatType: "a number",
    types.BoolType: "true or false",
    types.NoneType: "null",
}


def type_name(member: Any) -> str:
    """Return what a type is called in messages."""
    inner = member.type if isinstance(member, types.Metadata) else member
    if isinstance(inner, types.LiteralType):
        return " or ".join(f"'{value}'" for value in inner.values)
    return _NAMES.get(type(inner), "a value")


def describe(node: Node) -> str:
    """Return what a node is called in messages."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    if is_null(node):
        return "nothing"
    what = "" if node.plain else "the text "
    return f"{what}'{node.text[:40]}'"
