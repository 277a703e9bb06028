"""A command line means the same to our own reader and to Typer."""

from contextlib import suppress
from enum import Enum
from typing import Any

import pytest

from chronos_cli.cli import usage
from chronos_cli.cli.arguments import Command, Option, Parameter, parameters_of, values_of
from chronos_cli.cli.commands import NAMES, command_of
from chronos_cli.cli.usage import make_app


class Typer:
    """Typer's reading of a command line, up to where the command would be called."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._app = make_app()
        self._values: dict[str, Any] | None = None
        patch.setattr(usage, "call", self._call)

    def _call(self, command: Command, values: dict[str, Any]) -> int:
        self._values = values
        return 0

    def values(self, name: str, words: list[str]) -> dict[str, Any] | None:
        """The values that the command is called with; None for a mistake, or help."""
        self._values = None
        with suppress(SystemExit):
            self._app.main([*name.split(), *words], prog_name="chronos")
        return self._values


def words_of(parameter: Parameter) -> list[list[str]]:
    """Ways to give one parameter, good and bad."""
    if issubclass(parameter.type, Enum):
        texts = [*(str(member.value) for member in parameter.type), "nonsense", "", "TABLE"]
    elif parameter.type is int:
        texts = ["1", "0", "-1", " 7 ", "1_0", "1e3", "x", "99999999999", ""]
    else:
        texts = ["x", "", "-", "--", "-q", "a=b", "=", "ü"]
    declared = parameter.declared
    if not isinstance(declared, Option):
        return [[], *([text] for text in texts), ["a", "b"], ["--", "-x"], ["a", "--", "--job"]]
    names = declared.names or (f"--{parameter.name.replace('_', '-')}",)
    if parameter.type is bool:
        return [[name] for name in names] + [[f"{names[0]}=1"], [names[0], names[0]]]
    given = [[name, text] for name in names for text in texts]
    joined = [[f"{names[0]}={text}"] for text in texts]
    return [*given, *joined, [names[0]], [names[0], "x", names[0], "y"], [f"{names[-1]}x"]]


@pytest.mark.parametrize("name", NAMES)
def test_both_readers_agree(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typer = Typer(monkeypatch)
    command = command_of(name)
    parameters = list(parameters_of(command))
    needed = ["bash"] if name == "completion" else ["job.yaml"]
    takes_words = any(not isinstance(one.declared, Option) for one in parameters)
    lines = [[], ["--help"], ["-h"], ["--nonsense"], ["-"], ["a", "-z"]]
    for parameter in parameters:
        for words in words_of(parameter):
            lines += [words, [*words, *needed], [*needed, *words]] if takes_words else [words]
    sound = 0
    for line in lines:
        ours = values_of(command, line)
        if ours is not None:
            sound += 1
            assert ours == typer.values(name, line), line
    assert sound
    capsys.readouterr()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("run", ["a.yaml", "--job", "x", "-o", "json", "--job=y", "b.yaml", "-q"]),
        ("history", ["--status", "rejected", "--status=running", "--limit", "3"]),
        ("replay", ["--failed", "--since", "1d"]),
        ("validate", ["-", "--no-env"]),
        ("init", []),
        ("demo", ["--verbose"]),
    ],
)
def test_what_people_write_needs_no_typer(name: str, line: list[str]) -> None:
    assert values_of(command_of(name), line) is not None
