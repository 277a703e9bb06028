"""Files → jobs: every job complete and checked, or a list of all that is wrong."""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct

from chronos_cli.jobs.build import JobBuilder
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.document import ParsedFile
from chronos_cli.jobs.faults import Faults, ProblemsAside
from chronos_cli.jobs.files import SourceFile, parse_file
from chronos_cli.jobs.interpolate import Interpolation, Sources
from chronos_cli.jobs.merge import inherited, mark_shared
from chronos_cli.jobs.model import Job, TargetKinds
from chronos_cli.jobs.nodes import Mapping, Node, is_null
from chronos_cli.jobs.nodes import Sequence as SequenceNode
from chronos_cli.jobs.outline import outline_of
from chronos_cli.jobs.problems import ProblemList, TooManyProblemsError
from chronos_cli.jobs.read import Reader
from chronos_cli.jobs.scope import EVERYTHING, Scope
from chronos_cli.problems import Path, Position, Problem


class Loaded(Struct, frozen=True):
    """What came of some files: the good jobs that were wanted, and every problem with them.

    `aside` are the problems of everything else, `known_ids` the IDs of all jobs that were chosen
    among.
    """

    jobs: list[Job]
    problems: list[Problem]
    aside: list[Problem] = []
    known_ids: frozenset[str] = frozenset()


def load_jobs(  # noqa: PLR0913 - what is made of files, and with what
    files: Iterable[SourceFile],
    config: Config,
    kinds: TargetKinds,
    sources: Sources,
    on_job: Callable[[], None] = lambda: None,
    *,
    scope: Scope = EVERYTHING,
    faults: Faults | None = None,
    ids_per_file: bool = False,
) -> Loaded:
    """Read every job of every file. Never raises for what stands in a file.

    `on_job` is called after each job, for those who watch. `faults` are given, with those of the
    configuration, where the scope is partial. An ID is used once among all files, or once in each
    of them.
    """
    problems, aside = ProblemList(), ProblemsAside()
    jobs: list[Job] = []
    needs = _Needs(config, kinds, sources, scope, faults, set())
    try:
        with _collector_at_rest():
            for source in files:
                for job in _jobs_of(source, needs, problems, aside):
                    on_job()
                    if job is not None:
                        jobs.append(job)
            jobs = list(_unique(jobs, problems, ids_per_file=ids_per_file))
    except TooManyProblemsError:
        if not problems:  # else nobody would know that not all was read
            problems.extend(aside)
    return Loaded(jobs, problems.sorted(), aside.sorted(), frozenset(needs.known_ids))


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


class _Needs(Struct, frozen=True):
    """What the jobs of every file are made with."""

    config: Config
    kinds: TargetKinds
    sources: Sources
    scope: Scope
    faults: Faults | None
    known_ids: set[str]


def _jobs_of(
    source: SourceFile, needs: _Needs, problems: ProblemList, aside: ProblemList
) -> Iterator[Job | None]:
    """Yield the jobs of one file, None for a wrong one; adds its problems to one of the lists."""
    try:
        parsed = parse_file(source)
        if needs.scope.choice.is_all:
            reading = _FileReading(parsed, needs, problems)
        else:
            reading = _ChosenReading(parsed, needs, problems, aside)
        try:
            yield from reading.jobs()
        finally:
            problems.show_lines(parsed)
            aside.show_lines(parsed)
    except MemoryError:
        message = "there is not enough memory to read this file"
        problems.add(Problem(Position(source.name), message, hint="split it"))


def _unique(jobs: Sequence[Job], problems: ProblemList, *, ids_per_file: bool) -> Iterator[Job]:
    first: dict[tuple[str, str], Job] = {}
    for job in jobs:
        scope = job.position.file if ids_per_file else ""
        if (known := first.setdefault((scope, job.id), job)) is job:
            yield job
            continue
        message = f"job ID '{job.id}' is used twice; first at {known.position}"
        problems.add(Problem(job.position, message, hint="give one of them another 'id'"))


def _may_hold_jobs(root: Node) -> bool:
    """Whether a document has the outer form of a job, or of a list of them."""
    if not isinstance(root, Mapping):
        return False
    if "jobs" in root.entries:
        return "on" not in root.entries  # a workflow of GitHub has both, and a name
    return "name" in root.entries


class _FileReading:
    """Reads the jobs of one parsed file; `problems` gathers what is wrong in it."""

    def __init__(self, parsed: ParsedFile, needs: _Needs, problems: ProblemList) -> None:
        self._parsed = parsed
        self._problems = problems
        self._needs = needs
        self._keys = needs.kinds.target_keys()
        self._builder = self._builder_for(problems)
        self._reader = Reader(problems, needs.kinds)

    def _builder_for(self, problems: ProblemList) -> JobBuilder:
        needs = self._needs
        return JobBuilder(needs.config, needs.kinds, problems, needs.scope, needs.faults)

    def jobs(self) -> Iterator[Job | None]:
        """Yield them, None for a wrong one."""
        name, documents = self._parsed.name, self._parsed.documents
        for problem in self._parsed.problems:
            self._problems.add(problem)
        interpolation = Interpolation(self._needs.sources, self._problems, self._needs.faults)
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
        return self._build(inherited(own, defaults, self._keys), path)

    def _build(self, node: Mapping, path: Path) -> Job | None:
        return self._builder.job(node, path)


class _ChosenReading(_FileReading):
    """Reads the chosen jobs of a file; what is wrong with the others goes to `aside`.

    What is wrong with the file as a whole matters when one of them stands in it.
    """

    def __init__(
        self, parsed: ParsedFile, needs: _Needs, problems: ProblemList, aside: ProblemList
    ) -> None:
        super().__init__(parsed, needs, ProblemsAside())
        self._chosen, self._aside = problems, aside
        self._builder = self._builder_for(problems)
        self._other_builder = self._builder_for(aside)
        self._holds_chosen = False

    def jobs(self) -> Iterator[Job | None]:
        """Yield the chosen ones, None for a wrong one or another."""
        try:
            yield from super().jobs()
        finally:
            self._problems.show_lines(self._parsed)
            (self._chosen if self._holds_chosen else self._aside).extend(self._problems)

    def _build(self, node: Mapping, path: Path) -> Job | None:
        outline = outline_of(node)
        if outline.id is not None:
            self._needs.known_ids.add(outline.id)
        if not self._needs.scope.choice.may_take(outline):
            self._other_builder.job(node, path)
            return None
        self._holds_chosen = True
        return super()._build(node, path)
