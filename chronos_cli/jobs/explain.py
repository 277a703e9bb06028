"""What a key of the job file or of chronos.yaml means, from the structs that are read."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec import inspect as types

from chronos_cli.errors import UsageError
from chronos_cli.jobs.config import DispatcherCommon, Scheduler
from chronos_cli.jobs.key_examples import example_of
from chronos_cli.jobs.model import NOTICES, DispatchSpec, JobSpec, TargetKinds, loadable
from chronos_cli.jobs.read import type_info
from chronos_cli.jobs.reference import default_of, meaning_of, members_of, words_of

JOB_FILE, CONFIG_FILE = "job file", "chronos.yaml"
# Deeper ones are blocks within themselves.
_DEEPEST = 6


class Key(Struct, frozen=True):
    """A key: its type in words, its default (`required`, if it has none), what it means.

    `file` is where it stands, `example` a line of YAML. Below it stand the keys of `structs`, or
    `keys`; of a mapping (`is_map`), below names that are the user's own.
    """

    path: str
    file: str
    words: str
    default: str
    meaning: str
    example: str | None = None
    structs: tuple[type[Struct], ...] = ()
    keys: "dict[str, Key]" = {}
    is_map: bool = False

    def children(self) -> "dict[str, Key]":
        """Return the keys below it, by name."""
        prefix = f"{self.path}.NAME." if self.is_map else f"{self.path}."
        found = dict(self.keys)
        for struct in self.structs:
            for field in type_info(struct).fields:
                key = _of_field(field, prefix, self.file)
                found.setdefault(field.encode_name, key)
        return found


def find_key(kinds: TargetKinds, text: str) -> Key:
    """Return a key by its path: `kafka.sasl`, `jobs[0].webhook.url`.

    Raises UsageError, with the nearest one, when there is no such key.
    """
    parts = [part for part in re.split(r"[.\[\]]+", text) if part and not part.isdecimal()]
    if len(parts) > 1 and parts[0] in {"jobs", "defaults"}:
        parts = parts[1:]
    level, found = top_keys(kinds), None
    if parts and parts[0] not in level:
        parts[0] = _of_protocol(kinds, parts[0])
    for part in parts:
        if found is not None and found.is_map and part not in level:
            continue  # a name of the user's own
        if part not in level:
            raise UsageError(_unknown(kinds, text, part, found, level))
        found = level[part]
        level = found.children()
    if found is None:
        raise UsageError(f"'{text}' names no key")
    return found


def _of_protocol(kinds: TargetKinds, name: str) -> str:
    """Return the key of the target block of a protocol that is named in its place."""
    keys = (key for key, kind in loadable(kinds).items() if kind.protocol == name)
    return next(keys, name)


def top_keys(kinds: TargetKinds) -> dict[str, Key]:
    """Return what stands at the top of a job file, and of chronos.yaml."""
    targets = {
        name: Key(name, JOB_FILE, "mapping", "", f"Target: {kind.protocol}", structs=(kind.target,))
        for name, kind in loadable(kinds).items()
    }
    return {**_job_keys(), **targets, **_notices(targets), **_list_keys(), **_config(kinds)}


def all_keys(kinds: TargetKinds) -> Iterator[tuple[str, str]]:
    """Yield the path and the meaning of every key."""
    yield from _below(top_keys(kinds), _DEEPEST)


def _below(keys: Mapping[str, Key], depth: int) -> Iterator[tuple[str, str]]:
    for key in keys.values():
        yield key.path, key.meaning
        if depth and key.path not in NOTICES:
            yield from _below(key.children(), depth - 1)


def _job_keys() -> dict[str, Key]:
    own = JobSpec.__annotations__
    fields = sorted(type_info(JobSpec).fields, key=lambda field: field.name not in own)
    return {field.encode_name: _of_field(field, "", JOB_FILE) for field in fields}


def _notices(targets: Mapping[str, Key]) -> dict[str, Key]:
    found = {}
    for name in NOTICES:
        when = name.removeprefix("on_").replace("_", " ")
        meaning = f"A dispatch of its own after a {when}: a target block, payload, retry_policy"
        keys = {
            key: Key(f"{name}.{key}", JOB_FILE, "mapping", "", one.meaning, structs=one.structs)
            for key, one in targets.items()
        }
        found[name] = Key(
            name, JOB_FILE, "mapping", "", meaning, structs=(DispatchSpec,), keys=keys
        )
    return found


def _list_keys() -> dict[str, Key]:
    return {
        "jobs": Key("jobs", JOB_FILE, "list", "", "Several jobs in one file"),
        "defaults": Key("defaults", JOB_FILE, "mapping", "", "Beside 'jobs': what all inherit"),
    }


def _config(kinds: TargetKinds) -> dict[str, Key]:
    protocols = {
        kind.protocol: Key(
            f"dispatcher.{kind.protocol}",
            CONFIG_FILE,
            "mapping",
            "",
            f"Defaults of the target block {key}, and settings",
            structs=(kind.settings, DispatcherCommon, kind.target),
        )
        for key, kind in loadable(kinds).items()
    }
    scheduler = "How much may run at once, and what jobs inherit"
    secrets = "Variables that hold a secret though their names do not say so"
    return {
        "scheduler": Key("scheduler", CONFIG_FILE, "mapping", "", scheduler, structs=(Scheduler,)),
        "dispatcher": Key(
            "dispatcher", CONFIG_FILE, "mapping", "", "Defaults by protocol", keys=protocols
        ),
        "secrets": Key("secrets", CONFIG_FILE, "list", "", secrets, "secrets: [CUSTOMER_REF]"),
    }


def _of_field(field: Any, prefix: str, file: str) -> Key:
    structs, is_map = _structs_of(field.type)
    return Key(
        path=f"{prefix}{field.encode_name}",
        file=file,
        words=words_of(field.type).replace("`", ""),
        default=default_of(field).strip("`"),
        meaning=meaning_of(field).replace("\\|", "|"),
        example=example_of(field),
        structs=structs,
        is_map=is_map,
    )


def _structs_of(info: Any) -> tuple[tuple[type[Struct], ...], bool]:
    """Return the structs of a type, of a list's items and of a mapping's values too."""
    found: dict[type[Struct], None] = {}
    is_map = False
    for member in members_of(info):
        inner: Any = ()
        if isinstance(member, types.StructType):
            found[member.cls] = None
        elif isinstance(member, types.ListType | types.VarTupleType):
            inner = members_of(member.item_type)
        elif isinstance(member, types.DictType):
            inner = members_of(member.value_type)
        structs = [one.cls for one in inner if isinstance(one, types.StructType)]
        is_map = is_map or (bool(structs) and isinstance(member, types.DictType))
        found.update(dict.fromkeys(structs))
    return tuple(found), is_map


def _unknown(
    kinds: TargetKinds, text: str, part: str, found: Key | None, level: Mapping[str, Key]
) -> str:
    where = f" in '{found.path}'" if found else ""
    if found and not level:
        return f"no key '{part}'{where}: it has none below it"
    paths = [path for path, _ in all_keys(kinds)]
    same = [path for path in paths if path.rpartition(".")[2] == part]
    near = [f"{found.path}.{one}" if found else one for one in _near(part, list(level))]
    hints = same[:3] or near or _near(text, paths)
    if hints:
        listed = " or ".join(f"'{hint}'" for hint in hints)
        return f"no key '{part}'{where}; did you mean {listed}?"
    return f"no key '{part}'{where}; known keys: {', '.join(sorted(level))}"


def _near(text: str, known: list[str]) -> list[str]:
    return difflib.get_close_matches(text[:60], known, n=1)
