"""JSON Schema (2020-12) of job files and of chronos.yaml, from the same structs that are read.

YAML's plain scalars are read as the model wants them, and `${…}` may stand for any value: so
where a text is wanted a number will do, and where a number is wanted a text with `${…}` will.
"""

from collections.abc import Callable
from typing import Any

from msgspec import NODEFAULT, UNSET, Struct, to_builtins
from msgspec import inspect as types

from chronos_cli.jobs.config import DispatcherCommon, HeartbeatSpec, Scheduler
from chronos_cli.jobs.model import NOTICES, DispatchSpec, JobSpec, TargetKinds, loadable
from chronos_cli.jobs.read import type_info
from chronos_cli.jobs.strict_schema import has_key, strict

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"\$\{"}
_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
}


def job_schema(kinds: TargetKinds) -> dict[str, Any]:
    """Return the schema of a job file, with the target blocks of all installed protocols."""
    schema = _Schema()
    targets = {}
    for key, kind in loadable(kinds).items():
        schema.protocol = kind.protocol
        targets[key] = schema.struct(kind.target)
    notice = _with_one_target(schema.inline(DispatchSpec), targets)
    job = schema.inline(JobSpec)
    job["properties"] |= {name: {"$ref": "#/$defs/Notice"} for name in NOTICES}
    inherited = {**job, "properties": job["properties"] | _any_target(schema, kinds)}
    inherited.pop("required", None)
    listed = {
        "type": "object",
        "properties": {
            "defaults": {"$ref": "#/$defs/Defaults"},
            # What the defaults bring in cannot be missing here.
            "jobs": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/ListedJob"}},
        },
        "required": ["jobs"],
        "additionalProperties": False,
    }
    listed_job = {**job, "properties": job["properties"] | _any_target(schema, kinds)}
    listed_job.pop("required", None)
    document = {
        "$schema": DIALECT,
        "title": "Chronos job file",
        "if": has_key("jobs"),
        "then": {"$ref": "#/$defs/JobList"},
        "else": {"$ref": "#/$defs/Job"},
        "$defs": schema.definitions
        | {
            "Job": _with_one_target(job, targets),
            "Notice": notice,
            "Defaults": inherited,
            "ListedJob": listed_job,
            "JobList": listed,
        },
    }
    found: dict[str, Any] = strict(document)
    return found


def config_schema(kinds: TargetKinds) -> dict[str, Any]:
    """Return the schema of chronos.yaml."""
    schema = _Schema()
    dispatchers, targets = {}, {}
    for key, kind in loadable(kinds).items():
        block: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
        schema.protocol = kind.protocol
        for struct in (kind.target, kind.settings, DispatcherCommon):
            block["properties"] |= schema.inline(struct)["properties"]
        dispatchers[kind.protocol] = block
        targets[key] = schema.struct(kind.target)
    scheduler = schema.struct(Scheduler)
    heartbeat = schema.definitions[HeartbeatSpec.__name__]
    schema.definitions[HeartbeatSpec.__name__] = _with_one_target(heartbeat, targets)
    document = {
        "$schema": DIALECT,
        "title": "Chronos configuration",
        "type": "object",
        "properties": {
            "scheduler": scheduler,
            "dispatcher": {
                "type": "object",
                "properties": dispatchers,
                "additionalProperties": False,
            },
            "secrets": {
                "type": "array",
                "items": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
                "description": "Variables that hold a secret though their names do not say so",
            },
        },
        "additionalProperties": False,
        "$defs": schema.definitions,
    }
    found: dict[str, Any] = strict(document)
    return found


def _any_target(schema: "_Schema", kinds: TargetKinds) -> dict[str, Any]:
    """Return the target blocks as they may stand where others complete them."""
    blocks = {}
    for key, kind in loadable(kinds).items():
        block = schema.inline(kind.target)
        block.pop("required", None)
        blocks[key] = block
    return blocks


def _with_one_target(base: dict[str, Any], targets: dict[str, Any]) -> dict[str, Any]:
    return {
        **base,
        "properties": base["properties"] | targets,
        "oneOf": [has_key(key) for key in targets],
    }


class _Schema:
    """Builds schemas of types; structs become definitions that are referred to.

    `protocol` is the one whose structs come now.
    """

    def __init__(self) -> None:
        self.protocol = ""
        self.definitions: dict[str, Any] = {}
        self._names: dict[type[Struct], str] = {}

    def struct(self, cls: type[Struct]) -> dict[str, Any]:
        """Return a reference to a struct's schema, which is made when it is new."""
        name = self._names.get(cls)
        if name is None:
            # Two protocols may each have an Expect.
            name = cls.__name__
            if name in self.definitions:
                name = f"{self.protocol}.{name}"
            self._names[cls] = name
            self.definitions[name] = {}  # so that a struct may hold itself
            self.definitions[name] = self.inline(cls)
        return {"$ref": f"#/$defs/{name}"}

    def inline(self, cls: type[Struct]) -> dict[str, Any]:
        """Return a struct's schema itself."""
        info = type_info(cls)
        schema: dict[str, Any] = {
            "type": "object",
            "description": (cls.__doc__ or "").split("\n")[0],
            "properties": {field.encode_name: self._field(field) for field in info.fields},
            "additionalProperties": False,
        }
        required = [field.encode_name for field in info.fields if field.required]
        return schema | ({"required": required} if required else {})

    def _field(self, field: Any) -> dict[str, Any]:
        schema = self._type(field.type)
        if field.default is not NODEFAULT and field.default is not UNSET and field.default != {}:
            schema = {**schema, "default": to_builtins(field.default)}
        return schema

    def _type(self, info: Any) -> dict[str, Any]:
        if isinstance(info, types.Metadata):
            extra = dict(info.extra_json_schema or {})
            if (info.extra or {}).get("parse"):
                described = {k: extra.pop(k) for k in ("description", "examples") if k in extra}
                return {"anyOf": [extra, _VARIABLE], **described}
            return {**self._type(info.type), **extra}
        return self._plain(info)

    def _plain(self, info: Any) -> dict[str, Any]:
        make = _MAKERS.get(type(info))
        if make is not None:
            return make(self, info)
        name = _NUMBERS[type(info)]
        return {"anyOf": [{"type": name, **_bounds(info)}, _VARIABLE]}


_MAKERS: dict[type, Callable[[_Schema, Any], dict[str, Any]]] = {
    types.StructType: lambda schema, info: schema.struct(info.cls),
    types.DictType: lambda schema, info: {
        "type": "object",
        "additionalProperties": schema._type(info.value_type),
    },
    types.ListType: lambda schema, info: {"type": "array", "items": schema._type(info.item_type)},
    types.VarTupleType: lambda schema, info: {
        "type": "array",
        "items": schema._type(info.item_type),
    },
    types.UnionType: lambda schema, info: {"anyOf": [schema._type(one) for one in info.types]},
    types.LiteralType: lambda schema, info: {"anyOf": [{"enum": list(info.values)}, _VARIABLE]},
    types.AnyType: lambda schema, info: {},
    types.NoneType: lambda schema, info: {"type": "null"},
    types.StrType: lambda schema, info: {
        "type": ["string", "number", "boolean"],
        **_bounds(info),
    },
}
_NUMBERS: dict[type, str] = {
    types.IntType: "integer",
    types.FloatType: "number",
    types.BoolType: "boolean",
}


def _bounds(info: Any) -> dict[str, Any]:
    found = {}
    for name, keyword in _BOUNDS.items():
        value = getattr(info, name, None)
        if value is not None:
            found[keyword] = value
    return found
