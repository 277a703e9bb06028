"""Files → jobs: every job complete and checked, or a list of all that is wrong."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from msgspec import UNSET

from chronos_cli.jobs.config import Config
from chronos_cli.jobs.document import Entry, Mapping, Node, ParsedFile, Scalar, is_null, parse
from chronos_cli.jobs.document import Sequence as SequenceNode
from chronos_cli.jobs.files import SourceFile
from chronos_cli.jobs.interpolate import Sources, interpolate
from chronos_cli.jobs.merge import merged, without
from chronos_cli.jobs.model import Job, JobSpec, Payload, Target, TargetKind, TargetKinds
from chronos_cli.jobs.problems import ProblemList
from chronos_cli.jobs.read import INVALID, Reader
from chronos_cli.problems import Flaw, Path, Position, Problem
from chronos_cli.schedule.expression import check_schedule
from chronos_cli.schedule.zones import check_zone

MAX_PAYLOAD = 16 * 1024 * 1024
_PAYLOAD_KEYS = {"payload"}
_CONTENT_TYPE = re.compile(r"[!-~]+/[ -~]+")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of some files: the good jobs, and every problem."""

    jobs: list[Job]
    problems: list[Problem]


def load_jobs(
    files: Iterable[SourceFile], config: Config, kinds: TargetKinds, sources: Sources
) -> Loaded:
    """Read every job of every file. Never raises for what stands in a file."""
    problems = ProblemList()
    jobs: list[Job] = []
    for source in files:
        jobs += load_file(source, config, kinds, sources, problems)
    return Loaded(list(_unique(jobs, problems)), problems.sorted())


def load_file(
    source: SourceFile,
    config: Config,
    kinds: TargetKinds,
    sources: Sources,
    problems: ProblemList,
) -> list[Job]:
    """Read the jobs of one file; its problems are added to `problems`."""
    parsed = parse(source.name, source.raw)
    problems.of_file(parsed, parsed.problems)
    reading = _FileReading(parsed, source, config, kinds)
    jobs = reading.jobs(sources)
    problems.of_file(parsed, reading.problems)
    return jobs


def _unique(jobs: Sequence[Job], problems: ProblemList) -> Iterator[Job]:
    first: dict[str, Job] = {}
    for job in jobs:
        if (known := first.setdefault(job.id, job)) is job:
            yield job
            continue
        message = f"job ID '{job.id}' is used twice; first at {known.position}"
        problem = Problem(job.position, message, hint="give one of them another 'id'")
        problems.of_file(ParsedFile(job.position.file, [], [], []), [problem])


