"""One job's mapping → a job, complete and checked, with its notices."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, structs

from chronos_cli.errors import FileTooLargeError, UnreadableFileError
from chronos_cli.files import read_bytes
from chronos_cli.jobs.cloudevents import CloudEvents, event_settings
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.faults import Faults
from chronos_cli.jobs.merge import merged, overlaid
from chronos_cli.jobs.model import (
    NOTICES,
    DispatchSpec,
    Job,
    JobSpec,
    Payload,
    Target,
    TargetKind,
    TargetKinds,
)
from chronos_cli.jobs.nodes import Mapping, Node, Scalar, is_null, scalars
from chronos_cli.jobs.outline import slug
from chronos_cli.jobs.problems import ProblemList
from chronos_cli.jobs.read import INVALID, Invalid, Reader
from chronos_cli.jobs.scope import EVERYTHING, Scope
from chronos_cli.jobs.template import Template
from chronos_cli.jobs.typed import read_struct
from chronos_cli.problems import Flaw, Path
from chronos_cli.schedule.expression import check_schedule
from chronos_cli.schedule.zones import check_zone

if TYPE_CHECKING:
    from chronos_cli.schedule.calendar import Calendar

MAX_PAYLOAD = 16 * 1024 * 1024
_CONTENT_TYPE = r"[!-~]+/[ -~]+"
_CHARSET = r"""(?i:charset)=["']?([^;"'\s]+)"""
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})
_NO_PAYLOAD = Payload()
# The same for all: jobs in their thousands would each hold an empty one.
_NO_NOTICES: dict[str, Job] = {}
# Keys of a job, beside schedule and zone, that its ticks depend on.
_FURTHER = frozenset({"starts", "ends", "except"})
# Keys of a job that are not read as plain fields of its struct.
_OTHERWISE_READ = ("payload", *NOTICES)


