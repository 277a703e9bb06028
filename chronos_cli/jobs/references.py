"""The files that jobs refer to, beside those that they stand in."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from msgspec import Struct
from msgspec import inspect as types

from chronos_cli.jobs.model import Job
from chronos_cli.jobs.read import type_info


def files_of(job: Job) -> Iterator[str]:
    """Yield the names of all files that a job and its notices refer to by a key of theirs."""
    for one in (job, *job.notices.values()):
        for struct in (one.spec, one.target):
            yield from _files_of_struct(struct)
    if job.spec.exceptions:
        from chronos_cli.jobs.calendars import ics_files  # for those who have any

        yield from ics_files(job)


def _files_of_struct(struct: Struct) -> Iterator[str]:
    for name, info in _fields_with_files(type(struct)):
        value = getattr(struct, name)
        if value:
            yield from _files(value, info)


@cache
def _fields_with_files(cls: type[Struct]) -> tuple[tuple[str, Any], ...]:
    """Return the fields of a struct that can name a file, with their types: mostly few."""
    return tuple(
        (field.name, field.type)
        for field in type_info(cls).fields
        if _can_name_file(field.type, {cls})
    )


def _can_name_file(info: Any, seen: set[type]) -> bool:
    if isinstance(info, types.StructType):
        if info.cls in seen:
            return False
        seen.add(info.cls)
        return any(_can_name_file(field.type, seen) for field in info.fields)
    return _is_path(info) or any(_can_name_file(part, seen) for part in _part_types(info))


def _part_types(info: Any) -> tuple[Any, ...]:
    if isinstance(info, types.Metadata):
        return (info.type,)
    if isinstance(info, types.UnionType):
        return info.types
    if isinstance(info, types.ListType | types.VarTupleType):
        return (info.item_type,)
    if isinstance(info, types.DictType):
        return (info.value_type,)
    return ()


def _is_path(info: Any) -> bool:
    return isinstance(info, types.Metadata) and bool((info.extra or {}).get("path"))


def _files(value: Any, info: Any) -> Iterator[str]:
    if _is_path(info):
        if isinstance(value, str):
            yield value
    elif isinstance(info, types.StructType):
        if isinstance(value, info.cls):
            yield from _files_of_struct(value)
    else:
        for part in _parts(value, info):
            for kind in _part_types(info):
                yield from _files(part, kind)


def _parts(value: Any, info: Any) -> list[Any]:
    """Return what a value consists of; of a union and of what is annotated the value itself."""
    if isinstance(info, types.ListType | types.VarTupleType):
        return list(value) if isinstance(value, list | tuple) else []
    if isinstance(info, types.DictType):
        return list(value.values()) if isinstance(value, dict) else []
    return [value]
