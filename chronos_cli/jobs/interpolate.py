"""`${VAR}` and `${file:…}` in values, with the rules of Docker Compose.

`${VAR}`, `${VAR:-default}`, `${VAR-default}`, `${VAR:?message}`, `${VAR?message}`,
`${VAR:+other}`, `${VAR+other}`, nested to any useful depth; `$$` is a dollar sign, and a `$`
before anything but `{` or `$` is itself; of `$NAME` in capitals there is a warning.
`${file:path}` is the text of a file, less one trailing newline.
"""

import re
from collections.abc import Mapping as Environment
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from chronos_cli.errors import FileTooLargeError, UnreadableFileError
from chronos_cli.files import read_text
from chronos_cli.jobs.faults import Faults
from chronos_cli.jobs.nodes import Node, Scalar, Sequence, position_in
from chronos_cli.jobs.problems import ProblemList, TooManyProblemsError
from chronos_cli.problems import Path as ProblemPath
from chronos_cli.problems import Problem, format_path
from chronos_cli.redact import Redactor, bears_secret, url_secrets

MAX_SECRET_FILE = 1024 * 1024
_MAX_NESTING = 20
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
# `${env:NAME}`, and `${{ secrets.NAME }}` of GitHub's workflows.
_OF_ENV = rf"[:.]({_NAME})}}"
_OF_GITHUB = rf"\$\{{\{{\s*(?:secrets|env|vars)\.({_NAME})\s*\}}\}}"
_OPERATOR = r":?[-?+]"
_UNCLOSED = "'${' is not closed"
_CLOSE_IT = "close it with '}', or write '$${'"
_SPECIAL = r"[$}]"
# What was meant as a variable, most likely: other languages need no braces.
_BARE = r"\$([A-Z][A-Z0-9_]++)(?![a-z])"
_TEMPLATE_OPENERS = ("{{", "{%", "{#")
# Characters that `${…}` may bring into one file, in all.
MAX_BROUGHT_IN = 64 * 1024 * 1024
_TOO_MUCH = f"'${{…}}' brings in more than {MAX_BROUGHT_IN // 2**20} MiB of text"


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Return a pattern, compiled when it is first used."""
    return re.compile(text)


class Sources(Struct, frozen=True):
    """Where the values come from. `environment` None means "not at hand": nothing is looked up.

    `files` gathers the names of those that were read. `secret_names` are variables that hold a
    secret though their names do not say so.
    """

    environment: Environment[str, str] | None
    redactor: Redactor
    files: set[str] = msgspec.field(default_factory=set)
    secret_names: set[str] = msgspec.field(default_factory=set)


class _FaultError(Exception):
    is_absence = False

    def __init__(self, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.hint = hint


class _AbsenceError(_FaultError):
    """A variable is not set, or a file is not there."""

    is_absence = True


class Interpolation:
    """Replaces every `${…}` in the documents of one file; `problems` has what could not be.

    With `faults`, these have it, for whoever needs the value. Files are looked up from the folder
    of the file that names them. Secret values are made known to the redactor.
    """

    def __init__(
        self, sources: Sources, problems: ProblemList, faults: Faults | None = None
    ) -> None:
        self._sources = sources
        self._redactor = sources.redactor
        self._problems = problems
        self._faults = faults
        self._room = [MAX_BROUGHT_IN]
        # Keys are few, and each value under them asks.
        self._bears_secret: dict[str, bool] = {}

    def replace_below(self, node: Node, path: ProblemPath = (), key: str = "") -> None:
        """Replace below a node, in place; `key` is what it stands under, also as a list's item."""
        if isinstance(node, Scalar):
            self._scalar(node, path, key)
        elif isinstance(node, Sequence):
            for index, item in enumerate(node.items):
                self.replace_below(item, (*path, index), key)
        else:
            for name, entry in node.entries.items():
                self.replace_below(entry.value, (*path, name), name)

    def _scalar(self, node: Scalar, path: ProblemPath, key: str) -> None:
        text = node.text
        if "{" in text:
            node.template = any(opener in text for opener in _TEMPLATE_OPENERS)
        if "$" in text:
            self._replace(node, path, key)
        elif not node.template:
            is_secret = self._bears_secret.get(key)
            if is_secret is None:
                is_secret = self._bears_secret[key] = bears_secret(key)
            if is_secret or "://" in text:
                self._note(text, [text] if is_secret else [], from_outside=False)

    def _replace(self, node: Scalar, path: ProblemPath, key: str) -> None:
        expansion = _Expansion(self._sources, Path(node.file).parent, self._room)
        try:
            text = expansion.expand(node.text, escape=node.template)
        except _FaultError as fault:
            position = position_in(node, fault.offset)
            problem = Problem(position, str(fault), format_path(path), fault.hint)
            node.unknown = True  # so that nothing else is said of it
            if self._faults is None:
                self._problems.add(problem)
            else:
                self._keep(node, problem, is_absence=fault.is_absence)
            return
        secrets = list(expansion.secrets)
        is_outside = bool(expansion.from_environment)
        if bears_secret(key, from_outside=is_outside) and not expansion.unknown:
            secrets += [*expansion.from_environment, text]
        self._note(text, secrets, from_outside=is_outside)
        node.bare = _bare_variable(node.text)
        node.text = text
        node.interpolated = node.interpolated or expansion.replaced
        node.unknown = node.unknown or expansion.unknown

    def _keep(self, node: Scalar, problem: Problem, *, is_absence: bool) -> None:
        assert self._faults is not None
        try:
            self._faults.add(node, problem, is_absence=is_absence)
        except TooManyProblemsError:
            self._problems.add(problem)
            raise

    def _note(self, text: str, secrets: list[str], *, from_outside: bool) -> None:
        """Have secrets masked from now on, those in the parameters of a URL too."""
        if "://" in text:
            secrets = [*secrets, *url_secrets(text, from_outside=from_outside)]
        for secret in secrets:
            self._redactor.add(secret)


