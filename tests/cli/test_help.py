"""What the help says is so: examples can be typed, variables are read, summaries are the same."""

import re
import shlex
from typing import Any

import pytest

from chronos_cli.cli.arguments import values_of
from chronos_cli.cli.commands import NAMES, SUMMARIES, command_of, split_name
from chronos_cli.cli.manual import epilog_of, text_of
from chronos_cli.cli.usage import make_app
from tests.support import ROOT

# Variables that every program knows, or that a job asks for by a key of its own.
NOT_OF_A_COMMAND = {"HOME", "NETRC", "PATH", "TERM", "COLUMNS"}


@pytest.fixture(scope="module")
def app() -> Any:
    return make_app()


@pytest.mark.parametrize("name", NAMES)
def test_each_command_says_what_there_is_to_know(
    app: Any, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        app.main([*name.split(), "--help"], prog_name="chronos")
    text = capsys.readouterr().out
    assert text_of(command_of(name)).startswith(SUMMARIES[name])
    assert "Exit codes:" in text
    assert max(map(len, text.splitlines())) <= 80
    examples = re.findall(r"^    chronos (.*)$", text, re.MULTILINE)
    assert examples
    for example in examples:
        found, words = split_name(shlex.split(example.partition(" > ")[0]))
        assert found == name
        assert values_of(command_of(name), words) is not None, example


def test_the_list_of_commands_has_whole_sentences(
    app: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        app.main(["--help"], prog_name="chronos")
    listed = " ".join(capsys.readouterr().out.split())
    for name, summary in SUMMARIES.items():
        assert f"{name} {summary}" in listed


def test_every_variable_that_is_read_stands_in_a_help() -> None:
    told = " ".join(epilog_of(command_of(name)) for name in NAMES)
    asked = re.compile(r'environ(?:ment)?(?:\.get\(|\[)"([A-Z_]+)"')
    found = {
        name
        for path in (ROOT / "chronos_cli").rglob("*.py")
        for name in asked.findall(path.read_text())
        if not path.is_relative_to(ROOT / "chronos_cli/testing")
    }
    assert {"CHRONOS_CONFIG", "XDG_STATE_HOME", "NOTIFY_SOCKET"} <= found
    assert {name for name in found - NOT_OF_A_COMMAND if name not in told} == set()
