"""From paths to jobs, with all that is needed to run them."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct

from chronos_cli.app.choosing import require_chosen
from chronos_cli.dispatch import foreign
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import InvalidInputError, UsageError
from chronos_cli.jobs.config import Config, find_config, read_config
from chronos_cli.jobs.faults import Faults
from chronos_cli.jobs.files import CONFIG_NAMES, find_files, read_file
from chronos_cli.jobs.interpolate import Sources
from chronos_cli.jobs.load import load_jobs
from chronos_cli.jobs.model import Job
from chronos_cli.jobs.problems import ProblemList
from chronos_cli.jobs.references import files_of
from chronos_cli.jobs.scope import ALL, EVERYTHING, Choice, Files, Scope
from chronos_cli.problems import Problem
from chronos_cli.redact import Redactor

if TYPE_CHECKING:
    from chronos_cli.dispatch.dispatchers import Dispatchers
    from chronos_cli.jobs.heartbeat import Heartbeat


class Workspace(Struct, frozen=True):
    """The jobs of a command with what is needed to run them.

    `secret_files` are those that `${file:…}` stands for. `aside` are the problems of jobs that
    were not chosen. `heartbeat` is what a loop sends; `heartbeat_problems` are those of it, where
    only some jobs were asked for.
    """

    jobs: list[Job]
    config: Config
    registry: Registry
    secret_files: frozenset[str] = frozenset()
    aside: list[Problem] = []
    heartbeat: "Heartbeat | None" = None
    heartbeat_problems: list[Problem] = []

    def files(self) -> frozenset[str]:
        """Return every file that the jobs refer to, beside those that they stand in."""
        jobs = [*self.jobs, *self.own_jobs()]
        return self.secret_files.union(name for job in jobs for name in files_of(job))

    def own_jobs(self) -> list[Job]:
        """Return what a loop sends that is no job of a file."""
        return [] if self.heartbeat is None else [self.heartbeat.job]

    def dispatchers(self) -> "Dispatchers":
        """Return the dispatchers for these jobs, none of them opened yet."""
        from chronos_cli.dispatch.dispatchers import Dispatchers  # for those who send

        settings = {name: one.settings for name, one in self.config.dispatchers.items()}
        return Dispatchers(self.registry, settings)

    def require_clients(self, jobs: Iterable[Job]) -> None:
        """Make sure that the client libraries of these jobs are installed.

        Raises InvalidInputError, with what to install, before anything is sent.
        """
        all_jobs = [one for job in jobs for one in (job, *job.notices.values())]
        further = {job.position: job.target.further_modules() for job in all_jobs}
        first_of_kind = {(job.key, *further[job.position]): job for job in reversed(all_jobs)}
        problems = [
            Problem(job.position, f"{job.protocol}: {message}", path=job.key)
            for job in first_of_kind.values()
            if (message := self.registry.missing_client(job.key, further[job.position]))
        ]
        if problems:
            raise InvalidInputError(sorted(problems, key=lambda one: one.position))

    def import_clients(self, jobs: Iterable[Job]) -> None:
        """Import the client libraries of these jobs now, so that no tick has to wait for it."""
        for key in {one.key for job in jobs for one in (job, *job.notices.values())}:
            for module in self.registry.kind(key).client_modules:
                with suppress(foreign.PluginError):  # a broken one is told of where it is used
                    foreign.call(partial(import_module, module))


class Checked(Struct, frozen=True):
    """What came of reading: the workspace of the good jobs, all problems, and a note on these."""

    workspace: Workspace
    problems: list[Problem]
    note: str = ""


class WorkspaceReader:
    """Reads job files and chronos.yaml.

    `environment` holds the process's variables, `stdin` is what `-` stands for. What is secret in
    the files is made known to the redactor. `on_job` is called as each job is read. With
    `ids_per_file` an ID need be unique within its file only.
    """

    def __init__(
        self,
        redactor: Redactor,
        environment: Mapping[str, str],
        stdin: BinaryIO,
        on_job: Callable[[], None] = lambda: None,
        *,
        ids_per_file: bool = False,
    ) -> None:
        self._redactor = redactor
        self._environment = environment
        self._stdin = stdin
        self._on_job = on_job
        self._ids_per_file = ids_per_file

    def load(
        self,
        paths: list[str],
        config_path: str | None,
        env_files: list[str] | None = None,
        scope: Scope = EVERYTHING,
    ) -> Workspace:
        """Read chronos.yaml and the jobs of a scope.

        Raises InvalidInputError when anything is wrong in them, UsageError for what cannot be read
        and for a choice that leaves no job.
        """
        checked = self.read(paths, config_path, env_files, scope)
        if checked.problems:
            raise InvalidInputError(checked.problems, checked.note)
        return checked.workspace

    def read(
        self,
        paths: list[str],
        config_path: str | None,
        env_files: list[str] | None = None,
        scope: Scope = EVERYTHING,
    ) -> Checked:
        """Read chronos.yaml and the jobs, collecting what is wrong; UsageError as `load`."""
        if not paths:
            raise UsageError("name at least one job file or directory, or - for stdin")
        sources = Sources(self._variables(env_files), self._redactor)
        return self._read_files(find_files(paths), config_path, Registry(), sources, scope)

    def config(self, config_path: str | None, env_files: list[str] | None = None) -> Config:
        """Read chronos.yaml alone; raises InvalidInputError, and UsageError as `load`."""
        sources = Sources(self._variables(env_files), self._redactor)
        config, problems = self._config(config_path, Registry(), sources, None)
        if problems:
            raise InvalidInputError(problems.sorted())
        return config

    def check(
        self,
        paths: list[str],
        config_path: str | None,
        env_files: list[str] | None,
        choice: Choice = ALL,
        *,
        with_variables: bool,
    ) -> Checked:
        """Check files: a chronos.yaml among them is checked as configuration.

        Files that the jobs name are looked for. Without variables all is checked that does not
        depend on one, nor on a file outside of the job file's folder.
        """
        variables = self._variables(env_files) if with_variables else None
        sources = Sources(variables, self._redactor)
        registry = Registry()
        files = find_files(paths)
        configs = [path for path in files if Path(path).name in CONFIG_NAMES]
        problems = ProblemList()
        for path in configs:
            config, found = read_config(read_file(path, self._stdin), registry, sources)
            _heartbeat(config, registry, found, None)
            problems.extend(found)
        others = [path for path in files if path not in configs]
        if configs and not others:
            return Checked(Workspace([], Config(), registry), problems.sorted())
        scope = Scope(choice=choice, files=Files.ANY if with_variables else Files.BESIDE)
        checked = self._read_files(others, config_path, registry, sources, scope)
        known = set(problems.sorted())
        rest = [problem for problem in checked.problems if problem not in known]
        return Checked(checked.workspace, [*problems.sorted(), *rest])

    def _variables(self, env_files: list[str] | None) -> dict[str, str]:
        """Return the variables for `${…}`: the environment's, then those of files, last first.

        Raises UsageError for a file that cannot be read, InvalidInputError for broken lines in it.
        """
        found: dict[str, str] = {}
        for path in env_files or []:
            from chronos_cli.jobs.env_file import read_env_file  # only where it is asked for

            found.update(read_env_file(path))
        return {**found, **self._environment}

    def _read_files(
        self,
        files: list[str],
        config_path: str | None,
        registry: Registry,
        sources: Sources,
        scope: Scope,
    ) -> Checked:
        shown_only = scope.keys is not None
        faults = Faults(tolerates_absence=shown_only) if scope.is_partial else None
        config, problems = self._config(config_path, registry, sources, faults)
        apart = ProblemList() if scope.is_partial else problems
        heartbeat = None if shown_only else _heartbeat(config, registry, apart, faults)
        if problems:
            # Wrong defaults would be told again as problems of every job.
            config = Config()
        read = (read_file(path, self._stdin) for path in files)
        loaded = load_jobs(
            read,
            config,
            registry,
            sources,
            self._on_job,
            ids_per_file=self._ids_per_file,
            scope=scope,
            faults=faults,
        )
        needed = set(loaded.problems)
        rest = [one for broken in config.broken.values() for one in broken if one not in needed]
        aside = list(dict.fromkeys([*rest, *loaded.aside]))
        workspace = Workspace(
            loaded.jobs,
            config,
            registry,
            frozenset(sources.files),
            aside,
            heartbeat,
            apart.sorted() if scope.is_partial else [],
        )
        checked = Checked(workspace, [*problems.sorted(), *loaded.problems])
        if checked.problems or scope.choice.is_all or scope.may_lack:
            return checked
        return _with_choice(checked, loaded.known_ids, scope.choice)

    def _config(
        self, path: str | None, registry: Registry, sources: Sources, faults: Faults | None
    ) -> tuple[Config, ProblemList]:
        found = find_config(path, self._environment)
        if found is None:
            return Config(), ProblemList()
        return read_config(read_file(found, self._stdin), registry, sources, faults)


def _heartbeat(
    config: Config, registry: Registry, problems: ProblemList, faults: Faults | None
) -> "Heartbeat | None":
    """Return the heartbeat of a configuration, if it has a sound one."""
    if config.heartbeat is None:
        return None
    from chronos_cli.jobs.heartbeat import read_heartbeat  # for those who have one

    return read_heartbeat(config, registry, problems, faults)


def _with_choice(checked: Checked, known: frozenset[str], choice: Choice) -> Checked:
    """Return what was read, when it has the jobs that a choice names.

    Where one is missed that may stand in what is broken, the problems of that count. Raises
    UsageError where it cannot.
    """
    try:
        require_chosen(len(checked.workspace.jobs), known, choice)
    except UsageError as error:
        if not checked.workspace.aside:
            raise
        return Checked(
            checked.workspace, checked.workspace.aside, f"{error}, as far as they are read"
        )
    return checked
