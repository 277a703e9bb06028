"""Every file in `cases/` is a test: `valid/` must load, `invalid/` must say what it says.

An invalid file carries its expectations in comments, one a problem:
`# expect: LINE:COLUMN: a part of the message or hint`.
"""

import re
import time
from pathlib import Path

import pytest

from chronos_cli.dispatch.registry import Registry
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.files import SourceFile
from chronos_cli.jobs.interpolate import Sources
from chronos_cli.jobs.load import Loaded, load_jobs
from chronos_cli.redact import Redactor

CASES = Path(__file__).parent / "cases"
ENVIRONMENT = {"SET": "value", "EMPTY": "", "NUMBER": "3", "BRACES": "{{ evil }}"}


def load(path: Path) -> Loaded:
    source = SourceFile(str(path), path.read_bytes())
    return load_jobs([source], Config(), Registry(), Sources(ENVIRONMENT, Redactor()))


@pytest.mark.parametrize("path", sorted((CASES / "valid").glob("*.yaml")), ids=lambda p: p.stem)
def test_valid(path: Path) -> None:
    loaded = load(path)
    assert loaded.problems == []
    assert loaded.jobs


@pytest.mark.parametrize("path", sorted((CASES / "invalid").glob("*.yaml")), ids=lambda p: p.stem)
def test_invalid(path: Path) -> None:
    expected = re.findall(r"# expect: (\d+):(\d+): (.*)", path.read_text(errors="replace"))
    assert expected, "the case says nothing"
    began = time.process_time()
    problems = load(path).problems
    assert time.process_time() - began < 1
    found = [(p.position.line, p.position.column, f"{p.message} ({p.hint})") for p in problems]
    for (line, column, part), (at_line, at_column, text) in zip(expected, found, strict=True):
        assert (at_line, at_column) == (int(line), int(column)), text
        assert part in text
