"""Files of variables: what they say, and lines that say nothing."""

from pathlib import Path

import pytest

from chronos_cli.errors import InvalidInputError
from chronos_cli.jobs.env_file import read_env_file
from tests.support import write


def test_what_a_file_says(tmp_path: Path) -> None:
    text = "# a comment\n\nexport A=1\nB='two words'\nC=\"x\\ny\"\nD.e-f=$A\nEMPTY=\nNAME_ONLY\n"
    expected = {"A": "1", "B": "two words", "C": "x\ny", "D.e-f": "$A", "EMPTY": ""}
    assert read_env_file(write(tmp_path, text, "a.env")) == expected


@pytest.mark.parametrize("line", ["!!", "a b", "=x", "1+1=2", "A='open", "x y=z"])
def test_a_line_that_says_nothing_is_a_problem_with_its_place(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, f"A=1\n{line}\n", "a.env")
    with pytest.raises(InvalidInputError) as raised:
        read_env_file(path)
    (problem,) = raised.value.problems
    assert str(problem.position).startswith(f"{path}:2")
    assert line not in problem.message