def _bare_variable(text: str) -> str:
    """Return the name of the first `$NAME`; empty where there is none but `$$NAME`."""
    for match in _pattern(_BARE).finditer(text):
        begin = match.start()
        while begin and text[begin - 1] == "$":
            begin -= 1
        if (match.start() - begin) % 2 == 0:
            return match[1]
    return ""


class _Expansion:
    """One scalar's replacement, remembering what came from outside."""

    def __init__(self, sources: Sources, folder: Path, room: list[int]) -> None:
        self._sources = sources
        self._room = room
        self._environment = sources.environment
        self._folder = folder
        self.from_environment: list[str] = []
        # What is to be masked wherever it stands: from files, and from variables named like it.
        self.secrets: list[str] = []
        self.replaced = False
        self.unknown = False

    def expand(self, text: str, *, escape: bool) -> str:
        """Return the text with all replaced; `escape` keeps brought-in braces out of templates."""
        if "${" not in text:
            return text.replace("$$", "$")
        result, end = self._until(text, 0, closing=False, nesting=0, escape=escape)
        assert end == len(text)
        return result

    def _until(
        self, text: str, start: int, *, closing: bool, nesting: int, escape: bool = False
    ) -> tuple[str, int]:
        """Expand up to the closing brace, or to the end; return the text and where it ended."""
        parts: list[str] = []
        at = start
        while at < len(text):
            if closing and text[at] == "}":
                return "".join(parts), at
            if text.startswith("$$", at):
                parts.append("$")
                at += 2
            elif text.startswith("${", at):
                begin = at
                value, at = self._variable(text, at, nesting)
                self._room[0] -= len(value)
                if self._room[0] < 0:
                    raise _FaultError(_TOO_MUCH, begin, "use payload_file for what is large")
                parts.append(_inert(value) if escape else value)
            else:
                # Up to the next character that may mean something.
                match = _pattern(_SPECIAL).search(text, at + 1)
                end = match.start() if match else len(text)
                parts.append(text[at:end])
                at = end
        if closing:
            raise _FaultError(_UNCLOSED, max(start - 2, 0), _CLOSE_IT)
        return "".join(parts), at

    def _variable(self, text: str, start: int, nesting: int) -> tuple[str, int]:
        if nesting >= _MAX_NESTING:
            raise _FaultError(f"'${{' is nested more than {_MAX_NESTING} deep", start)
        self.replaced = True
        if text.startswith("file:", start + 2):
            name, end = self._until(text, start + 7, closing=True, nesting=nesting + 1)
            return self._file(name, start), end + 1
        match = _pattern(_NAME).match(text, start + 2)
        if match is None:
            other = _pattern(_OF_GITHUB).match(text, start)
            hint = f"write ${{{other[1] if other else 'NAME'}}}, or $$ for a dollar sign"
            raise _FaultError("'${' is not followed by a variable's name", start, hint)
        name, at = match[0], match.end()
        if text.startswith("}", at):
            return self._required(name, start, None), at + 1
        operator = _pattern(_OPERATOR).match(text, at)
        if at == len(text):
            raise _FaultError(_UNCLOSED, start, _CLOSE_IT)
        if operator is None:
            hint = "the forms are ${V}, ${V:-default}, ${V:?message} and ${V:+other}"
            if name == "env" and (named := _pattern(_OF_ENV).match(text, at)):
                hint = f"write ${{{named[1]}}}"
            raise _FaultError(f"cannot read what follows '${{{name}'", start, hint)
        return self._operation(text, name, operator[0], operator.end(), start, nesting)

    def _operation(  # noqa: PLR0913, PLR0917
        self, text: str, name: str, operator: str, at: int, start: int, nesting: int
    ) -> tuple[str, int]:
        """Carry out one operator; its word counts only when it is chosen."""
        value = None if self._environment is None else self._environment.get(name)
        present = value is not None and not (operator[0] == ":" and value == "")
        chosen = present == (operator[-1] == "+")
        # The word that is not chosen must be well formed, but its values do not matter.
        nothing = Sources(None, self._sources.redactor)
        reader = self if chosen else _Expansion(nothing, self._folder, self._room)
        word, end = reader._until(text, at, closing=True, nesting=nesting + 1)  # noqa: SLF001
        end += 1
        if operator[-1] == "+":
            return (word if present else ""), end
        if present and value is not None:
            return self._used(name, value, start), end
        if operator[-1] == "?":
            return self._required(name, start, word), end
        return (self._used(name, word, start) if self._is_secret(name) else word), end

    def _is_secret(self, name: str) -> bool:
        return name in self._sources.secret_names or bears_secret(name, from_outside=True)

    def _required(self, name: str, start: int, message: str | None) -> str:
        if self._environment is None:
            self.unknown = True
            return f"${{{name}}}"
        value = self._environment.get(name)
        if value is None or (message is not None and value == ""):
            hint = f"set {name}, or give a default: ${{{name}:-…}}"
            why = f": {message}" if message else ""
            raise _AbsenceError(f"variable '{name}' is not set{why}", start, hint)
        return self._used(name, value, start)

    def _used(self, name: str, value: str, start: int) -> str:
        """Return the value of a variable, which must be text, having noted it."""
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                message = f"variable '{name}' holds bytes that are not UTF-8"
                raise _FaultError(
                    message, start, "what is no text goes in a payload_file"
                ) from None
        self.from_environment.append(value)
        if self._is_secret(name):
            self.secrets.append(value)
        return value

    def _file(self, name: str, start: int) -> str:
        if self._environment is None:
            self.unknown = True
            return f"${{file:{name}}}"
        path = str(self._folder / name)
        self._sources.files.add(path)
        try:
            text = read_text(path, MAX_SECRET_FILE)
        except FileTooLargeError as error:
            raise _FaultError(f"file '{name}' is larger than 1 MiB", start) from error
        except UnreadableFileError as error:
            from chronos_cli.jobs.value_advice import home_instead  # only on failure

            message = f"cannot read file '{name}': {error}"
            raise _AbsenceError(message, start, home_instead(name)) from error
        text = text.removesuffix("\n").removesuffix("\r")
        self.secrets.append(text)
        return text


def _inert(value: str) -> str:
    """Keep a brought-in value from being read as a template: its braces become quoted text."""
    return value.replace("{", "{{ '{' }}")
