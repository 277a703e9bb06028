"""JSON data → protobuf messages, with every mistake named by its path and message type.

protobuf's own parser stops at the first mistake and takes broken base64 in silence, so the data
is walked beside the descriptor first.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from chronos_cli.errors import RejectedError
from chronos_cli.problems import Path, format_path
from chronos_cli.protocols.grpc.rendering import OWN_FORM, message_class
from chronos_cli.protocols.grpc.schema import Method

if TYPE_CHECKING:
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message

BINARY_TYPES = frozenset(
    "application/protobuf application/x-protobuf application/grpc application/grpc+proto".split()
)
_SHOWN = 5
# Compiled by `re` itself, and kept, when the first text stands for a number.
_INTEGER = r"-?\d{1,20}"
_NUMBER = r"-?\d+(\.\d+)?([eE][-+]?\d+)?"
_SPECIAL_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})
# By the number that a type has in descriptor.proto: text and truth values.
_FLAT: dict[int, type] = {9: str, 8: bool}
_STRUCT = "google.protobuf.Struct"
_BYTES_VALUE = "google.protobuf.BytesValue"


def is_encoded(payload: Any, content_type: str) -> bool:
    """Whether a payload is the request itself: bytes of a protobuf content type."""
    return isinstance(payload, bytes) and content_type.partition(";")[0].strip() in BINARY_TYPES


def encoded_message(method: Method, payload: bytes) -> "Message":
    """Return the request that bytes are; raises RejectedError when they are none."""
    from google.protobuf.message import DecodeError

    try:
        return message_class(method.request).FromString(payload)
    except DecodeError as error:
        raise _refused(method.request, f"the payload is not one: {error}") from error


def json_payload(method: Method, payload: Any) -> Any:
    """Return a user's payload as JSON data, which bytes and text are read as; RejectedError."""
    if not isinstance(payload, bytes | str):
        return payload
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise _refused(method.request, f"the payload is not JSON: {error}") from error


def metadata_message(method: Method, metadata: dict[str, Any]) -> "Message":
    """Return the request of a job without payload: metadata in the fields that exist."""
    if method.request.full_name == _STRUCT:
        return parsed(method.request, metadata, method.pool)
    if method.request.full_name in OWN_FORM:
        return message_class(method.request)()
    by_folded_name = {_folded(name): value for name, value in metadata.items()}
    chosen: dict[str, Any] = {}
    for field in method.request.fields:
        value = by_folded_name.get(_folded(field.name))
        if value is not None:
            is_text = field.type == field.TYPE_STRING and not field.is_repeated
            chosen[field.name] = str(value) if is_text else value
    return parsed(method.request, chosen, method.pool)


def parsed(descriptor: Any, value: Any, pool: "DescriptorPool") -> "Message":
    """Return the message that JSON data stands for; RejectedError names every mistake."""
    if (message := _flat(descriptor, value)) is not None:
        return message
    from google.protobuf.json_format import Error, ParseDict

    try:
        mistakes = list(_Walk(pool).message(descriptor, value, ("payload",)))
        if not mistakes:
            return ParseDict(value, message_class(descriptor)(), descriptor_pool=pool)
    except (Error, ValueError, TypeError, AttributeError, RecursionError) as error:
        mistakes = [f"payload: {error}"]
    shown = "; ".join(mistakes[:_SHOWN])
    if len(mistakes) > _SHOWN:
        shown += f"; and {len(mistakes) - _SHOWN} more"
    raise _refused(descriptor, shown)


def _flat(descriptor: Any, value: Any) -> "Message | None":
    """Return the message of nothing but text and truth values, as most are, without a detour."""
    if not isinstance(value, dict) or descriptor.full_name in OWN_FORM:
        return None
    fields = descriptor.fields_by_name
    for name, item in value.items():
        field = fields.get(name)
        if field is None or field.is_repeated or field.containing_oneof is not None:
            return None
        if _FLAT.get(field.type) is not type(item):
            return None
    try:
        return message_class(descriptor)(**value)
    except ValueError:  # a lone half of a pair of UTF-16
        return None


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


def _refused(descriptor: Any, why: str) -> RejectedError:
    message = f"the payload does not fit {descriptor.full_name}: {why}"
    return RejectedError(message, code="PAYLOAD")


