"""Jobs as units of systemd: a service and a timer each."""

import math
import posixpath
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from chronos_cli.export import notes
from chronos_cli.export.clockchange import ClockRule
from chronos_cli.export.model import (
    CannotSayError,
    Export,
    Exportable,
    JobFile,
    Note,
    Place,
    command_line,
    comment,
)
from chronos_cli.export.oncalendar import calendars
from chronos_cli.schedule.describe import describe
from chronos_cli.schedule.expression import Every, Reboot, parse_schedule

# All services share a user, and so the state: `concurrency: forbid` needs it, and history.
_STATE = "/var/lib/chronos/state.sqlite"
_CREDENTIALS = "${CREDENTIALS_DIRECTORY}/"
# Beside the job's own limit: the start of the program, and its end.
_MARGIN = 30
_HARDENING = """\
DynamicUser=yes
User=chronos
StateDirectory=chronos
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome={home}
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
"""
# What stands in a command line as it is.
_UNQUOTED = frozenset("/._-=:@%+,")
_HOMES = ("/home/", "/root/", "/run/user/")
_PRIVATE = ("/tmp/", "/var/tmp/")  # noqa: S108 - named, not used


def systemd(jobs: Sequence[Exportable], place: Place) -> Export:
    """Return jobs as units: `chronos-ID.service` and `chronos-ID.timer`."""
    files: dict[str, str] = {}
    common = notes.of_loop(place, "systemd")
    found: list[Note] = []
    refusals: list[Note] = []
    for one in jobs:
        unit = _Unit(one, place, common)
        try:
            timer, service = unit.timer(), unit.service()
        except CannotSayError as error:
            refusals.append(Note(f"systemd cannot run it: {error}", one.id))
            continue
        files[f"chronos-{one.id}.service"] = service
        files[f"chronos-{one.id}.timer"] = timer
        found += unit.notes
    return Export(files, (*common, *found), tuple(refusals))


