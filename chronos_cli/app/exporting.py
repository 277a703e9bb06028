"""Job files → what an export needs of them: the jobs, and what has to go with each."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from chronos_cli.app.workspace import Workspace, WorkspaceReader
from chronos_cli.errors import InvalidInputError, UsageError
from chronos_cli.export.model import Exportable, JobFile, Place
from chronos_cli.jobs.config import Config, Scheduler, find_config
from chronos_cli.jobs.document import MAX_BYTES
from chronos_cli.jobs.files import SourceFile, find_files, read_file
from chronos_cli.jobs.mentions import (
    Mentions,
    joined,
    mentions_by_job,
    mentions_in_config,
    plain_secrets,
)
from chronos_cli.jobs.model import Job
from chronos_cli.jobs.references import files_of
from chronos_cli.jobs.scope import EXPORT_KEYS, Choice, Scope
from chronos_cli.problems import Position, Problem
from chronos_cli.redact import Redactor

# What standard input is called where it needs a name.
_STDIN, _STDIN_NAME = "<stdin>", "jobs.yaml"


class ExportRequest(Struct, frozen=True, kw_only=True):
    """What is to be exported, as the command line says. `takes_stdin`: `-` may be among paths."""

    paths: list[str]
    config: str | None
    env_files: list[str] | None
    choice: Choice
    program: str
    takes_stdin: bool = False


class Loading(Struct, frozen=True):
    """What was read: the jobs with a schedule, the IDs of those without, and the place."""

    jobs: list[Exportable]
    without_schedule: list[str]
    place: Place
    workspace: Workspace


class ExportReader:
    """Reads job files for an export. It needs no variable and no secret to be at hand."""

    def __init__(
        self, redactor: Redactor, environment: Mapping[str, str], stdin: BinaryIO, now: datetime
    ) -> None:
        self._redactor = redactor
        self._environment = environment
        self._stdin = stdin
        self._now = now

    def load(self, request: ExportRequest) -> Loading:
        """Read files; raises InvalidInputError and UsageError as `WorkspaceReader.load`."""
        if "-" in request.paths and not request.takes_stdin:
            raise UsageError("name files, not -: their paths go into what is written")
        if request.paths:
            find_files(request.paths)  # so that a wrong path is told of before stdin is read
        given = self._stdin.read(MAX_BYTES + 1) if "-" in request.paths else b""
        reader = WorkspaceReader(self._redactor, self._environment, BytesIO(given))
        scope = Scope(choice=request.choice, keys=EXPORT_KEYS)
        workspace = reader.load(request.paths, request.config, request.env_files, scope)
        found = find_config(request.config, self._environment)
        config = read_file(found, BytesIO()) if found else None
        place = Place(
            request.program,
            self._now,
            _job_file(config) if config else None,
            tuple(str(Path(path).absolute()) for path in request.env_files or ()),
            tuple(_loop_keys(workspace.config)),
        )
        scheduled = [job for job in workspace.jobs if job.spec.schedule is not None]
        sources = _Sources(workspace.registry.target_keys(), config, given)
        self._require_no_secret(scheduled)
        jobs = [sources.exportable(job, self._open_tags(job)) for job in scheduled]
        rest = [job.id for job in workspace.jobs if job.spec.schedule is None]
        return Loading(jobs, rest, place, workspace)

    def _open_tags(self, job: Job) -> dict[str, str]:
        text = self._redactor.text
        return {
            key: value
            for key, value in job.spec.tags.items()
            if text(key) == key and text(value) == value
        }

    def _require_no_secret(self, jobs: Sequence[Job]) -> None:
        """Raise InvalidInputError where what an export says of a job is a secret's value."""
        problems = [
            Problem(job.position, "ID, schedule or zone of this job hold the value of a secret")
            for job in jobs
            for shown in [f"{job.id} {job.spec.schedule} {job.spec.timezone}"]
            if self._redactor.text(shown) != shown
        ]
        if problems:
            raise InvalidInputError(problems)


class _Sources:
    """The files of jobs, each read once."""

    def __init__(self, keys: Sequence[str], config: SourceFile | None, given: bytes) -> None:
        self._keys = keys
        self._config = config
        self._given = given
        self._known: dict[str, tuple[JobFile, dict[Position, Mentions]]] = {}

    def exportable(self, job: Job, tags: dict[str, str]) -> Exportable:
        """Return a job with what has to go with it; `tags` are those that may be shown."""
        name = job.position.file
        if name not in self._known:
            path = "-" if name == _STDIN else name
            source = read_file(path, BytesIO(self._given))
            self._known[name] = (_job_file(source), mentions_by_job(source, self._keys))
        file, mentions = self._known[name]
        found = mentions.get(job.position, Mentions())
        of_config = Mentions()
        if self._config is not None:
            protocols = {one.protocol for one in (job, *job.notices.values())}
            of_config = mentions_in_config(self._config, protocols)
        return Exportable(
            job=job,
            file=file,
            variables=joined(found.variables, of_config.variables),
            secret_files=found.files,
            secret_files_of_config=of_config.files,
            files={path: _written(path, name, found.texts) for path in files_of(job)},
            missing=tuple(_missing_variables(job)),
            tags=tags,
        )


def _job_file(source: SourceFile) -> JobFile:
    name = _STDIN_NAME if source.name == _STDIN else source.name
    return JobFile(str(Path(name).absolute()), source.raw, plain_secrets(source))


def _loop_keys(config: Config) -> Iterator[str]:
    if config.heartbeat is not None:
        yield "scheduler.heartbeat"
    if config.scheduler.max_concurrent_jobs != Scheduler().max_concurrent_jobs:
        yield "scheduler.max_concurrent_jobs"


def _written(path: str, file: str, texts: Collection[str]) -> tuple[str, ...]:
    """Return the texts of a job file that mean this path, which is absolute."""
    folder = Path(file).absolute().parent
    return tuple(text for text in texts if str(folder / text) == path)


def _missing_variables(job: Job) -> list[str]:
    if not any(one.has_templates for one in (job, *job.notices.values())):
        return []
    from chronos_cli.jobs.template_variables import missing_variables  # imports jinja2

    return missing_variables(job, {})
