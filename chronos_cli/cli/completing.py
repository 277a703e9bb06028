"""What a shell completes a command line with: the words that may stand where the cursor is.

Everything is looked up within a fraction of a second, and nothing is told of what goes wrong.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence
from enum import Enum

from chronos_cli.cli.arguments import Parameter, parameters_of
from chronos_cli.cli.commands import GROUPS, SUMMARIES, command_of, split_name
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.streams import streams
from chronos_cli.errors import ChronosError
from chronos_cli.jobs.scope import Outline
from chronos_cli.report.text import printable

# How long job files are read, in seconds, and how many executions are offered.
_PATIENCE = 0.07
_MOST_EXECUTIONS = 30
_GENERAL = {"--help": "Show the help.", "--version": "Show the version."}

# Words and what they mean; None for names of files, which the shell knows best.
Words = dict[str, str] | None


def answer(shell: str, words: Sequence[str]) -> ExitCode:
    """Print what the shell's script (`completion.py`) reads; bash hands over a whole line."""
    if shell == "bash":
        words = _split(words[0] if words else "")[1:]
    line = list(words) or [""]
    try:
        found = _Completion(line).words()
    except (ChronosError, OSError):
        found = {}
    lines = ["files"] if found is None else ["words", *_lines(shell, line[-1], found)]
    streams.stdout.write("".join(f"{line}\n" for line in lines))
    return ExitCode.SUCCESS


def _split(line: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError:  # amid quotes
        words = line.split()
    return [*words, ""] if line[-1:].isspace() or not words else words


def _lines(shell: str, current: str, words: dict[str, str]) -> Iterator[str]:
    """Yield the words that go on from what is there, as a shell reads them."""
    # Bash replaces what stands behind the last of these only.
    kept = max(current.rfind("="), current.rfind(":")) + 1 if shell == "bash" else 0
    shown = {printable(word): printable(meaning) for word, meaning in words.items()}
    for word, meaning in shown.items():
        if not word.startswith(current):
            continue
        written = word.replace(":", r"\:") if shell == "zsh" else word[kept:]
        if shell == "bash":  # which takes it as it is; a tag is whatever a job file says
            written = shlex.quote(written)
        separator = {"zsh": ":", "fish": "\t"}.get(shell)
        yield f"{written}{separator}{meaning}" if separator and meaning else written


class _Completion:
    """The words that may stand in the place of the last one of a line."""

    def __init__(self, line: list[str]) -> None:
        self._line = line
        self._current = line[-1]
        # What stands before it: the values of each parameter.
        self._given: dict[str, list[str]] = {}
        self._before: Sequence[str] = ()

    def words(self) -> Words:
        """Return them; raises ChronosError for what cannot be looked up."""
        if len(self._line) == 1:
            return _GENERAL if self._current.startswith("-") else _commands()
        name, rest = split_name(self._line[:-1])
        if self._line[0] == "help":
            return _commands()
        if name is None:
            group = f"{self._line[0]} "
            return {
                one.removeprefix(group): words
                for one, words in SUMMARIES.items()
                if one.startswith(group)
            }
        self._before = rest
        return self._of_command(list(parameters_of(command_of(name))))

    def _of_command(self, parameters: list[Parameter]) -> Words:
        options = {name: parameter for parameter in parameters for name in parameter.names}
        position = next((one for one in parameters if not one.names), None)
        wanted = self._read(options, position)
        if wanted is not None:
            return self._values(wanted)
        name, sign, _ = self._current.partition("=")
        if sign and name in options:
            values = self._values(options[name])
            return values and {f"{name}={word}": meaning for word, meaning in values.items()}
        if self._current.startswith("-"):
            return {
                name: _help(one)
                for name, one in options.items()
                if name.startswith("--") and not one.declared.settings.get("hidden")
            }
        return self._values(position) if position is not None else {}

    def _read(self, options: dict[str, Parameter], position: Parameter | None) -> Parameter | None:
        """Take in what stands before; return the option whose value is to come, if one is."""
        wanted: Parameter | None = None
        for word in self._before:
            name, sign, text = word.partition("=")
            if wanted is not None:
                self._given.setdefault(wanted.name, []).append(word)
                wanted = None
            elif name not in options:
                if position is not None:
                    self._given.setdefault(position.name, []).append(word)
            elif sign:
                self._given.setdefault(options[name].name, []).append(text)
            elif options[name].type is not bool:
                wanted = options[name]
        return wanted

    def _values(self, parameter: Parameter) -> Words:
        """Return what may be a value of a parameter."""
        if issubclass(parameter.type, Enum):
            return {str(member.value): "" for member in parameter.type}
        words = parameter.declared.words
        is_path = parameter.declared.settings.get("metavar") == "PATH"
        if words == "files" or (words is None and is_path):
            return None
        return self._sources()[words]() if words else {}

    def _sources(self) -> dict[str, Callable[[], Words]]:
        return {
            "jobs": self._job_ids,
            "tags": self._tags,
            "executions": self._executions,
            "protocols": _protocols,
            "keys": self._keys,
        }

    def _outlines(self) -> Iterator[Outline]:
        from chronos_cli.jobs.outlines import outlines_of  # reads YAML

        paths = [*self._given.get("jobs", []), *self._given.get("paths", [])]
        return outlines_of(paths, _PATIENCE)

    def _job_ids(self) -> Words:
        known = {one.id: "" for one in self._outlines() if one.id}
        return known or {job_id: "" for job_id, _, _ in self._recorded()}

    def _tags(self) -> Words:
        pairs = [pair for one in self._outlines() for pair in one.tags.items()]
        return {f"{key}={value}": "" for key, value in pairs if value}

    def _executions(self) -> Words:
        return {
            execution_id: f"{job_id} {status}" for job_id, execution_id, status in self._recorded()
        }

    def _keys(self) -> Words:
        """Return the keys of the level that the cursor is at."""
        from chronos_cli.dispatch.registry import Registry
        from chronos_cli.jobs.explain import find_key, top_keys

        above, dot, _ = self._current.rpartition(".")
        level = find_key(Registry(), above).children() if dot else top_keys(Registry())
        return {key.path: key.meaning for key in level.values()}

    def _recorded(self) -> list[tuple[str, str, str]]:
        """Return job, ID and status of what ran last."""
        from chronos_cli.cli.recording import stored  # SQLite
        from chronos_cli.state.entries import HistoryFilter

        named = self._given.get("state")
        with stored(named[-1] if named else None) as store:
            entries = store.history(HistoryFilter(limit=_MOST_EXECUTIONS)) if store else []
        return [(one.job_id, one.execution_id, one.status.value) for one in entries]


def _commands() -> dict[str, str]:
    """Return the first words of all commands."""
    single = {name: words for name, words in SUMMARIES.items() if " " not in name}
    return single | GROUPS


def _help(parameter: Parameter) -> str:
    return str(parameter.declared.settings.get("help", ""))


def _protocols() -> Words:
    from chronos_cli.dispatch.registry import Registry
    from chronos_cli.jobs.model import loadable

    kinds = loadable(Registry())
    return {**{kind.protocol: key for key, kind in kinds.items()}, **dict.fromkeys(kinds, "")}
