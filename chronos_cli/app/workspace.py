"""From paths to jobs, with all that is needed to run them."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct

from chronos_cli.dispatch import foreign
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import InvalidInputError, UsageError
from chronos_cli.jobs.config import Config, find_config, read_config
from chronos_cli.jobs.files import CONFIG_NAMES, find_files, read_file
from chronos_cli.jobs.interpolate import Sources
from chronos_cli.jobs.load import load_jobs
from chronos_cli.jobs.model import Job
from chronos_cli.jobs.problems import ProblemList
from chronos_cli.jobs.references import files_of
from chronos_cli.problems import Problem
from chronos_cli.redact import Redactor

if TYPE_CHECKING:
    from chronos_cli.dispatch.dispatchers import Dispatchers
    from chronos_cli.jobs.heartbeat import Heartbeat


class Workspace(Struct, frozen=True):
    """The jobs of a command with what is needed to run them.

    `secret_files` are those that `${file:…}` stands for; `heartbeat` is what a loop sends.
    """

    jobs: list[Job]
    config: Config
    registry: Registry
    secret_files: frozenset[str] = frozenset()
    heartbeat: "Heartbeat | None" = None

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
            raise InvalidInputError(problems)

    def import_clients(self, jobs: Iterable[Job]) -> None:
        """Import the client libraries of these jobs now, so that no tick has to wait for it."""
        for key in {one.key for job in jobs for one in (job, *job.notices.values())}:
            for module in self.registry.kind(key).client_modules:
                with suppress(foreign.PluginError):  # a broken one is told of where it is used
                    foreign.call(partial(import_module, module))


class Checked(Struct, frozen=True):
    """What came of reading: the workspace of the good jobs, and all problems."""

    workspace: Workspace
    problems: list[Problem]


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
        self, paths: list[str], config_path: str | None, env_files: list[str] | None = None
    ) -> Workspace:
        """Read chronos.yaml and all jobs.

        Raises InvalidInputError when anything is wrong in them, UsageError for what cannot be read.
        """
        checked = self.read(paths, config_path, env_files)
        if checked.problems:
            raise InvalidInputError(checked.problems)
        return checked.workspace

    def read(
        self, paths: list[str], config_path: str | None, env_files: list[str] | None = None
    ) -> Checked:
        """Read chronos.yaml and all jobs, collecting what is wrong; UsageError as `load`."""
        sources = Sources(self._variables(env_files), self._redactor)
        return self._read(paths, config_path, Registry(), sources)

    def check(
        self,
        paths: list[str],
        config_path: str | None,
        env_files: list[str] | None,
        *,
        with_variables: bool,
    ) -> Checked:
        """Check files: a chronos.yaml among them is checked as configuration.

        Without variables all is checked that does not depend on one.
        """
        variables = self._variables(env_files) if with_variables else None
        sources = Sources(variables, self._redactor)
        registry = Registry()
        files = find_files(paths)
        configs = [path for path in files if Path(path).name in CONFIG_NAMES]
        problems = ProblemList()
        for path in configs:
            problems.extend(self._read_config(path, registry, sources)[1])
        others = [path for path in files if path not in configs]
        if configs and not others:
            return Checked(Workspace([], Config(), registry), problems.sorted())
        checked = self._read_files(others, config_path, registry, sources)
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

    def _read(
        self, paths: list[str], config_path: str | None, registry: Registry, sources: Sources
    ) -> Checked:
        if not paths:
            raise UsageError("name at least one job file or directory, or - for stdin")
        return self._read_files(find_files(paths), config_path, registry, sources)

    def _read_files(
        self, files: list[str], config_path: str | None, registry: Registry, sources: Sources
    ) -> Checked:
        config, problems, heartbeat = self._config(config_path, registry, sources)
        if problems:
            # Wrong defaults would be told again as problems of every job.
            config = Config()
        read = (read_file(path, self._stdin) for path in files)
        loaded = load_jobs(
            read, config, registry, sources, self._on_job, ids_per_file=self._ids_per_file
        )
        workspace = Workspace(loaded.jobs, config, registry, frozenset(sources.files), heartbeat)
        return Checked(workspace, [*problems.sorted(), *loaded.problems])

    def _config(
        self, path: str | None, registry: Registry, sources: Sources
    ) -> "tuple[Config, ProblemList, Heartbeat | None]":
        found = find_config(path, self._environment)
        if found is None:
            return Config(), ProblemList(), None
        return self._read_config(found, registry, sources)

    def _read_config(
        self, path: str, registry: Registry, sources: Sources
    ) -> "tuple[Config, ProblemList, Heartbeat | None]":
        config, problems = read_config(read_file(path, self._stdin), registry, sources)
        if config.heartbeat is None:
            return config, problems, None
        from chronos_cli.jobs.heartbeat import read_heartbeat  # for those who have one

        return config, problems, read_heartbeat(config, registry, problems)
