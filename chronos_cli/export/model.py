"""What an export is made of, and what comes of it."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from chronos_cli.jobs.model import Job
from chronos_cli.problems import Position
from chronos_cli.report.text import printable


class JobFile(Struct, frozen=True):
    """A file of jobs, or a chronos.yaml: its absolute path, and its text.

    `plain_secrets` are the places of secrets that stand in it in clear text.
    """

    path: str
    raw: bytes
    plain_secrets: tuple[Position, ...] = ()


class Exportable(Struct, frozen=True, kw_only=True):
    """A job with what has to go with it.

    `variables` are those of `${…}` in its file and in chronos.yaml, and whether it fails without
    them. `secret_files` are the paths of `${file:…}`, as written. `files` are others that it
    names, as absolute paths, with how they are written; nothing where a variable decides that.
    `missing` are the `vars.x` that its templates need. `tags` are those of the job that hold no
    secret.
    """

    job: Job
    file: JobFile
    variables: dict[str, bool] = {}
    secret_files: tuple[str, ...] = ()
    secret_files_of_config: tuple[str, ...] = ()
    files: dict[str, tuple[str, ...]] = {}
    missing: tuple[str, ...] = ()
    tags: dict[str, str] = {}

    @property
    def id(self) -> str:
        """The job's ID."""
        return self.job.id

    @property
    def schedules(self) -> tuple[str, ...]:
        """All schedules of the job."""
        schedule = self.job.spec.schedule
        return (schedule,) if isinstance(schedule, str) else (schedule or ())


class Place(Struct, frozen=True):
    """Where the export will run: absolute paths, and the time from which on it counts.

    `loop_keys` are the keys of chronos.yaml that mean a loop, and nothing to single jobs.
    """

    program: str
    now: datetime
    config: JobFile | None = None
    env_files: tuple[str, ...] = ()
    loop_keys: tuple[str, ...] = ()


class Note(Struct, frozen=True):
    """What is not carried over; of one job, or of all when `job_id` is None."""

    text: str
    job_id: str | None = None


class Export(Struct, frozen=True):
    """What an export gives: files by name, what they leave out, and jobs that they lack.

    `refusals` are jobs that the scheduler cannot run as they are meant.
    """

    files: dict[str, str]
    notes: tuple[Note, ...] = ()
    refusals: tuple[Note, ...] = ()


class CannotSayError(Exception):
    """A schedule has no form for this scheduler; the text is the reason alone."""


def comment(text: str) -> str:
    """Return a text as a comment on one line."""
    return f"# {printable(' '.join(text.split()))}"


def command_line(one: Exportable, place: Place, further: Iterable[str] = ()) -> list[str]:
    """Return the words of `chronos run` for a job."""
    words = [place.program, "run", "--quiet", "--job", one.id, *further]
    if place.config is not None:
        words += ["--config", place.config.path]
    for path in place.env_files:
        words += ["--env-file", path]
    return [*words, one.file.path]