class JobBuilder:
    """Builds the jobs of one file; `problems` gathers what is wrong in them."""

    def __init__(
        self,
        config: Config,
        kinds: TargetKinds,
        problems: ProblemList,
        scope: Scope = EVERYTHING,
        faults: Faults | None = None,
    ) -> None:
        self._config = config
        self._kinds = kinds
        self._keys = kinds.target_keys()
        self._problems = problems
        self._scope = scope
        self._faults = faults
        files = scope.files
        self._reader = Reader(problems, kinds, faults=faults, looks_for=files)
        self._texts = Reader(problems, kinds, templates=True, faults=faults, looks_for=files)

    def job(self, node: Mapping, path: Path) -> Job | None:
        """Return the job of a mapping; None, with the problems recorded, when it is wrong."""
        before = self._problems.found
        self._check_shown(node)
        spec, calendar = self._spec(node, path)
        identifier = self._identifier(node, spec, path)
        job = self._dispatch(node, spec, identifier, path)
        notices: dict[str, Job] = {}
        for name in NOTICES:
            if entry := node.entries.get(name):
                self._reader.in_notice = self._texts.in_notice = True
                notice = self._notice(entry.value, job, (*path, name))
                self._reader.in_notice = self._texts.in_notice = False
                if notice is not None:
                    notices[name] = notice
        if job is None or self._problems.found > before:
            return None
        if notices or calendar:
            return structs.replace(job, notices=notices, calendar=calendar)
        return job

    def _check_shown(self, node: Mapping) -> None:
        """Record what keeps the values from being known that the command shows."""
        if self._faults is None:
            return
        for name in self._scope.shown:
            if entry := node.entries.get(name):
                for scalar in scalars(entry.value):
                    if problem := self._faults.of(scalar, is_shown=True):
                        self._problems.add(problem)

    def _notice(self, node: Node, job: Job | None, path: Path) -> Job | None:
        """Return what is sent when a job has ended: a job of its own, under the job's name."""
        if not isinstance(node, Mapping):
            from chronos_cli.jobs.missing_target import no_notice  # only on failure

            self._reader.fail(node, path, *no_notice(node, str(path[-1]), self._kinds))
            return None
        for name in NOTICES:
            if entry := node.entries.get(name):
                message = f"'{name}' cannot stand in a notice"
                self._reader.fail(entry.key, (*path, name), message, "only a job has notices")
        own: Any = read_struct(self._reader, node, DispatchSpec, path, ignore=self._ignored(node))
        if job is None or own is INVALID:
            spec: JobSpec | Invalid = INVALID
        else:
            fields = {name: getattr(own, name) for name in DispatchSpec.__struct_fields__}
            spec = structs.replace(job.spec, **fields)
        return self._dispatch(node, spec, job.id if job else "", path)

    def dispatch(self, node: Mapping, own: DispatchSpec, name: str, path: Path) -> Job | None:
        """Return what a mapping sends that is no job of a file, under a name of ours.

        `own` are its keys beside the target block.
        """
        fields = {field: getattr(own, field) for field in DispatchSpec.__struct_fields__}
        return self._dispatch(node, JobSpec(name=name, **fields), name, path)

    def ignored(self, node: Mapping) -> tuple[str, ...]:
        """Return the keys of what is sent that are not read as plain fields of its struct."""
        return self._ignored(node)

    def _dispatch(
        self, node: Mapping, spec: JobSpec | Invalid, identifier: str, path: Path
    ) -> Job | None:
        """Return what a mapping sends and where to; the spec has been read already."""
        key = self._target_key(node, path)
        kind = self._kind(key, node, path) if key else None
        block = self._block(node, key, kind) if key and kind else None
        target: Any = INVALID
        if block is not None and key and kind and not self._is_beside(block, node, kind):
            target = self._target(block, kind, (*path, key))
        payload = self._payload(node, spec, path)
        event = None
        if not isinstance(spec, Invalid):
            if "retry_policy" in node.entries:
                self._reader.flaws(node, path, spec.retry_policy.flaws())
            event = self._event(node, spec, key, kind, target, path)
        if isinstance(spec, Invalid) or isinstance(target, Invalid):
            return None
        if not payload.is_metadata and (body := target.body_key()):
            name = "payload" if "payload" in node.entries else "payload_file"
            where = node.entries[name].value if name in node.entries else node
            self._reader.fail(where, (*path, name), f"both '{name}' and '{key}.{body}'", "keep one")
        assert key is not None
        assert kind is not None
        special = [one for one in _scalars(block, node) if one.template or one.bare]
        return Job(
            id=identifier,
            spec=spec,
            key=key,
            protocol=kind.protocol,
            target=target,
            payload=payload,
            position=node.position,
            event=event,
            has_templates=any(scalar.template for scalar in special),
            notices=_NO_NOTICES,
            warnings=tuple(map(_bare_variable, (one for one in special if one.bare))),
        )

    def _event(  # noqa: PLR0913, PLR0917 - a job's parts, as far as they could be read
        self,
        node: Mapping,
        spec: JobSpec,
        key: str | None,
        kind: TargetKind | None,
        target: Any,
        path: Path,
    ) -> CloudEvents | None:
        """Return the CloudEvent that the job sends; records what is wrong with it."""
        if spec.cloudevents is None or isinstance(spec.cloudevents, Template):
            return None
        event = event_settings(spec.cloudevents)
        entry = node.entries.get("cloudevents")
        where = entry.value if entry else node
        self._reader.flaws(where, (*path, "cloudevents"), event.flaws())
        if key is None or kind is None:
            return None
        mode = event.mode or next(iter(kind.event_modes), "structured")
        if mode not in kind.event_modes:
            message = f"'{key}' cannot carry a CloudEvent in the mode {mode}"
            known = " or ".join(kind.event_modes)
            hint = f"write 'cloudevents: {known}'" if known else "remove 'cloudevents'"
            self._reader.fail(where, (*path, "cloudevents"), message, hint)
        elif isinstance(target, Target):
            flaws = target.event_flaws(mode, event.extensions)
            self._reader.flaws(node.entries[key].value, (*path, key), flaws)
        return structs.replace(event, mode=mode)

    def _target_key(self, node: Mapping, path: Path) -> str | None:
        present = [key for key in node.entries if key in self._keys]
        if len(present) == 1:
            return present[0]
        if present:
            second = node.entries[present[1]].key
            message = f"two targets: '{present[0]}' and '{present[1]}'"
            hint = "a job has one: move the other to a job of its own, behind a line '---'"
            self._reader.fail(second, path, message, hint)
        elif not self._problems.is_full:
            from chronos_cli.jobs.missing_target import no_target  # only on failure

            if (found := no_target(node, path, self._kinds)) is not None:
                self._reader.fail(node, path, *found)
        return None

    def _kind(self, key: str, node: Mapping, path: Path) -> TargetKind | None:
        try:
            kind = self._kinds.kind(key)
        except ImportError as error:
            self._reader.fail(node.entries[key].key, (*path, key), str(error))
            return None
        for problem in self._config.broken.get(kind.protocol, ()):
            self._problems.add(problem)
        return kind

    def _spec(self, node: Mapping, path: Path) -> "tuple[JobSpec | Invalid, Calendar | None]":
        node = overlaid(self._operator_defaults(node), node)
        spec: JobSpec | Invalid = read_struct(
            self._reader, node, JobSpec, path, ignore=self._ignored(node)
        )
        if not _is_plain(node):
            from chronos_cli.jobs.calendars import read_calendar  # for those who need more

            return spec, read_calendar(self._reader, node, path)
        for name, check in (("schedule", check_schedule), ("timezone", check_zone)):
            entry = node.entries.get(name)
            if entry and isinstance(entry.value, Scalar) and not is_null(entry.value):
                message = None if entry.value.unknown else check(entry.value.text)
                if message:
                    from chronos_cli.schedule.advice import line_to_write  # only on failure

                    hint = line_to_write(name, entry.value.text)
                    self._reader.fail(entry.value, (*path, name), message, hint)
        return spec, None

    def _operator_defaults(self, node: Mapping) -> Mapping | None:
        """Return what chronos.yaml says of jobs, and of jobs over this one's protocol."""
        defaults = self._config.job_defaults
        if not self._config.dispatchers:
            return defaults
        for key in self._keys:
            if key not in node.entries:
                continue
            with suppress(ImportError):
                protocol = self._kinds.kind(key).protocol
                if dispatcher := self._config.dispatchers.get(protocol):
                    defaults = overlaid(defaults, dispatcher.job_defaults)
        return defaults

    def _ignored(self, node: Mapping) -> tuple[str, ...]:
        """Return the keys that are read elsewhere.

        Target blocks are among them: those that are there, or all of them when there is none.
        """
        present = tuple(key for key in self._keys if key in node.entries)
        return (*(present or self._keys), *_OTHERWISE_READ)

    def _block(self, node: Mapping, key: str, kind: TargetKind) -> Node:
        """Return the target block with the operator's defaults."""
        block = node.entries[key].value
        if dispatcher := self._config.dispatchers.get(kind.protocol):
            return merged(dispatcher.target_defaults, block)
        return block

    @staticmethod
    def _is_beside(block: Node, node: Mapping, kind: TargetKind) -> bool:
        """Whether a block is empty, for its keys stand at the left; that is told of them."""
        outer = JobSpec.__struct_encode_fields__
        inner = set(kind.target.__struct_encode_fields__).difference(outer)
        return is_null(block) and not inner.isdisjoint(node.entries)

    def _target(self, block: Node, kind: TargetKind, path: Path) -> Any:
        target = read_struct(self._texts, block, kind.target, path)
        if isinstance(target, Target) and not any(one.unknown for one in scalars(block)):
            self._texts.flaws(block, path, target.flaws())
        return target

    def _identifier(self, node: Mapping, spec: JobSpec | Invalid, path: Path) -> str:
        if isinstance(spec, Invalid):
            return ""
        if isinstance(spec.id or spec.name, Template):
            return f"unknown-{node.position}"  # of a variable that is not at hand
        identifier = spec.id or slug(spec.name)
        if not identifier:
            hint = "add 'id:' with letters, digits, '.', '_' or '-'"
            where = node.entries["name"].value
            self._reader.fail(where, (*path, "name"), "no job ID can be made of this name", hint)
        return identifier

    def _payload(self, node: Mapping, spec: JobSpec | Invalid, path: Path) -> Payload:
        value: Any = UNSET
        if entry := node.entries.get("payload"):
            value = self._texts.any(entry.value, (*path, "payload"))
        if isinstance(spec, Invalid):
            return Payload()
        if value is UNSET and spec.payload_file is None and spec.content_type is None:
            return _NO_PAYLOAD
        raw = None
        if spec.payload_file is not None:
            where = node.entries["payload_file"].value
            if value is not UNSET:
                self._reader.fail(where, path, "both 'payload' and 'payload_file'", "keep one")
            if not isinstance(spec.payload_file, Template) and self._scope.keys is None:
                raw = self._payload_file(spec.payload_file, where, (*path, "payload_file"))
        if not isinstance(spec.content_type, Template):
            self._reader.flaws(node, path, _content_type_flaws(spec.content_type, value))
        return Payload(value, raw, spec.content_type)

    def _payload_file(self, name: str, where: Node, path: Path) -> bytes | None:
        try:
            return read_bytes(name, MAX_PAYLOAD)
        except FileTooLargeError:
            limit = MAX_PAYLOAD // 2**20
            self._reader.fail(where, path, f"'{name}' is larger than {limit} MiB")
        except UnreadableFileError as error:
            from chronos_cli.jobs.value_advice import home_instead  # only on failure

            message = f"cannot read '{name}': {error}"
            self._reader.fail(where, path, message, home_instead(name))
        return None


