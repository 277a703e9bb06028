"""What to say of a key that is none: what was meant by it, and the line to write."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec import inspect as types

from chronos_cli.jobs.advice import JOB_KEYS, MAIL, STAND_FOR_A_TARGET
from chronos_cli.jobs.examples import (
    distance,
    example,
    example_target,
    fields,
    required,
    struct_value,
)
from chronos_cli.jobs.model import NOTICES, DispatchSpec, JobSpec, Target, TargetKinds, loadable
from chronos_cli.jobs.nodes import Entry, Scalar, is_null
from chronos_cli.jobs.nodes import Mapping as MappingNode
from chronos_cli.jobs.written import written
from chronos_cli.problems import Path
from chronos_cli.redact import bears_secret

# Comparing a key with known ones takes time that grows with both.
_LONGEST_COMPARED = 60
# What a key is meant for that stands in the place of a target block.
TARGET = "a target"


class Advice(Struct, frozen=True):
    """What to say of a key; `meant` is the key that was meant, or TARGET, if that is known."""

    hint: str
    message: str | None = None
    meant: str | None = None


class UnknownKeys:
    """Gives advice on the unknown keys of one mapping, which is read as a struct."""

    def __init__(
        self,
        node: MappingNode,
        cls: type,
        path: Path,
        known: Iterable[str],
        kinds: TargetKinds | None,
    ) -> None:
        self._node = node
        self._cls = cls
        self._block = str(path[-1]) if path else ""
        self._kinds = kinds
        self._target_keys = kinds.target_keys() if kinds else []
        self._targets_here = [key for key in self._target_keys if key in node.entries]
        self._known_kinds: Mapping[str, Any] | None = None
        self._is_job = issubclass(cls, DispatchSpec)
        self._is_target = issubclass(cls, Target) and kinds is not None
        # Notices have none of their own.
        elsewhere = () if cls is JobSpec or not self._is_job else NOTICES
        self._known = sorted(set(known).difference(elsewhere))

    def advice(self, entry: Entry) -> Advice:
        """Return what to say of one key."""
        return next(self._advice(entry))

    def _advice(self, entry: Entry) -> Iterator[Advice]:
        yield from self._without_blank(entry.text)
        if self._is_job and self._kinds is not None:
            yield from self._of_the_target_here(entry)
            yield from self._other_name_of_a_target(entry)
        yield from self._of_other_tools(entry)
        if self._is_target:
            yield from self._of_the_job(entry)
        yield from self._one_deeper(entry)
        yield from self._misspelt(entry.text)
        if self._is_job and not self._targets_here:
            yield from self._of_a_missing_target(entry)
        if self._is_target:
            yield from self._of_another_target(entry)
        yield Advice(f"known keys: {', '.join(self._known)}")

    def _without_blank(self, text: str) -> Iterator[Advice]:
        """`url:http://…` is one word for YAML."""
        key, colon, rest = text.partition(":")
        if colon and key in self._known:
            shown = f" {rest}" if rest else ""
            message = f"a blank is missing behind '{key}:'"
            yield Advice(f"write: {key}:{shown}", message, key)

    def _of_the_target_here(self, entry: Entry) -> Iterator[Advice]:
        """Yield of which target block here a key is that stands beside it."""
        kinds = self._loadable()
        for key in self._targets_here:
            if key in kinds and entry.text in fields(kinds[key].target):
                line = f"  {entry.text}: {_value(entry)}"
                message = f"'{entry.text}' belongs below '{key}:'"
                yield Advice(f"indent it by two blanks: '{line}'", message, TARGET)

    def _other_name_of_a_target(self, entry: Entry) -> Iterator[Advice]:
        for key, kind in self._loadable().items():
            names = {kind.protocol: "", **kind.target.other_names()}
            if entry.text not in names:
                continue
            block = names[entry.text] or _block(kind.target, entry)
            here = self._targets_here
            if not here and not block:
                yield Advice(f"write '{key}:' in the place of '{entry.text}:'", meant=TARGET)
            elif not here:
                yield Advice(f"write: {key}: {block}", meant=TARGET)
            elif names[entry.text] and self._cls is JobSpec:
                yield Advice(f"to be told of failures write: on_failure: {{{key}: {block}}}")
            else:
                yield Advice(f"a job has one target: keep '{here[0]}', or write '{key}'")

    def _of_other_tools(self, entry: Entry) -> Iterator[Advice]:
        """Yield what is written here for the key of another tool."""
        own: Mapping[str, str] = getattr(self._cls, "advice", dict)()
        is_outer = self._is_job or self._is_target
        advice = own.get(entry.text) or (JOB_KEYS.get(entry.text) if is_outer else None)
        if advice is None:
            return
        if own.get(entry.text) is None and entry.text in MAIL and self._cls is not JobSpec:
            hint = f"chronos sends no mail; write: {self._example_target()}"
            yield Advice(hint, meant=TARGET if self._is_job else None)
        line = advice.format(value=_value(entry), target=self._example_target())
        key = line.partition(":")[0]
        if isinstance(entry.value, MappingNode) and "{{" in advice and key in self._known:
            line = f"{key}: {_value(entry)}"
        if not key.isidentifier():
            yield Advice(line, meant=TARGET if entry.text in STAND_FOR_A_TARGET else None)
        elif key not in self._known:
            yield Advice(f"write it at the left, beside '{self._block}:': {line}")
        elif key not in self._node.entries:
            yield Advice(f"write: {line}", meant=key)

    def _of_the_job(self, entry: Entry) -> Iterator[Advice]:
        """Yield that a key below the target is one of the job."""
        if entry.text in fields(JobSpec) or entry.text in NOTICES:
            line = f"{entry.text}: {_value(entry)}"
            message = f"'{entry.text}' belongs to the job, not below '{self._block}:'"
            yield Advice(f"write it at the left, beside '{self._block}:': {line}", message)

    def _misspelt(self, text: str) -> Iterator[Advice]:
        if text.strip() != text and text.strip() in self._known:
            message = (
                f"beside '{text.strip()}' stands a blank that is none for YAML (no-break space)"
            )
            is_target = self._is_job and text.strip() in self._target_keys
            meant = TARGET if is_target else text.strip()
            yield Advice("type the blanks of this line anew", message, meant)
        near = difflib.get_close_matches(text[:_LONGEST_COMPARED], self._known, n=1, cutoff=0.6)
        if near:
            is_target = self._is_job and near[0] in self._target_keys
            yield Advice(f"did you mean '{near[0]}'?", meant=TARGET if is_target else near[0])

    def _one_deeper(self, entry: Entry) -> Iterator[Advice]:
        """Yield the block that is missing around a key: `auth` around `bearer`."""
        for name, struct in _inner_structs(self._cls):
            if name not in self._node.entries and entry.text in fields(struct):
                inner = _inner_value(struct, entry)
                line = f"{name}: {{{entry.text}: {inner}}}"
                yield Advice(f"write: {line}", f"'{entry.text}' belongs below '{name}:'")

    def _of_a_missing_target(self, entry: Entry) -> Iterator[Advice]:
        kinds = self._loadable()
        fitting = [key for key, kind in kinds.items() if entry.text in fields(kind.target)]
        if fitting:
            scheme = written(entry.value).partition(":")[0]
            simplest = min(fitting, key=lambda key: distance(kinds[key].target, scheme))
            others = " or ".join(f"'{key}:'" for key in fitting)
            line = f"{simplest}: {_block_with(kinds[simplest].target, entry)}"
            yield Advice(f"write: {line}", f"'{entry.text}' belongs below {others}", TARGET)

    def _of_another_target(self, entry: Entry) -> Iterator[Advice]:
        for key, kind in self._loadable().items():
            if entry.text in fields(kind.target) and key != self._block:
                message = f"'{entry.text}' is a key of '{key}', not of '{self._block}'"
                line = f"{key}: {_block_with(kind.target, entry)}"
                yield Advice(f"a job has one target: remove it, or write: {line}", message)

    def _loadable(self) -> Mapping[str, Any]:
        if self._known_kinds is None:
            self._known_kinds = loadable(self._kinds) if self._kinds else {}
        return self._known_kinds

    def _example_target(self) -> str:
        return example_target(self._kinds) if self._kinds else "…"


def _block(target: type, entry: Entry) -> str:
    """Return a target block of what stands under another name of it; a mapping stays as it is."""
    if isinstance(entry.value, Scalar) and not is_null(entry.value):
        return struct_value(target, entry.value)
    return ""


def _block_with(target: type, entry: Entry) -> str:
    """Return a target block with one key of it, and what it needs besides."""
    names = dict.fromkeys([*required(target), entry.text])
    pairs = (
        f"{name}: {_value(entry) if name == entry.text else example(target, name)}"
        for name in names
    )
    return "{" + ", ".join(pairs) + "}"


def _inner_value(struct: type, entry: Entry) -> str:
    """Return a value for a key of an inner block, which may be a block again."""
    for name, inner in _inner_structs(struct):
        if name == entry.text and isinstance(entry.value, Scalar):
            return struct_value(inner, entry.value)
    return _value(entry)


def _value(entry: Entry) -> str:
    if is_null(entry.value):
        return "…"
    return '"${TOKEN}"' if bears_secret(entry.text) else written(entry.value)


def _inner_structs(cls: type) -> Iterator[tuple[str, type]]:
    for name, field in fields(cls).items():
        info = field.type.type if isinstance(field.type, types.Metadata) else field.type
        for member in info.types if isinstance(info, types.UnionType) else (info,):
            if isinstance(member, types.StructType):
                yield name, member.cls