class _Unit:
    """The two units of one job."""

    def __init__(self, one: Exportable, place: Place, common: Sequence[Note]) -> None:
        self._one = one
        self._common = common
        self._place = place
        self._command = command_line(one, place, ["--state", _STATE])
        self.notes = list(self._notes())

    def timer(self) -> str:
        """Return the text of the timer; CannotSayError when it has none."""
        spec = self._one.job.spec
        lines = [line for text in self._one.schedules for line in self._times(text)]
        persistent = spec.missed_runs != "ignore"
        timer = [
            "[Timer]",
            *dict.fromkeys(lines),
            f"Persistent={str(persistent).lower()}",
            # systemd's own would be a minute.
            "AccuracySec=1s",
            *([f"RandomizedDelaySec={_seconds(spec.jitter)}"] if spec.jitter else []),
        ]
        install = ["", "[Install]", "WantedBy=timers.target"]
        if not spec.enabled:
            install = ["", comment("enabled: false: add [Install] to have it started")]
        head = ["[Unit]", f"Description=Times of Chronos job {self._one.id}"]
        return "\n".join([*self._header(), *head, "", *timer, *install, ""])

    def service(self) -> str:
        """Return the text of the service; CannotSayError for a path that no unit can hold."""
        job = self._one.job
        limit = job.deadline + max((one.deadline for one in job.notices.values()), default=0)
        lines = [
            "[Unit]",
            f"Description=Chronos job {job.id}",
            "Wants=network-online.target",
            "After=network-online.target",
            "",
            "[Service]",
            "Type=oneshot",
            f"ExecStart={' '.join(map(_quoted, self._command))}",
            f"TimeoutStartSec={math.ceil(limit) + _MARGIN}s",
            # Stopped by systemctl, which is no failure.
            "SuccessExitStatus=143",
            *self._variables(),
            *self._credentials(),
        ]
        hardening = _HARDENING.format(home="read-only" if self._in(_HOMES) else "yes")
        return "\n".join([*self._header(), *lines, hardening])

    def _header(self) -> list[str]:
        return [
            comment("Written by chronos export systemd"),
            *(comment(f"note: {note.text}") for note in (*self._common, *self.notes)),
        ]

    def _times(self, schedule: str) -> list[str]:
        try:
            found = calendars(schedule, self._one.job.spec.timezone)
        except CannotSayError:
            parsed = parse_schedule(schedule)
            if isinstance(parsed, Reboot):
                return ["OnBootSec=0s"]
            if not isinstance(parsed, Every):
                raise
            every = _seconds(parsed.interval.total_seconds())
            # The first start, and from it on.
            return [f"OnActiveSec={every}", f"OnUnitActiveSec={every}"]
        return [comment(describe(schedule)), *(f"OnCalendar={one}" for one in found)]

    def _variables(self) -> Iterator[str]:
        known = self._known()
        if not known:
            return
        for name, is_required in known.items():
            yield comment(f"{name} {'(required)' if is_required else '(has a default)'}")
        sign = "" if any(known.values()) else "-"
        yield f"EnvironmentFile={sign}{self._environment_file()}"

    def _environment_file(self) -> str:
        return f"/etc/chronos/{self._one.id}.env"

    def _known(self) -> dict[str, bool]:
        """Return the variables that are to be given; systemd itself gives this one."""
        variables = self._one.variables
        return {name: need for name, need in variables.items() if name != "CREDENTIALS_DIRECTORY"}

    def _credentials(self) -> Iterator[str]:
        taken: dict[str, str] = {}
        for path in self._secret_files():
            if path.startswith(_CREDENTIALS) and _is_plain(path.removeprefix(_CREDENTIALS)):
                yield f"LoadCredential={path.removeprefix(_CREDENTIALS)}"
            elif "$" not in path:
                name = _credential(path, taken)
                yield f"LoadCredential={name}:{_text(path)}"
                # It is read where the job says, by a user who could not read the file itself.
                yield f"BindReadOnlyPaths={_quoted(f'%d/{name}:{path}').replace('%%d', '%d', 1)}"

    def _secret_files(self) -> list[str]:
        """Return the paths of `${file:…}`: absolute ones, and those that a variable decides."""
        config = self._place.config
        pairs = [(self._one.file, path) for path in self._one.secret_files]
        if config is not None:
            pairs += [(config, path) for path in self._one.secret_files_of_config]
        return list(dict.fromkeys(_absolute(file, path) for file, path in pairs))

    def _in(self, folders: Sequence[str]) -> list[str]:
        """Return the paths of the command that are below one of these folders."""
        paths = [*self._command, *self._one.files]
        return [path for path in paths if path.startswith(tuple(folders))]

    def _notes(self) -> Iterator[Note]:
        one, spec = self._one, self._one.job.spec
        yield from notes.of_calendar(one, "systemd")
        yield from notes.of_missed_runs(one, "systemd", makes_up_for_one=True)
        yield from notes.of_starting_deadline(one, "systemd")
        yield from notes.of_clock(one, "systemd", ClockRule.ONCE, self._place.now)
        if spec.concurrency != "forbid":
            yield Note(
                f"concurrency: {spec.concurrency}: systemd never runs a service twice at a time, "
                "and passes over what is due meanwhile",
                one.id,
            )
        yield from self._of_intervals()
        yield from notes.of_templates(one)
        if known := self._known():
            yield Note(f"variables: {', '.join(known)} go into {self._environment_file()}", one.id)
        yield from self._of_paths()

    def _of_intervals(self) -> Iterator[Note]:
        for schedule in self._one.schedules:
            if isinstance(parse_schedule(schedule), Reboot):
                yield Note(
                    "@reboot: systemd runs it when the machine starts, "
                    "and when the timer is started later",
                    self._one.id,
                )
            if any(line.startswith("OnActiveSec=") for line in self._times_or_none(schedule)):
                yield Note(
                    f"schedule: {schedule}: systemd counts from the timer's start, "
                    "and makes up for no missed run",
                    self._one.id,
                )

    def _times_or_none(self, schedule: str) -> list[str]:
        try:
            return self._times(schedule)
        except CannotSayError:
            return []

    def _of_paths(self) -> Iterator[Note]:
        one = self._one
        for path in self._in(_PRIVATE):
            yield Note(f"{path}: the service has a /tmp of its own; move it elsewhere", one.id)
        for path in dict.fromkeys([*self._in(_HOMES), *one.files]):
            yield Note(f"{path}: the user 'chronos' must be able to read it", one.id)
        for path in self._secret_files():
            if "$" in path and not path.startswith(_CREDENTIALS):
                yield Note(f"${{file:{path}}}: add LoadCredential= for it", one.id)


def _absolute(file: JobFile, path: str) -> str:
    """Return the path of a file that another file names."""
    if path.startswith("${"):
        return path
    return posixpath.normpath(posixpath.join(posixpath.dirname(file.path), path))


def _credential(path: str, taken: dict[str, str]) -> str:
    """Return a name for a credential that no other path has."""
    name = posixpath.basename(path)
    if not _is_plain(name) or taken.setdefault(name, path) != path:
        return f"secret-{blake2b(path.encode(), digest_size=4).hexdigest()}"
    return name


def _is_plain(name: str) -> bool:
    return name.isascii() and bool(name) and all(one.isalnum() or one in "._-" for one in name)


def _quoted(word: str) -> str:
    """Return a word of a command line as systemd reads it."""
    text = _text(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return (
        text if text and all(one.isalnum() or one in "/._-=:@%+," for one in text) else f'"{text}"'
    )


def _text(value: str) -> str:
    """Return a value without specifiers; CannotSayError for what no line can hold."""
    if not value.isprintable():
        raise CannotSayError("a path has characters that no unit file can hold")
    return value.replace("%", "%%")


def _seconds(duration: float) -> str:
    return f"{duration:.3f}".rstrip("0").rstrip(".") + "s"
