"""What beginners write is mended from the message alone.

A file in `cases/beginner/` has what was written, the whole of what is said of it, and the text that
follows from it, which must be sound.
"""

from pathlib import Path

import pytest

from chronos_cli.dispatch.registry import Registry
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.files import SourceFile
from chronos_cli.jobs.interpolate import Sources
from chronos_cli.jobs.load import Loaded, load_jobs
from chronos_cli.jobs.model import warnings_of
from chronos_cli.redact import Redactor
from chronos_cli.report.problems import problem_line
from tests.test_cases import CASES

BEGINNER = sorted((CASES / "beginner").glob("*.txt"))
VARIABLES = {"API_KEY": "abc", "TOKEN": "abc", "PASSWORD": "secret", "TARGET": "http://localhost/"}


def load(text: str, variables: dict[str, str]) -> Loaded:
    source = SourceFile("job.yaml", text.encode())
    return load_jobs([source], Config(), Registry(), Sources(variables, Redactor()))


def said(text: str, variables: dict[str, str]) -> list[str]:
    loaded = load(text, variables)
    warnings = [f"warning: {message}" for message in warnings_of(loaded.jobs)]
    return [*map(problem_line, loaded.problems), *warnings]


@pytest.mark.parametrize("path", BEGINNER, ids=lambda path: path.stem)
def test_a_mistake_is_mended_from_its_message(path: Path) -> None:
    written, _, rest = path.read_bytes().decode().partition("--- says ---\n")
    expected, _, mended = rest.partition("--- mended ---\n")
    assert said(written, {}) == expected.splitlines()
    loaded = load(mended, VARIABLES)
    assert loaded.problems == []
    assert loaded.jobs


def test_there_are_enough_of_them_and_none_shows_a_pattern() -> None:
    assert len(BEGINNER) >= 50
    for path in BEGINNER:
        message = path.read_text(encoding="utf-8").partition("--- says ---\n")[2]
        assert "^[" not in message.partition("--- mended ---")[0], path.stem


def test_line_ends_and_marks_of_windows_are_no_mistake() -> None:
    text = "\ufeffname: report\r\nwebhook:\r\n  url: http://localhost:8080/job\r\n"
    assert said(text, {}) == []


def test_an_escaped_dollar_sign_is_no_variable() -> None:
    text = 'name: a\npayload: "%s"\nwebhook: {url: "http://localhost/"}\n'
    for price in ("$5", "$$USD", "$$$$USD", "$Usd", "$.path", "a$"):
        assert said(text % price, {}) == [], price
    for variable in ("$USD", "$$$USD", "Bearer $API_KEY2", "$$A $TOKEN"):
        assert len(said(text % variable, {})) == 1, variable
