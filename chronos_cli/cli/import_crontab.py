"""`chronos import crontab`: the calls of a crontab as jobs."""

from collections.abc import Sequence
from typing import Annotated

from chronos_cli.cli.arguments import argument, option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.importing import Directory, Force, shown, tell, write_jobs
from chronos_cli.cli.output import Output, redactor
from chronos_cli.cli.streams import streams
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import UnreadableFileError, UsageError
from chronos_cli.files import read_bytes
from chronos_cli.importing.crontab import Entry, entries_of, seems_to_have_users
from chronos_cli.importing.jobs import ImportedJob, Imports, LeftOut
from chronos_cli.importing.machine import machine_zone
from chronos_cli.schedule.zones import check_zone

_LARGEST = 1024 * 1024


def command(
    file: Annotated[
        str | None,
        argument(metavar="[FILE]", help="A crontab, or - for stdin. Default: crontab -l."),
    ] = None,
    timezone: Annotated[
        str | None,
        option(
            "--timezone",
            metavar="ZONE",
            help="Zone of the machine that it is from. CRON_TZ goes first. Default: this one's.",
            show_default=False,
        ),
    ] = None,
    system: Annotated[
        bool,
        option("--system", help="A user stands before each command. Default: as the lines look."),
    ] = False,
    directory: Directory = None,
    force: Force = False,
) -> ExitCode:
    """Write the calls of a crontab as jobs; list every other line and why.

    Nothing is sent.

    Exit codes: 0 written, 2 usage, 3 no line became a job.

    Examples:
      chronos import crontab
      chronos import crontab /etc/cron.d/reports --directory jobs
    """
    text, source = _read(file)
    zone, origin = _zone(timezone)
    has_users = system or seems_to_have_users(text)
    entries = list(entries_of(text, has_users=has_users))
    imports = Imports(Registry(), zone, source)
    results = [imports.of_entry(entry) for entry in entries]
    for value in imports.secrets.values.values():
        redactor.add(value)
    jobs = [result for result in results if isinstance(result, ImportedJob)]
    rest = [result for result in results if isinstance(result, LeftOut)]
    mails = any(entry.variables.get("MAILTO") for entry in entries)
    write_jobs(jobs, _comments(rest), directory, force)
    zones = _zones(entries, f"{zone} ({origin})")
    _tell(jobs, rest, f"times are read in {zones}", mails=mails, has_users=has_users)
    return ExitCode.SUCCESS if jobs else ExitCode.INVALID_INPUT


def _read(file: str | None) -> tuple[str, str]:
    """Return the text of a crontab, and what it is called."""
    if file is None:
        raw, source = _own_crontab(), "crontab -l"
    elif file == "-":
        raw, source = streams.stdin.read(_LARGEST), "standard input"
    else:
        try:
            raw, source = read_bytes(file, _LARGEST, pipes=True), file
        except UnreadableFileError as error:
            raise UsageError(f"cannot read {file}: {error}") from error
    # A line that is not UTF-8 is listed, the others are read.
    return raw.decode(errors="surrogateescape"), source


def _own_crontab() -> bytes:
    import subprocess

    try:
        done = subprocess.run(["crontab", "-l"], capture_output=True, check=False)  # noqa: S607
    except OSError as error:
        raise UsageError(f"cannot run crontab -l: {error.strerror}; name a file, or -") from error
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip()
        raise UsageError(f"crontab -l: {message}; name a file, or -")
    return done.stdout


def _zone(option: str | None) -> tuple[str, str]:
    """Return the zone of the times, and where it comes from."""
    if option is not None:
        if mistake := check_zone(option):
            raise UsageError(f"--timezone: {mistake}")
        return option, "--timezone"
    zone = machine_zone()
    if zone is None:
        raise UsageError(
            "the time zone of this machine has no name in /etc/localtime; give it with --timezone"
        )
    return zone, "this machine's zone by /etc/localtime; --timezone names another"


def _zones(entries: Sequence[Entry], general: str) -> str:
    """Return the zones of the times in words; `general` is that of lines without CRON_TZ."""
    named = [entry.variables.get("CRON_TZ", "") for entry in entries] or [""]
    return " and ".join(f"{one} (CRON_TZ)" if one else general for one in dict.fromkeys(named))


def _comments(rest: Sequence[LeftOut]) -> str:
    """Return what is not imported as comments."""
    lines = ["# Not imported:"] if rest else []
    for one in rest:
        lines += [f"# line {one.line}: {shown(one.text)}", f"#   {one.reason}"]
    return "".join(f"{line}\n" for line in lines)


def _tell(
    jobs: Sequence[ImportedJob], rest: Sequence[LeftOut], zone: str, *, mails: bool, has_users: bool
) -> None:
    output = Output()
    count = len(jobs)
    output.note(f"imported {count} of {count + len(rest)} lines")
    if jobs:
        output.note(f"note: {zone}")
    if has_users:
        output.note("note: a user stands before each command; chronos runs all jobs as its own")
    if mails:
        output.note("note: MAILTO: chronos mails nobody; on_failure sends a notice")
    tell(jobs)
    for one in rest:
        output.note(f"not imported: line {one.line}: {one.reason}: {shown(one.text)}")
