"""Files → jobs: every job complete and checked, or a list of all that is wrong."""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from msgspec import Struct

from chronos_cli.jobs.build import JobBuilder
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.document import ParsedFile
from chronos_cli.jobs.files import SourceFile, parse_file
from chronos_cli.jobs.interpolate import Interpolation, Sources
from chronos_cli.jobs.merge import mark_shared, overlaid, without
from chronos_cli.jobs.model import Job, TargetKinds
from chronos_cli.jobs.nodes import Mapping, Node, is_null
from chronos_cli.jobs.nodes import Sequence as SequenceNode
from chronos_cli.jobs.problems import ProblemList, TooManyProblemsError
from chronos_cli.jobs.read import Reader
from chronos_cli.problems import Path, Position, Problem


class Loaded(Struct, frozen=True):
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
    with suppress(TooManyProblemsError), _collector_at_rest():
        for source in files:
            for job in _jobs_of(source, config, kinds, sources, problems):
                on_job()
                if job is not None:
                    jobs.append(job)
        jobs = list(_unique(jobs, problems))
    return Loaded(jobs, problems.sorted())


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Keep the garbage collector from looking at all nodes again and again: they hold no circle."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _jobs_of(
    source: SourceFile, config: Config, kinds: TargetKinds, sources: Sources, problems: ProblemList
) -> Iterator[Job | None]:
    """Yield the jobs of one file, None for a wrong one; adds its problems to `problems`."""
    try:
        parsed = parse_file(source)
        reading = _FileReading(parsed, config, kinds, problems)
        try:
            for problem in parsed.problems:
                problems.add(problem)
            yield from reading.jobs(sources)
        finally:
            problems.show_lines(parsed)
    except MemoryError:
        message = "there is not enough memory to read this file"
        problems.add(Problem(Position(source.name), message, hint="split it"))


def _unique(jobs: Sequence[Job], problems: ProblemList) -> Iterator[Job]:
    first: dict[str, Job] = {}
    for job in jobs:
        if (known := first.setdefault(job.id, job)) is job:
            yield job
            continue
        message = f"job ID '{job.id}' is used twice; first at {known.position}"
        problems.add(Problem(job.position, message, hint="give one of them another 'id'"))


def _may_hold_jobs(root: Node) -> bool:
    """Whether a document has the outer form of a job, or of a list of them."""
    if not isinstance(root, Mapping):
        return False
    return "name" in root.entries or ("jobs" in root.entries and "on" not in root.entries)


class _FileReading:
    """Reads the jobs of one parsed file; `problems` gathers what is wrong in it."""

    def __init__(
        self, parsed: ParsedFile, config: Config, kinds: TargetKinds, problems: ProblemList
    ) -> None:
        self._parsed = parsed
        self._problems = problems
        self._keys = kinds.target_keys()
        self._builder = JobBuilder(config, kinds, problems)
        self._reader = Reader(problems, kinds)

    def jobs(self, sources: Sources) -> Iterator[Job | None]:
        name, documents = self._parsed.name, self._parsed.documents
        interpolation = Interpolation(sources, self._problems)
        if not documents and not self._parsed.problems:
            self._problems.add(Problem(Position(name), "the file holds no job"))
        for document in documents:
            root = document.root
            if is_null(root) and len(documents) > 1:
                continue
            interpolation.replace_below(root)
            yield from self._document(root)

    def _document(self, root: Node) -> Iterator[Job | None]:
        if not _may_hold_jobs(root):
            from chronos_cli.jobs.foreign_documents import what_it_is  # only on failure

            if (found := what_it_is(root)) is not None:
                position, message, hint = found
                self._problems.add(Problem(position, message, hint=hint))
                return
        assert isinstance(root, Mapping)
        if "jobs" not in root.entries:
            yield self._job((), root, None)
            return
        for name, entry in root.entries.items():
            if name not in {"jobs", "defaults"}:
                self._reader.unknown_key(entry, (), ("jobs", "defaults"))
        defaults = self._defaults(root)
        listed = root.entries["jobs"].value
        if not isinstance(listed, SequenceNode):
            from chronos_cli.jobs.foreign_documents import list_to_write  # only on failure

            message = "expected a list of jobs"
            self._reader.fail(listed, ("jobs",), message, list_to_write(listed))
            return
        if not listed.items:
            self._reader.fail(listed, ("jobs",), "the list holds no job")
        for number, node in enumerate(listed.items):
            yield self._job(("jobs", number), node, defaults)

    def _defaults(self, root: Mapping) -> Mapping | None:
        entry = root.entries.get("defaults")
        if entry is None:
            return None
        if not isinstance(entry.value, Mapping):
            self._reader.fail(entry.value, ("defaults",), "expected a mapping")
            return None
        mark_shared(entry.value)
        return entry.value

    def _job(self, path: Path, own: Node, defaults: Mapping | None) -> Job | None:
        if not isinstance(own, Mapping):
            hint = "a job begins with a line such as: - name: nightly-report"
            self._reader.fail(own, path, "a job must be a mapping", hint)
            return None
        return self._builder.job(self._inherited(own, defaults), path)

    def _inherited(self, own: Mapping, defaults: Mapping | None) -> Mapping:
        """Lay the job over `defaults:`, of which other protocols' target blocks are left out."""
        if defaults is None:
            return own
        own_targets = {key for key in own.entries if key in self._keys}
        others = {key for key in self._keys if own_targets and key not in own_targets}
        return overlaid(without(defaults, others), own)
