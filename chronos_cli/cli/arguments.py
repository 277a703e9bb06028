"""What a command takes, declared beside its parameters, and the reading of a command line.

A sound command line is read here. One that is not, or that asks for help, is left to Typer, which
takes long to import: it is built from the same declarations (`usage.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args, get_origin

from msgspec import Struct

Command = Callable[..., int]


class Option(Struct, frozen=True):
    """An option; without names it is called like its parameter.

    `settings` are those that Typer takes by the same names (help, metavar, show_default). `min`
    and `max` bound a number. `words` names what a shell completes a value with: see
    `completing.py`.
    """

    names: tuple[str, ...]
    min: int | None
    max: int | None
    words: str | None
    settings: dict[str, Any]


class Argument(Struct, frozen=True):
    """A positional argument; `words` as those of an option."""

    words: str | None
    settings: dict[str, Any]


def option(
    *names: str,
    min: int | None = None,  # noqa: A002 - as in Typer
    max: int | None = None,  # noqa: A002
    words: str | None = None,
    **settings: Any,
) -> Option:
    """Declare an option."""
    return Option(names, min, max, words, settings)


def argument(words: str | None = None, **settings: Any) -> Argument:
    """Declare a positional argument."""
    return Argument(words, settings)


class Parameter(Struct, frozen=True):
    """A parameter of a command: its declaration, and the type of one value."""

    name: str
    declared: Option | Argument
    type: type
    is_list: bool
    is_required: bool
    default: Any

    @property
    def names(self) -> tuple[str, ...]:
        """What an option is called on the command line; nothing for an argument."""
        if isinstance(self.declared, Argument):
            return ()
        return self.declared.names or (f"--{self.name.replace('_', '-')}",)

    def value_of(self, text: str) -> Any:
        """Read one value; ValueError when it is none."""
        value = self.type(text)
        if isinstance(value, int) and isinstance(self.declared, Option):
            low, high = self.declared.min, self.declared.max
            if (low is not None and value < low) or (high is not None and value > high):
                raise ValueError(f"{value} is out of range")
        return value


def parameters_of(command: Command) -> Iterator[Parameter]:
    """Yield the parameters of a command, in order."""
    code = command.__code__
    names = code.co_varnames[: code.co_argcount]
    defaults = command.__defaults__ or ()
    first = len(names) - len(defaults)
    for index, name in enumerate(names):
        annotated = command.__annotations__[name]
        inner, is_list = _value_type(annotated.__origin__)
        is_required = index < first
        default = None if is_required else defaults[index - first]
        declared = annotated.__metadata__[0]
        yield Parameter(name, declared, inner, is_list, is_required, default)


def _value_type(annotation: Any) -> tuple[type, bool]:
    """Return the type of one value, and whether there may be several: `list[str] | None`."""
    for part in get_args(annotation) or (annotation,):
        if part is not type(None):
            annotation = part if get_origin(annotation) is not list else annotation
            break
    if get_origin(annotation) is list:
        return get_args(annotation)[0], True
    return annotation, False


def values_of(command: Command, words: Sequence[str]) -> dict[str, Any] | None:
    """Return a command's arguments by name; None for words that are not sound, or ask for help."""
    try:
        return _Reading(command).values(list(words))
    except (LookupError, ValueError):
        return None


class _Reading:
    """Reads the words of one command line; raises LookupError or ValueError where they end it."""

    def __init__(self, command: Command) -> None:
        self._options: dict[str, Parameter] = {}
        self._positional: Parameter | None = None
        self._found: dict[str, Any] = {}
        self._missing: set[str] = set()
        for parameter in parameters_of(command):
            self._found[parameter.name] = parameter.default
            if parameter.is_required:
                self._missing.add(parameter.name)
            if isinstance(parameter.declared, Argument):
                self._positional = parameter
                continue
            self._options.update(dict.fromkeys(parameter.names, parameter))

    def values(self, words: list[str]) -> dict[str, Any]:
        """Return the values by parameter."""
        words.reverse()
        while words:
            word = words.pop()
            if word == "--":
                for rest in reversed(words):
                    self._take_positional(rest)
                break
            if len(word) > 1 and word.startswith("-"):
                self._take_option(word, words)
            else:
                self._take_positional(word)
        if self._missing:
            raise LookupError
        return self._found

    def _take_option(self, word: str, words: list[str]) -> None:
        name, sign, text = word.partition("=") if word.startswith("--") else (word, "", "")
        parameter = self._options[name]
        if parameter.type is bool:
            if sign:
                raise ValueError
            self._found[parameter.name] = True
        else:
            self._keep(parameter, text if sign else words.pop())

    def _take_positional(self, word: str) -> None:
        parameter = self._positional
        if parameter is None:
            raise LookupError
        self._keep(parameter, word)
        if not parameter.is_list:
            self._positional = None

    def _keep(self, parameter: Parameter, text: str) -> None:
        value = parameter.value_of(text)
        self._missing.discard(parameter.name)
        if not parameter.is_list:
            self._found[parameter.name] = value
        elif self._found[parameter.name] is None:
            self._found[parameter.name] = [value]
        else:
            self._found[parameter.name].append(value)