class _FileReading:
    """Reads the jobs of one parsed file."""

    def __init__(
        self, parsed: ParsedFile, source: SourceFile, config: Config, kinds: TargetKinds
    ) -> None:
        self._parsed = parsed
        self._source = source
        self._config = config
        self._kinds = kinds
        self._keys = kinds.target_keys()
        self._reader = Reader()
        self._texts = Reader(templates=True)
        self._found: list[Problem] = []

    @property
    def problems(self) -> list[Problem]:
        return self._found + self._reader.problems + self._texts.problems

    def jobs(self, sources: Sources) -> list[Job]:
        found: list[Job] = []
        for document in self._parsed.documents:
            root = document.root
            if is_null(root) and len(self._parsed.documents) > 1:
                continue
            self._found += interpolate(root, sources)
            found += self._document(root)
        if not self._parsed.documents and not self._parsed.problems:
            self._reader.fail(Mapping(Position(self._source.name)), (), "the file holds no job")
        return found

    def _document(self, root: Node) -> list[Job]:
        if not isinstance(root, Mapping):
            self._reader.fail(root, (), "a job must be a mapping", "start with 'name: …'")
            return []
        if "jobs" not in root.entries:
            return self._listed([((), root)], None)
        for name, entry in root.entries.items():
            if name not in {"jobs", "defaults"}:
                self._reader.unknown_key(entry.key, (), ("jobs", "defaults"))
        listed = root.entries["jobs"].value
        if not isinstance(listed, SequenceNode):
            self._reader.fail(listed, ("jobs",), "expected a list of jobs")
            return []
        if not listed.items:
            self._reader.fail(listed, ("jobs",), "the list holds no job")
        defaults = root.entries.get("defaults")
        nodes = [(("jobs", n), item) for n, item in enumerate(listed.items)]
        return self._listed(nodes, defaults)

    def _listed(self, nodes: Sequence[tuple[Path, Node]], defaults: Entry | None) -> list[Job]:
        base = defaults.value if defaults else None
        if base is not None and not isinstance(base, Mapping):
            self._reader.fail(base, ("defaults",), "expected a mapping")
            base = None
        jobs = (self._job(path, node, base) for path, node in nodes)
        return [job for job in jobs if job is not None]

    def _job(self, path: Path, own: Node, defaults: Mapping | None) -> Job | None:
        if not isinstance(own, Mapping):
            self._reader.fail(own, path, "a job must be a mapping", "start with 'name: …'")
            return None
        before = len(self.problems)
        node = self._inherited(own, defaults)
        key = self._target_key(node, path)
        kind = self._kind(key, node, path) if key else None
        spec: Any = self._spec(node, key, kind, path)
        target: Any = self._target(node, key, kind, path) if key and kind else INVALID
        payload = self._payload(node, spec, path)
        identifier = self._identifier(node, spec, path)
        if len(self.problems) > before or spec is INVALID or target is INVALID:
            return None
        assert kind is not None
        assert key is not None
        return Job(
            id=identifier,
            spec=spec,
            key=key,
            protocol=kind.protocol,
            target=target,
            payload=payload,
            position=own.position,
        )

    def _inherited(self, own: Mapping, defaults: Mapping | None) -> Mapping:
        """Lay the job over `defaults:`, of which other protocols' target blocks are left out."""
        if defaults is None:
            return own
        own_targets = {key for key in own.entries if key in self._keys}
        others = {key for key in self._keys if own_targets and key not in own_targets}
        node = merged(without(defaults, others), own)
        assert isinstance(node, Mapping)
        return node

    def _target_key(self, node: Mapping, path: Path) -> str | None:
        present = [key for key in node.entries if key in self._keys]
        if len(present) == 1:
            return present[0]
        known = ", ".join(self._keys)
        if present:
            second = node.entries[present[1]].key
            message = f"two targets: '{present[0]}' and '{present[1]}'"
            self._reader.fail(second, path, message, "a job has exactly one target block")
        else:
            self._reader.fail(node, path, "the job has no target", f"add one of: {known}")
        return None

    def _kind(self, key: str, node: Mapping, path: Path) -> type[TargetKind] | None:
        try:
            return self._kinds.kind(key)
        except ImportError as error:
            self._reader.fail(node.entries[key].key, (*path, key), str(error))
            return None

    def _spec(
        self, node: Mapping, key: str | None, kind: type[TargetKind] | None, path: Path
    ) -> Any:
        defaults = self._config.job_defaults
        if kind and (dispatcher := self._config.dispatchers.get(kind.protocol)):
            defaults = _both(defaults, dispatcher.job_defaults)
        node = _both(defaults, node)
        ignored = [*self._keys, *_PAYLOAD_KEYS] if key is None else [key, *_PAYLOAD_KEYS]
        spec = self._reader.struct(node, JobSpec, path, ignore=ignored)
        for name, check in (("schedule", check_schedule), ("timezone", check_zone)):
            entry = node.entries.get(name)
            if entry and isinstance(entry.value, Scalar) and not is_null(entry.value):
                message = check(entry.value.text)
                if message:
                    self._reader.fail(entry.value, (*path, name), message)
        return spec

    def _target(self, node: Mapping, key: str, kind: type[TargetKind], path: Path) -> Any:
        block = node.entries[key].value
        if dispatcher := self._config.dispatchers.get(kind.protocol):
            block = merged(dispatcher.target_defaults, block)
        target = self._texts.struct(block, kind.Target, (*path, key))
        if isinstance(target, Target):
            self._texts.flaws(block, (*path, key), target.flaws())
        return target

    def _identifier(self, node: Mapping, spec: Any, path: Path) -> str:
        if not isinstance(spec, JobSpec):
            return ""
        identifier = spec.id or slug(spec.name)
        if not identifier:
            hint = "add 'id:' with letters, digits, '.', '_' or '-'"
            where = node.entries["name"].value
            self._reader.fail(where, (*path, "name"), "no job ID can be made of this name", hint)
        return identifier

    def _payload(self, node: Mapping, spec: Any, path: Path) -> Payload:
        value: Any = UNSET
        if entry := node.entries.get("payload"):
            value = self._texts.any(entry.value, (*path, "payload"))
        if not isinstance(spec, JobSpec):
            return Payload()
        raw = None
        if spec.payload_file is not None:
            where = node.entries["payload_file"].value
            if value is not UNSET:
                self._reader.fail(where, path, "both 'payload' and 'payload_file'", "keep one")
            raw = self._payload_file(spec.payload_file, where, path)
        self._reader.flaws(node, path, _content_type_flaws(spec.content_type))
        return Payload(value, raw, spec.content_type)

    def _payload_file(self, name: str, where: Node, path: Path) -> bytes | None:
        at = (*path, "payload_file")
        try:
            with FilePath(name).open("rb") as stream:
                raw = stream.read(MAX_PAYLOAD + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._reader.fail(where, at, f"cannot read '{name}': {reason}")
            return None
        if len(raw) > MAX_PAYLOAD:
            limit = MAX_PAYLOAD // 2**20
            self._reader.fail(where, at, f"'{name}' is larger than {limit} MiB")
        return raw


def slug(name: str) -> str:
    """Return the job ID that a name stands for: `Täglicher Report!` is `taglicher-report`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._")[:128]


def _content_type_flaws(content_type: str | None) -> Iterator[Flaw]:
    if content_type is not None and not _CONTENT_TYPE.fullmatch(content_type):
        yield Flaw(
            ("content_type",), f"'{content_type[:60]}' is not a content type", "type/subtype"
        )


def _both(defaults: Mapping | None, own: Mapping) -> Mapping:
    node = merged(defaults, own)
    assert isinstance(node, Mapping)
    return node