def _is_plain(node: Mapping) -> bool:
    """Whether the ticks of a job depend on nothing but one schedule and its zone."""
    schedule = node.entries.get("schedule")
    if schedule is not None and not isinstance(schedule.value, Scalar):
        return False
    return _FURTHER.isdisjoint(node.entries)


def _scalars(block: Node | None, node: Mapping) -> Iterator[Scalar]:
    """Yield the scalars of what a job sends: of its target block and its payload."""
    if block is not None:
        yield from scalars(block)
    if entry := node.entries.get("payload"):
        yield from scalars(entry.value)


def _bare_variable(scalar: Scalar) -> str:
    """Return the warning of a `$NAME` without braces in what is sent."""
    name = scalar.bare
    return (
        f"{scalar.position}: '${name}' is no variable, and is sent as it stands "
        f"(write ${{{name}}} for the variable, or $${name} for this text)"
    )


def _content_type_flaws(content_type: str | None, payload: Any) -> Iterator[Flaw]:
    charset = re.search(_CHARSET, content_type or "")
    if isinstance(payload, str) and charset and charset[1].lower() not in _UTF_8:
        message = f"a text is sent as UTF-8, not as {charset[1][:40]}"
        yield Flaw(("content_type",), message, "for another charset take payload_file")
    if content_type is not None and not re.fullmatch(_CONTENT_TYPE, content_type):
        yield Flaw(
            ("content_type",), f"'{content_type[:60]}' is not a content type", "type/subtype"
        )
