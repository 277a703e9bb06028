"""Files → jobs: every job complete and checked, or a list of all that is wrong."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from chronos_cli.jobs.build import JobBuilder
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.document import Entry, Mapping, Node, ParsedFile, is_null
from chronos_cli.jobs.document import Sequence as SequenceNode
from chronos_cli.jobs.files import SourceFile, parse_file
from chronos_cli.jobs.interpolate import Sources, interpolate
from chronos_cli.jobs.merge import overlaid, without
from chronos_cli.jobs.model import Job, TargetKinds
from chronos_cli.jobs.problems import ProblemList
from chronos_cli.jobs.read import Reader
from chronos_cli.problems import Path, Position, Problem


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of some files: the good jobs, and every problem."""

    jobs: list[Job]
    problems: list[Problem]


def load_jobs(
    files: Iterable[SourceFile],
    config: Config,
    kinds: TargetKinds,
    sources: Sources,
    on_job: Callable[[], None] = lambda: None,
) -> Loaded:
    """Read every job of every file. Never raises for what stands in a file.

    `on_job` is called after each job, for those who watch.
    """
    problems = ProblemList()
    jobs: list[Job] = []
    for source in files:
        for job in _load_file(source, config, kinds, sources, problems):
            on_job()
            if job is not None:
                jobs.append(job)
    return Loaded(list(_unique(jobs, problems)), problems.sorted())


def _load_file(
    source: SourceFile,
    config: Config,
    kinds: TargetKinds,
    sources: Sources,
    problems: ProblemList,
) -> Iterator[Job | None]:
    """Yield the jobs of one file, None for a wrong one; adds its problems to `problems`."""
    parsed = parse_file(source)
    problems.of_file(parsed, parsed.problems)
    reading = _FileReading(parsed, source, config, kinds)
    yield from reading.jobs(sources)
    problems.of_file(parsed, reading.problems)


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
        self._keys = kinds.target_keys()
        self._builder = JobBuilder(config, kinds)
        self._reader = Reader()
        self._found: list[Problem] = []

    @property
    def problems(self) -> list[Problem]:
        return self._found + self._reader.problems + self._builder.problems

    def jobs(self, sources: Sources) -> Iterator[Job | None]:
        for document in self._parsed.documents:
            root = document.root
            if is_null(root) and len(self._parsed.documents) > 1:
                continue
            self._found += interpolate(root, sources)
            yield from self._document(root)
        if not self._parsed.documents and not self._parsed.problems:
            self._reader.fail(Mapping(Position(self._source.name)), (), "the file holds no job")

    def _document(self, root: Node) -> Iterator[Job | None]:
        if not isinstance(root, Mapping):
            self._reader.fail(root, (), "a job must be a mapping", "start with 'name: …'")
            return iter(())
        if "jobs" not in root.entries:
            return self._listed([((), root)], None)
        for name, entry in root.entries.items():
            if name not in {"jobs", "defaults"}:
                self._reader.unknown_key(entry.key, (), ("jobs", "defaults"))
        listed = root.entries["jobs"].value
        if not isinstance(listed, SequenceNode):
            self._reader.fail(listed, ("jobs",), "expected a list of jobs")
            return iter(())
        if not listed.items:
            self._reader.fail(listed, ("jobs",), "the list holds no job")
        defaults = root.entries.get("defaults")
        nodes = [(("jobs", n), item) for n, item in enumerate(listed.items)]
        return self._listed(nodes, defaults)

    def _listed(
        self, nodes: Sequence[tuple[Path, Node]], defaults: Entry | None
    ) -> Iterator[Job | None]:
        base = defaults.value if defaults else None
        if base is not None and not isinstance(base, Mapping):
            self._reader.fail(base, ("defaults",), "expected a mapping")
            base = None
        return (self._job(path, node, base) for path, node in nodes)

    def _job(self, path: Path, own: Node, defaults: Mapping | None) -> Job | None:
        if not isinstance(own, Mapping):
            self._reader.fail(own, path, "a job must be a mapping", "start with 'name: …'")
            return None
        return self._builder.job(self._inherited(own, defaults), path)

    def _inherited(self, own: Mapping, defaults: Mapping | None) -> Mapping:
        """Lay the job over `defaults:`, of which other protocols' target blocks are left out."""
        if defaults is None:
            return own
        own_targets = {key for key in own.entries if key in self._keys}
        others = {key for key in self._keys if own_targets and key not in own_targets}
        return overlaid(without(defaults, others), own)
