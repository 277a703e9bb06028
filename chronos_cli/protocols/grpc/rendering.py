"""Protobuf messages → JSON data, also where an Any holds a type that nobody has declared."""

import base64
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message

ANY = "google.protobuf.Any"
# Types with a JSON form of their own.
OWN_FORM = frozenset(
    f"google.protobuf.{name}"
    for name in "Any Duration Timestamp FieldMask Struct Value ListValue DoubleValue FloatValue "
    "Int64Value UInt64Value Int32Value UInt32Value BoolValue StringValue BytesValue".split()
)
# By the number that a type has in descriptor.proto: truth values and text.
_FLAT = frozenset({8, 9})
_PLACEHOLDER = "google.protobuf.StringValue"
# An Any in an Any is decoded so deep; protobuf bounds the depth within one message only.
_DEEPEST = 16


@lru_cache(maxsize=1024)
def message_class(descriptor: Any) -> "type[Message]":
    """Return the class of a message type."""
    from google.protobuf.message_factory import GetMessageClass

    return GetMessageClass(descriptor)


def as_data(message: "Message", pool: "DescriptorPool", *, with_defaults: bool = False) -> Any:
    """Return a message as JSON data, its fields named as in the .proto file.

    An Any of an unknown type has its bytes in base64 as `value`. `with_defaults` also shows the
    fields without presence that have their default. What has no JSON form (a Timestamp of the
    year 20000) makes the whole message base64.
    """
    if not with_defaults and (flat := _flat(message)) is not None:
        return flat
    return _rendered(message, pool, with_defaults, _DEEPEST)


def _flat(message: "Message") -> dict[str, Any] | None:
    """Return a message of nothing but text and truth values, as most are, without a detour."""
    if message.DESCRIPTOR.full_name in OWN_FORM:
        return None
    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.type not in _FLAT or field.is_repeated or field.is_extension:
            return None
        found[field.name] = value
    return found


def unknown_types(message: "Message", pool: "DescriptorPool") -> set[str]:
    """Return the types that a message holds in an Any and that a pool does not have."""
    return set(_unknown(message, pool, _DEEPEST))


def _unknown(message: "Message", pool: "DescriptorPool", depth: int) -> Iterator[str]:
    if not holds_any(message.DESCRIPTOR) or not depth:
        return
    for one in _anys(message):
        inner = _inner(one, pool)
        if inner is not None:
            yield from _unknown(inner, pool, depth - 1)
        elif not has_type(pool, type_name(one.type_url)):
            yield type_name(one.type_url)


def type_name(url: str) -> str:
    """Return the full name in the URL of a type."""
    return url.rpartition("/")[2]


def has_type(pool: "DescriptorPool", name: str) -> bool:
    """Whether a pool has a message type of that name."""
    try:
        pool.FindMessageTypeByName(name)
    except KeyError:
        return False
    return True


@lru_cache(maxsize=1024)
def holds_any(descriptor: Any) -> bool:
    """Whether an Any can stand somewhere in a message of that type."""
    waiting, seen = [descriptor], set()
    while waiting:
        one = waiting.pop()
        if one.full_name == ANY or one.is_extendable:
            return True
        if one.full_name not in seen:
            seen.add(one.full_name)
            waiting += [field.message_type for field in one.fields if field.message_type]
    return False


def _rendered(message: "Message", pool: "DescriptorPool", with_defaults: bool, depth: int) -> Any:
    from google.protobuf.json_format import Error, MessageToDict

    printed, mark = message, ""
    inner: list[Any] = []
    if holds_any(message.DESCRIPTOR):
        printed, mark, inner = _set_aside(message)
    try:
        data = MessageToDict(
            printed,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=with_defaults,
        )
    except (Error, TypeError, ValueError, RecursionError):
        return {"undecoded": base64.b64encode(message.SerializeToString()).decode()}
    if not inner:
        return data
    return _put_back(data, mark, [_any_data(one, pool, with_defaults, depth) for one in inner])


def _any_data(one: Any, pool: "DescriptorPool", with_defaults: bool, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {"@type": one.type_url} if one.type_url else {}
    inner = _inner(one, pool) if depth else None
    if inner is None:
        if one.value:
            found["value"] = base64.b64encode(one.value).decode()
        return found
    data = _rendered(inner, pool, with_defaults, depth - 1)
    if inner.DESCRIPTOR.full_name in OWN_FORM:
        return {**found, "value": data}
    return {**found, **data}


def _inner(one: Any, pool: "DescriptorPool") -> "Message | None":
    """Return the message in an Any; None when its type is not known, or it is not one of it."""
    from google.protobuf.message import DecodeError

    try:
        descriptor = pool.FindMessageTypeByName(type_name(one.type_url))
        return message_class(descriptor).FromString(one.value)
    except (KeyError, DecodeError):
        return None


def _anys(message: Any) -> Iterator[Any]:
    """Yield every Any in a message, itself too, but none in another Any."""
    if message.DESCRIPTOR.full_name == ANY:
        yield message
        return
    for field, value in message.ListFields():
        kind = field.message_type
        if kind is None:
            continue
        if kind.GetOptions().map_entry:
            children = value.values() if kind.fields_by_name["value"].message_type else ()
        else:
            children = value if field.is_repeated else (value,)
        for child in children:
            yield from _anys(child)


def _set_aside(message: "Message") -> tuple["Message", str, list[Any]]:
    """Return a copy with a placeholder for each Any, the placeholders' type, and what was there.

    protobuf's own printer gives up a whole message for one Any that it does not know.
    """
    import secrets

    from google.protobuf import wrappers_pb2

    copy = type(message)()
    copy.CopyFrom(message)
    # Nothing that a server sends can look like it.
    mark = f"{secrets.token_hex(8)}/{_PLACEHOLDER}"
    inner = []
    for number, one in enumerate(_anys(copy)):
        kept = type(one)()
        kept.CopyFrom(one)
        inner.append(kept)
        one.type_url = mark
        one.value = wrappers_pb2.StringValue(value=str(number)).SerializeToString()
    return copy, mark, inner


def _put_back(data: Any, mark: str, inner: Sequence[Any]) -> Any:
    if isinstance(data, list):
        return [_put_back(item, mark, inner) for item in data]
    if not isinstance(data, dict):
        return data
    if data.get("@type") == mark:
        return inner[int(data["value"])]
    return {key: _put_back(item, mark, inner) for key, item in data.items()}
