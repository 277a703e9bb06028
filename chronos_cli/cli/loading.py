"""From paths on the command line to jobs, for every command that reads job files."""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from chronos_cli.cli.output import redactor
from chronos_cli.cli.progress import Progress
from chronos_cli.dispatch.dispatchers import Dispatchers
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

# Beyond these, reading takes long enough to be shown on a terminal.
MANY_FILES = 200
MANY_BYTES = 500_000


@dataclass(frozen=True, slots=True)
class Workspace:
    """The jobs of a command with what is needed to run them.

    `secret_files` are those that `${file:…}` stands for.
    """

    jobs: list[Job]
    config: Config
    registry: Registry
    secret_files: frozenset[str] = frozenset()

    def files(self) -> frozenset[str]:
        """Return every file that the jobs refer to, beside those that they stand in."""
        return self.secret_files.union(name for job in self.jobs for name in files_of(job))

    def dispatchers(self) -> Dispatchers:
        """Return the dispatchers for these jobs, none of them opened yet."""
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
            Problem(job.position, f"{job.protocol}: {told}", path=job.key)
            for job in first_of_kind.values()
            if (told := self.registry.missing_client(job.key, further[job.position]))
        ]
        if problems:
            raise InvalidInputError(problems)

    def import_clients(self, jobs: Iterable[Job]) -> None:
        """Import the client libraries of these jobs now, so that no tick has to wait for it."""
        for key in {one.key for job in jobs for one in (job, *job.notices.values())}:
            for module in self.registry.kind(key).client_modules:
                with suppress(ImportError):  # a broken one is told of where it is used
                    import_module(module)


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of reading: the workspace of the good jobs, and all problems."""

    workspace: Workspace
    problems: list[Problem]


def environment(env_files: list[str] | None) -> dict[str, str]:
    """Return the variables for `${…}`: the environment's, then those of the files, last first.

    Raises UsageError for a file that cannot be read, InvalidInputError for one with broken lines.
    """
    found: dict[str, str] = {}
    for path in env_files or []:
        from chronos_cli.jobs.env_file import read_env_file  # only where the option is used

        found.update(read_env_file(path))
    return {**found, **os.environ}


def load_workspace(
    paths: list[str],
    config_path: str | None,
    env_files: list[str] | None = None,
    secret_files: set[str] | None = None,
) -> Workspace:
    """Read chronos.yaml and all jobs; InvalidInputError when anything is wrong in them.

    `secret_files` takes up what `${file:…}` stands for, also when something is wrong.
    """
    files = set[str]() if secret_files is None else secret_files
    sources = Sources(environment(env_files), redactor, files)
    checked = check_workspace(paths, config_path, sources)
    if checked.problems:
        raise InvalidInputError(checked.problems)
    return checked.workspace


def check_paths(
    paths: list[str], config_path: str | None, variables: dict[str, str] | None
) -> Checked:
    """Check files for `validate`: a chronos.yaml among them is checked as configuration.

    Without `variables` all is checked that does not depend on one.
    """
    sources = Sources(variables, redactor)
    files = find_files(paths)
    configs = [path for path in files if Path(path).name in CONFIG_NAMES]
    registry = Registry()
    problems = ProblemList()
    for path in configs:
        problems.extend(read_config(read_file(path, sys.stdin.buffer), registry, sources)[1])
    others = [path for path in files if path not in configs]
    if configs and not others:
        return Checked(Workspace([], Config(), registry), problems.sorted())
    checked = check_files(others, config_path, sources)
    known = set(problems.sorted())
    rest = [problem for problem in checked.problems if problem not in known]
    return Checked(checked.workspace, [*problems.sorted(), *rest])


def check_workspace(paths: list[str], config_path: str | None, sources: Sources) -> Checked:
    """Read chronos.yaml and all jobs, collecting what is wrong.

    Raises UsageError for paths that cannot be read.
    """
    return check_files(_found(paths), config_path, sources)


def check_files(files: list[str], config_path: str | None, sources: Sources) -> Checked:
    """Read chronos.yaml and the jobs of files that have been found, collecting what is wrong."""
    registry = Registry()
    config, problems = _config(config_path, registry, sources)
    if problems:
        # Wrong defaults would be told again as problems of every job.
        config = Config()
    shown = len(files) > MANY_FILES or sum(map(_size, files)) > MANY_BYTES
    with Progress("checking", None, shown=shown and sys.stderr.isatty()) as progress:
        read = (read_file(path, sys.stdin.buffer) for path in files)
        loaded = load_jobs(read, config, registry, sources, progress.advance)
    workspace = Workspace(loaded.jobs, config, registry, frozenset(sources.files))
    return Checked(workspace, [*problems.sorted(), *loaded.problems])


def _config(path: str | None, registry: Registry, sources: Sources) -> tuple[Config, ProblemList]:
    found = find_config(path, os.environ)
    if found is None:
        return Config(), ProblemList()
    return read_config(read_file(found, sys.stdin.buffer), registry, sources)


def _found(paths: list[str]) -> list[str]:
    if not paths:
        raise UsageError("name at least one job file or directory, or - for stdin")
    return find_files(paths)


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
