"""Jobs as a crontab."""

import shlex
from collections.abc import Iterator, Sequence

from chronos_cli.export import notes
from chronos_cli.export.clockchange import ClockRule, first_difference
from chronos_cli.export.expression import DayRule, Expression, expressions
from chronos_cli.export.model import (
    CannotSayError,
    Export,
    Exportable,
    Note,
    Place,
    command_line,
    comment,
)

FILE = "chronos.crontab"
# What Debian's cron takes as a command.
_LONGEST = 990
# The minute that cron is in: with it the execution has the ID that `chronos cron` would give it.
_NOW = "$(date -u +%Y-%m-%dT%H:%M:00Z)"


def crontab(jobs: Sequence[Exportable], place: Place) -> Export:
    """Return jobs as one crontab."""
    writer = _Crontab(place)
    for one in jobs:
        writer.add(one)
    return writer.export()


class _Crontab:
    """Gathers the lines of a crontab."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lines: list[str] = []
        self._notes: list[Note] = []
        self._refusals: list[Note] = []
        self._zones: list[str] = []

    def add(self, one: Exportable) -> None:
        """Add a job, or why it cannot be."""
        try:
            lines = self._lines_of(one)
        except CannotSayError as error:
            refusal = Note(f"crontab cannot run it: {error}", one.id)
            self._refusals.append(refusal)
            self._lines += ["", comment(f"{one.id}: {refusal.text}")]
            return
        found = list(self._notes_of(one))
        self._notes += found
        self._lines += ["", comment(one.id), *(comment(f"note: {note.text}") for note in found)]
        for expression, command in lines:
            if self._zones[-1:] != [expression.zone]:
                self._zones.append(expression.zone)
                self._lines.append(f"CRON_TZ={expression.zone}")
            off = "" if one.job.spec.enabled else "# enabled: false # "
            self._lines.append(f"{off}{expression.text} {command}")

    def export(self) -> Export:
        """Return what was gathered."""
        zones = ", ".join(dict.fromkeys(self._zones))
        common = notes.of_loop(self._place, "crontab")
        if zones:
            common.append(
                Note(
                    f"CRON_TZ is read by cronie; Debian's cron runs all by the machine's zone, "
                    f"which there has to be that of the jobs: {zones}"
                )
            )
        head = [
            comment("Written by chronos export crontab; install it with: crontab FILE"),
            *(comment(f"note: {note.text}") for note in common),
            "SHELL=/bin/sh",
        ]
        text = "\n".join([*head, *self._lines, ""])
        return Export({FILE: text}, (*common, *self._notes), tuple(self._refusals))

    def _lines_of(self, one: Exportable) -> list[tuple[Expression, str]]:
        found = [
            expression
            for schedule in one.schedules
            for expression in expressions(schedule, one.job.spec.timezone, DayRule.DEBIAN)
        ]
        return [(expression, self._command(one)) for expression in dict.fromkeys(found)]

    def _command(self, one: Exportable) -> str:
        words = command_line(one, self._place)
        if any(not letter.isprintable() for word in words for letter in word):
            raise CannotSayError("a path has characters that no line of a crontab can hold")
        run, *rest = (shlex.quote(word) for word in words)
        at = f'--scheduled-time "{_NOW}"'
        command = " ".join([run, rest[0], at, *rest[1:]])
        if jitter := int(one.job.spec.jitter):
            at = 'T="' + _NOW + '"; sleep "$(shuf -n 1 -i 0-' + str(jitter) + ')"; '
            command = at + " ".join([run, rest[0], '--scheduled-time "$T"', *rest[1:]])
        escaped = command.replace("%", "\\%")
        if len(escaped) > _LONGEST:
            raise CannotSayError(f"its line is longer than {_LONGEST} characters")
        return escaped

    def _notes_of(self, one: Exportable) -> Iterator[Note]:
        spec = one.job.spec
        yield from notes.of_calendar(one, "crontab")
        yield from notes.of_meeting(one, "crontab")
        yield from notes.of_missed_runs(one, "crontab", makes_up_for_one=False)
        yield from self._of_clock(one)
        if spec.concurrency == "replace":
            yield Note("concurrency: replace: crontab ends no run that is still going on", one.id)
        if 0 < spec.jitter < 1:
            yield Note("jitter: less than a second is left out", one.id)
        yield from notes.of_templates(one)
        if one.variables and not self._place.env_files:
            names = ", ".join(one.variables)
            yield Note(
                f"variables: cron hands none on, and the job reads {names}: "
                "export again with --env-file FILE, which the command then names",
                one.id,
            )

    def _of_clock(self, one: Exportable) -> Iterator[Note]:
        """Yield where a cron that reads the wall clock alone would differ."""
        zone = one.job.spec.timezone
        for schedule in one.schedules:
            if found := first_difference(schedule, zone, ClockRule.TWICE, self._place.now):
                yield Note(
                    "clock change: the crons of Debian and Fedora do as Chronos where the zone of "
                    f"the machine is {zone}; elsewhere, and under other crons, it differs "
                    f"{found.words}",
                    one.id,
                )