class _Walk:
    """Compares JSON data with a message type, yielding what does not fit."""

    def __init__(self, pool: "DescriptorPool") -> None:
        self._pool = pool

    def message(self, descriptor: Any, value: Any, path: Path) -> Iterator[str]:
        if descriptor.full_name in OWN_FORM:
            yield from self._own_form(descriptor, value, path)
            return
        if not isinstance(value, dict):
            yield f"{format_path(path)}: {_kind(value)} is not a {descriptor.full_name}"
            return
        fields = {field.name: field for field in descriptor.fields}
        known = {field.json_name: field for field in descriptor.fields} | fields
        for name, item in value.items():
            if name in known:
                yield from self._field(known[name], item, (*path, name))
            elif not name.startswith("["):  # [pkg.name] is an extension
                import difflib

                near = difflib.get_close_matches(name, list(known), n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(fields)}"
                hint = hint if fields else "it has no fields"
                where = format_path((*path, name))
                yield f"{where}: {descriptor.full_name} has no field '{name[:60]}' ({hint})"

    def _field(self, field: Any, value: Any, path: Path) -> Iterator[str]:
        if value is None:
            return
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            if not isinstance(value, dict):
                yield f"{format_path(path)}: {_kind(value)} is not a map"
                return
            for key, item in value.items():
                yield from self._item(kind.fields_by_name["value"], item, (*path, str(key)))
        elif field.is_repeated:
            if not isinstance(value, list):
                yield f"{format_path(path)}: {_kind(value)} is not a list ({_owner(field)})"
                return
            for number, item in enumerate(value):
                yield from self._item(field, item, (*path, number))
        else:
            yield from self._item(field, value, path)

    def _item(self, field: Any, value: Any, path: Path) -> Iterator[str]:
        if field.message_type is not None:
            yield from self.message(field.message_type, value, path)
            return
        wrong = _scalar_mistake(field, value)
        if wrong:
            yield f"{format_path(path)}: {wrong} ({_owner(field)})"

    def _own_form(self, descriptor: Any, value: Any, path: Path) -> Iterator[str]:
        from google.protobuf.json_format import Error, ParseDict

        if (
            descriptor.full_name == _BYTES_VALUE
            and isinstance(value, str)
            and not _is_base64(value)
        ):
            yield f"{format_path(path)}: not base64 ({descriptor.full_name})"
            return
        try:
            ParseDict(value, message_class(descriptor)(), descriptor_pool=self._pool)
        except (Error, ValueError, TypeError, AttributeError, RecursionError) as error:
            yield f"{format_path(path)}: not a {descriptor.full_name}: {error}"


def _owner(field: Any) -> str:
    return f"field '{field.name}' of {field.containing_type.full_name}"


def _kind(value: Any) -> str:
    return json.dumps(value, default=str)[:40]


def _scalar_mistake(field: Any, value: Any) -> str | None:
    """Return what is wrong with a value for a field that holds no message."""
    name, fits = _SCALARS[field.type]
    if field.enum_type is not None:
        names = field.enum_type.values_by_name
        if value in names or (isinstance(value, int) and not isinstance(value, bool)):
            return None
        return f"{_kind(value)} is not one of {', '.join(list(names)[:20])}"
    return None if fits(value) else f"{_kind(value)} is not {name}"


def _is_base64(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    standard = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_integer(low: int, high: int) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        if isinstance(value, str) and re.fullmatch(_INTEGER, value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return math.isfinite(value) and value == int(value) and low <= value <= high

    return fits


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value in _SPECIAL_NUMBERS or re.fullmatch(_NUMBER, value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


_INT32 = ("a 32-bit integer", _is_integer(-(2**31), 2**31 - 1))
_INT64 = ("a 64-bit integer", _is_integer(-(2**63), 2**63 - 1))
_UINT32 = ("an unsigned 32-bit integer", _is_integer(0, 2**32 - 1))
_UINT64 = ("an unsigned 64-bit integer", _is_integer(0, 2**64 - 1))
_FLOAT = ("a number", _is_number)
# By the number that a type has in descriptor.proto (FieldDescriptorProto.Type).
_SCALARS: dict[int, tuple[str, Callable[[Any], bool]]] = {
    1: _FLOAT,
    2: _FLOAT,
    3: _INT64,
    4: _UINT64,
    5: _INT32,
    6: _UINT64,
    7: _UINT32,
    8: ("true or false", lambda value: isinstance(value, bool)),
    9: ("text", lambda value: isinstance(value, str)),
    12: ("base64", _is_base64),
    13: _UINT32,
    14: ("an enum", lambda _value: True),
    15: _INT32,
    16: _INT64,
    17: _INT32,
    18: _INT64,
}
