"""Calls → the texts of jobs, each of them loaded before it is shown."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from msgspec import Struct

from chronos_cli.dispatch import foreign
from chronos_cli.dispatch.importer import CommandLine, Draft, Importer, SecretNames
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import NotImportableError
from chronos_cli.importing.command import Call, call_of
from chronos_cli.importing.crontab import Entry
from chronos_cli.importing.document import job_text, variables_in, with_variable
from chronos_cli.importing.machine import home_of
from chronos_cli.importing.masking import masked
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.files import SourceFile
from chronos_cli.jobs.interpolate import Sources
from chronos_cli.jobs.load import load_jobs
from chronos_cli.jobs.outline import slug
from chronos_cli.redact import Redactor
from chronos_cli.schedule.expression import NICKNAMES

_LONGEST_NAME = 60
# Shorter ones are words of other texts too.
_SHORTEST_SECRET = 8
# The keys of a job as people write them; the target block follows.
_ORDER = (
    "description schedule timezone jitter concurrency timeout deadline retry_policy content_type "
    "payload payload_file"
).split()


class ImportedJob(Struct, frozen=True):
    """A job file: `variables` says of each variable in it what it holds."""

    id: str
    text: str
    variables: dict[str, str]
    remarks: list[str]


class LeftOut(Struct, frozen=True):
    """A line of a crontab that is no job, and why."""

    line: int
    text: str
    reason: str


class Imports:
    """Makes jobs of calls. `secrets` are those of all of them, `zone` that of the machine.

    `source` is what a crontab is called.
    """

    def __init__(self, registry: Registry, zone: str = "UTC", source: str = "") -> None:
        self._registry = registry
        self._importers = dict(_importers(registry))
        self._zone = zone
        self._source = source
        self._names: set[str] = set()
        self.secrets = SecretNames()

    def of_entry(self, entry: Entry) -> ImportedJob | LeftOut:
        """Return the job of a line of a crontab, or why there is none."""
        try:
            return self._job_of_entry(entry)
        except NotImportableError as error:
            return LeftOut(entry.line, entry.text, str(error))

    def of_command(
        self, text: str, folder: str, variables: Mapping[str, str], stdin: str | None = None
    ) -> ImportedJob:
        """Return the job of a command line; NotImportableError, with the reason, for others."""
        call = call_of(text, folder, variables, stdin)
        if call.seconds or call.jitter:
            raise NotImportableError("it waits first, and has no schedule")
        return self._job(call, {}, f"From a command line of {call.program}.")

    def _job_of_entry(self, entry: Entry) -> ImportedJob:
        if entry.flaw:
            raise NotImportableError(entry.flaw)
        variables = {"HOME": home_of(entry.user), **entry.variables}
        call = call_of(entry.command, variables["HOME"], variables, entry.stdin)
        if (delay := entry.variables.get("RANDOM_DELAY", "")).isdecimal():
            call.jitter += 60 * int(delay)  # of cronie, in minutes
        keys = {"description": masked(entry.comment, Redactor())} if entry.comment else {}
        keys["schedule"] = _with_seconds(entry.schedule, call.seconds)
        keys["timezone"] = entry.variables.get("CRON_TZ") or self._zone
        if call.jitter:
            keys["jitter"] = f"{call.jitter}s"
        user = f", run as {entry.user}" if entry.user else ""
        return self._job(call, keys, f"From line {entry.line} of {self._source}{user}.")

    def _job(self, call: Call, keys: dict[str, Any], origin: str) -> ImportedJob:
        draft = self._without_values(self._draft(call))
        if call.forbids_overlap:
            keys["concurrency"] = "forbid"
        keys |= {"retry_policy": {"max_attempts": 1}, **draft.keys}
        if call.limit is not None:
            _limit(keys, call.limit)
        name = self._unique(slug(draft.place)[:_LONGEST_NAME].strip("-._") or call.program)
        keys = {"name": name, **{key: keys[key] for key in _ORDER if key in keys}, **keys}
        remarks = list(dict.fromkeys([*call.remarks, *draft.remarks]))
        variables = {
            one: draft.secrets.get(one) or self._origin_of(one, call) for one in variables_in(keys)
        }
        needed = [f"Needs {one}: {what}." for one, what in variables.items()]
        text = job_text(keys, [origin, *needed, *(f"Note: {remark}." for remark in remarks)])
        self._prove(text)
        self._names.add(name)
        return ImportedJob(name, text, variables, remarks)

    def _draft(self, call: Call) -> Draft:
        importer = self._importers.get(call.program)
        if importer is None:
            raise NotImportableError(self._unknown(call))
        line = CommandLine(
            words=call.words,
            folder=call.folder,
            stdin=call.stdin,
            variables=call.variables,
            limit=call.limit,
            secrets=self.secrets,
        )
        try:
            draft = foreign.call(partial(importer, line))
        except foreign.PluginError as failure:
            if isinstance(failure.error, NotImportableError):
                raise failure.error from None
            raise NotImportableError(f"its importer failed: {failure}") from failure
        if not isinstance(draft, Draft):
            raise NotImportableError(f"its importer made no draft of {call.program}")
        return draft

    def _without_values(self, draft: Draft) -> Draft:
        """Put the variable of a secret wherever else its value stands in the call."""
        for name in draft.secrets:
            value = self.secrets.values[name]
            if len(value) >= _SHORTEST_SECRET:
                draft.keys = with_variable(draft.keys, value, name)
                draft.place = draft.place.replace(value, "")
        return draft

    def _origin_of(self, variable: str, call: Call) -> str:
        if not self._source:
            return "a variable of the command line"
        sets = "sets it" if variable in call.variables else "does not set it"
        return f"a variable of the command line; the crontab {sets}"

    def _unknown(self, call: Call) -> str:
        """Return why nothing is known of a program; it may be a user, before the program."""
        if len(call.words) > 1 and PurePosixPath(call.words[1]).name in self._importers:
            return f"'{call.program}' is no known program; if it is a user, add --system"
        known = ", ".join(sorted(self._importers))
        return f"'{call.program}' is none of the programs whose calls are known: {known}"

    def _unique(self, name: str) -> str:
        number, found = 1, name
        while found in self._names:
            number += 1
            found = f"{name}-{number}"
        return found

    def _prove(self, text: str) -> None:
        """Load a job as `validate --no-env` does; NotImportableError for what is wrong in it."""
        source = SourceFile("imported.yaml", text.encode())
        loaded = load_jobs([source], Config(), self._registry, Sources(None, Redactor()))
        if loaded.problems:
            problem = loaded.problems[0]
            raise NotImportableError(f"it would be no sound job: {problem.path}: {problem.message}")


def _importers(registry: Registry) -> Iterator[tuple[str, Importer]]:
    """Yield the programs whose calls a protocol can make; one that is broken has none."""
    for key in registry.target_keys():
        with suppress(ImportError):
            found: object = registry.kind(key).importers
            if isinstance(found, Mapping):
                yield from found.items()


def _with_seconds(schedule: str, seconds: int) -> str:
    """Return a schedule that fires so many seconds later."""
    if not seconds:
        return schedule
    if seconds > 59 or (schedule.startswith("@") and schedule not in NICKNAMES):
        raise NotImportableError(f"it waits {seconds}s first")
    return f"{seconds} {NICKNAMES.get(schedule, schedule)}"


def _limit(keys: dict[str, Any], limit: float) -> None:
    """Take over the limit of a call with all its attempts, in seconds."""
    is_tried_again = keys.get("retry_policy", {}).get("max_attempts", 1) > 1
    keys.setdefault("deadline" if is_tried_again else "timeout", f"{limit:g}s")
