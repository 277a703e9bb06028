"""The files that jobs refer to, beside those that they stand in."""

from collections.abc import Iterator
from typing import Any

from msgspec import inspect as types

from chronos_cli.jobs.model import Job
from chronos_cli.jobs.read import type_info


def files_of(job: Job) -> Iterator[str]:
    """Yield the names of all files that a job and its notices refer to by a key of theirs."""
    for one in (job, *job.notices.values()):
        for struct in (one.spec, one.target):
            yield from _files(struct, type_info(type(struct)))


def _files(value: Any, info: Any) -> Iterator[str]:
    if isinstance(info, types.Metadata) and (info.extra or {}).get("path"):
        if isinstance(value, str):
            yield value
        return
    for part, kind in _parts(value, info):
        yield from _files(part, kind)


def _parts(value: Any, info: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what a value consists of, each with its type; for a union the value as each member."""
    if isinstance(info, types.Metadata):
        yield value, info.type
    elif isinstance(info, types.UnionType):
        yield from ((value, member) for member in info.types)
    elif isinstance(info, types.StructType) and isinstance(value, info.cls):
        yield from ((getattr(value, field.name), field.type) for field in info.fields)
    elif isinstance(info, types.ListType | types.VarTupleType) and isinstance(value, list | tuple):
        yield from ((item, info.item_type) for item in value)
    elif isinstance(info, types.DictType) and isinstance(value, dict):
        yield from ((item, info.value_type) for item in value.values())
