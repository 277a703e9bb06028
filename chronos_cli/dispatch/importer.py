"""Command lines that become jobs: what an importer of a protocol is given, and what it makes.

A protocol names the programs whose calls it can make itself (`Plugin.importers`): HTTP knows
`curl`, for example. An importer is handed one call and returns the keys of a job.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from chronos_cli.errors import NotImportableError

# No argument of a program can hold it, so it marks where a variable stands in one.
_MARK = "\0"
_REFERENCE = f"{_MARK}([A-Za-z_][A-Za-z0-9_]*){_MARK}"


def reference(name: str) -> str:
    """Return what stands in a word, or in a value of a draft, for a variable."""
    return f"{_MARK}{name}{_MARK}"


def replace_references(text: str, make: Callable[[str], str]) -> str:
    """Return a text with each variable replaced by what is made of its name."""
    return re.sub(_REFERENCE, lambda match: make(match[1]), text)


def references_in(text: str) -> list[str]:
    """Return the names of the variables that stand in a text."""
    found: list[str] = re.findall(_REFERENCE, text)
    return found


def has_reference(text: str) -> bool:
    """Whether a variable stands in a text."""
    return _MARK in text


class SecretNames:
    """The variables that stand for the secrets of command lines: one for each value.

    `values` are the secrets by the name of their variable.
    """

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def name_of(self, value: str, wanted: str) -> str:
        """Return the variable for a secret: named as wanted, numbered where that has another."""
        stem = re.sub(r"[^A-Z0-9]+", "_", wanted.upper()).strip("_")
        stem = f"_{stem}" if stem[:1].isdigit() else stem
        name, number = stem, 1
        while self.values.setdefault(name, value) != value:
            number += 1
            name = f"{stem}_{number}"
        return name


class CommandLine(Struct, frozen=True, kw_only=True):
    """One call of a program: `words` are its name and its arguments, as a shell hands them over.

    `folder` is where it runs, `stdin` what it may read, `variables` its environment as far as
    that is known, `limit` the seconds after which it is ended from outside. A variable whose value
    is not known stands in a word as `reference` writes it.
    """

    words: list[str]
    folder: str
    stdin: str | None = None
    variables: Mapping[str, str] = {}
    limit: float | None = None
    secrets: SecretNames = msgspec.field(default_factory=SecretNames)

    @property
    def arguments(self) -> list[str]:
        """The words behind the program's name."""
        return self.words[1:]


class Draft(Struct, kw_only=True):
    """A job that sends what a call would send.

    `place` is where that goes, for the job's name. `keys` are those of the job, its target block
    among them; texts hold variables as `reference` writes them. `secrets` says of each variable
    what it holds. `remarks` tell what of the call is not carried over.
    """

    place: str
    keys: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    remarks: list[str] = []


def hidden(call: CommandLine, draft: Draft, value: str, name: str, what: str) -> str:
    """Return what stands for a secret in a draft: a variable, named so or much like it."""
    if has_reference(value) or not value:
        return value
    found = call.secrets.name_of(value, name)
    draft.secrets[found] = what
    return reference(found)


def options_of(
    call: CommandLine, short: str, long: Sequence[str]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the options of a call and its other words, read as `getopt` does.

    Raises NotImportableError for an option that is not named.
    """
    import getopt

    try:
        return getopt.gnu_getopt(call.arguments, short, long)
    except getopt.GetoptError as error:
        raise NotImportableError(f"{call.words[0]}: {error.msg}") from None


def shown(text: str) -> str:
    """Return a word for a message, variables as a shell has them."""
    return replace_references(text, lambda name: f"${name}")


# Returns the draft of a call; NotImportableError, with the reason, for one that cannot be made.
Importer = Callable[[CommandLine], Draft]
