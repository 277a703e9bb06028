"""Options that several commands have in common."""

import os
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from errno import EISDIR, ENOENT
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Annotated

from chronos_cli.cli.arguments import argument, option
from chronos_cli.cli.output import redactor
from chronos_cli.errors import UsageError
from chronos_cli.jobs.scope import Choice
from chronos_cli.redact import bears_secret
from chronos_cli.units import parse_duration

# What zones know reliably, and a distance to the calendar's ends.
_FIRST_YEAR, _LAST_YEAR = 1900, 9000


# What all options that name a time take.
TIME_FORMS = (
    "now, today, yesterday or a date (midnight in the local zone), RFC 3339 with an offset, "
    "or 1d, 2h ago"
)


class OutputFormat(StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    GITHUB = "github"


Jobs = Annotated[
    list[str],
    argument(words="files", metavar="JOBS...", help="Job files, directories, or - for stdin."),
]
Verbose = Annotated[
    bool,
    option("--verbose", "-v", help="Show a traceback for internal errors."),
]
VerboseAttempts = Annotated[
    bool,
    option(
        "--verbose",
        "-v",
        help="Say on stderr how each attempt ended; show a traceback for internal errors.",
    ),
]
ConfigPath = Annotated[
    str | None,
    option("--config", metavar="PATH", help="The chronos.yaml to use.", show_default=False),
]
StatePath = Annotated[
    str | None,
    option(
        "--state",
        metavar="PATH",
        help="The state file. Default: chronos/state.sqlite in $XDG_STATE_HOME or ~/.local/state.",
        show_default=False,
    ),
]
ClusterUrl = Annotated[
    str | None,
    option(
        "--cluster",
        metavar="URL",
        help="Share the schedule with other hosts by these NATS servers: nats://a,nats://b.",
        show_default=False,
    ),
]
ClusterHistoryUrl = Annotated[
    str | None,
    option(
        "--cluster",
        metavar="URL",
        help="What hosts did that share a schedule by these NATS servers: nats://a,nats://b.",
        show_default=False,
    ),
]
ClusterSteeredUrl = Annotated[
    str | None,
    option(
        "--cluster",
        metavar="URL",
        help="For all hosts that share a schedule by these NATS servers: nats://a,nats://b.",
        show_default=False,
    ),
]
JobIds = Annotated[
    list[str] | None, option("--job", metavar="ID", words="jobs", help="Only this job. Repeatable.")
]
Tags = Annotated[
    list[str] | None,
    option(
        "--tag",
        metavar="K=V",
        words="tags",
        help="Only jobs with this tag. Repeatable: all must fit.",
    ),
]
Var = Annotated[
    list[str] | None,
    option("--var", metavar="K=V", help="A value for templates: {{ vars.K }}. Repeatable."),
]

Concurrency = Annotated[int, option(min=1, max=10_000, metavar="N", help="Jobs at the same time.")]
DryRun = Annotated[bool, option("--dry-run", help="Show what would be sent; send nothing.")]
FailFast = Annotated[bool, option("--fail-fast", help="Start no further job once one has failed.")]
Report = Annotated[OutputFormat, option("--output", "-o", help="How the report is written.")]
Quiet = Annotated[
    bool,
    option("--quiet", "-q", help="No report; a line on stderr for each failed job."),
]
EnvFile = Annotated[
    list[str] | None,
    option(
        "--env-file",
        metavar="PATH",
        help="Variables for ${…}, below those of the environment. Repeatable.",
        show_default=False,
    ),
]


def require_place(
    cluster: str | None, state: str | None, config: str | None, env_files: list[str] | None
) -> None:
    """Make sure that --state, or --cluster with what belongs to it, is meant; else UsageError."""
    if cluster is not None and state is not None:
        raise UsageError("--state and --cluster exclude each other: the cluster keeps the state")
    if cluster is None and (config is not None or env_files):
        raise UsageError("--config and --env-file go with --cluster")


def job_ids(values: list[str] | None) -> frozenset[str]:
    """Read `--job`."""
    return frozenset(text_of("--job", value) for value in values or ())


def choice_of(job: list[str] | None, tag: list[str] | None) -> Choice:
    """Read `--job` and `--tag`."""
    return Choice(job_ids(job), pairs("--tag", tag or []))


def pairs(option: str, values: list[str]) -> dict[str, str]:
    """Read `key=value` options; UsageError when there is no `=`."""
    found: dict[str, str] = {}
    for value in (text_of(option, value) for value in values):
        key, sign, text = value.partition("=")
        if not sign or not key:
            raise UsageError(f"{option} takes key=value, not '{value}'")
        found[key] = text
    return found


def text_of(option: str, value: str) -> str:
    """Return an argument that is text, in whatever encoding the locale has read it.

    Raises UsageError for bytes that are not UTF-8: nothing can be called so.
    """
    try:
        return os.fsencode(value).decode()
    except UnicodeError as error:
        raise UsageError(f"{option}: '{value}' is not UTF-8 text") from error


def address(option: str, text: str) -> tuple[str, int]:
    """Read HOST:PORT; the host is loopback where none is named. UsageError when it is neither."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdecimal()) or len(port) > 5 or int(port) > 65535:
        raise UsageError(f"{option} takes HOST:PORT, such as 127.0.0.1:8080, not '{text}'")
    return host.strip("[]") or "127.0.0.1", int(port)


def variables(values: list[str] | None) -> dict[str, str]:
    """Read `--var`; what is named like a secret is masked from then on."""
    found = pairs("--var", values or [])
    for name, value in found.items():
        if bears_secret(name, from_outside=True):
            redactor.add(value)
    return found


def require_writable(option: str, path: str) -> None:
    """Make sure, before anything is sent, that a report can be written; UsageError if not."""
    try:
        _try_to_write(path)
    except IsADirectoryError:
        reason = "it is a directory"
    except (FileNotFoundError, NotADirectoryError):
        reason = f"there is no directory {Path(path).parent}" if path else "it has no name"
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        return
    raise UsageError(f"{option}: cannot write {path}: {reason}")


def _try_to_write(path: str) -> None:
    """Open a file as if to write it, and leave all as it was; raises OSError."""
    if not path:
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT))
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        real = Path(os.path.realpath(path))
        os.close(os.open(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        real.unlink()
        return
    if S_ISDIR(mode):
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
    if S_ISREG(mode):  # a pipe would tell its reader that it has ended
        os.close(os.open(path, os.O_WRONLY))


def parse_moment(option: str, text: str) -> datetime:
    """Read a time: see `TIME_FORMS`; UsageError when it is anything else, or out of all reason."""
    moment = _named_time(text) or _ago(text) or _date_or_time(text)
    if moment is None:
        raise UsageError(
            f"{option} takes a time such as now, today, yesterday, 2026-11-23, "
            f"2026-11-23T09:00:00+01:00 or 1d (ago), not '{text}'"
        )
    _require_reason(option, moment)
    return moment


def _require_reason(option: str, moment: datetime) -> None:
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise UsageError(f"{option} takes a time between {_FIRST_YEAR} and {_LAST_YEAR}")


def parse_future(option: str, text: str | None) -> datetime | None:
    """Read how long from now (`2h`), or a time that is yet to come; UsageError for all else."""
    if text is None:
        return None
    try:
        return datetime.now(UTC) + timedelta(seconds=parse_duration(text))
    except ValueError:
        moment = _named_time(text) or _date_or_time(text)
    if moment is None:
        raise UsageError(
            f"{option} takes how long from now, such as 30m or 2h, a date, or a time such as "
            f"2027-01-04T09:00:00+01:00, not '{text}'"
        )
    if moment <= datetime.now(UTC):
        raise UsageError(f"{option} {text} has passed already")
    _require_reason(option, moment)
    return moment


def parse_optional_moment(option: str, text: str | None) -> datetime | None:
    """Read a time as `parse_moment`, if it is given."""
    return None if text is None else parse_moment(option, text)


def _named_time(text: str) -> datetime | None:
    now = datetime.now().astimezone()
    if text == "now":
        return now
    days = {"today": 0, "yesterday": 1}.get(text)
    return None if days is None else _midnight(now.date() - timedelta(days=days))


def _ago(text: str) -> datetime | None:
    try:
        return datetime.now(UTC) - timedelta(seconds=parse_duration(text))
    except ValueError:
        return None


def _date_or_time(text: str) -> datetime | None:
    """Return RFC 3339 with an offset, or the midnight of a date (in the local zone)."""
    try:
        if len(text) == len("2026-11-23"):
            return _midnight(date.fromisoformat(text))
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _midnight(day: date) -> datetime | None:
    try:
        return datetime.combine(day, time()).astimezone()
    except (ValueError, OverflowError):  # at the calendar's ends
        return None
