"""The names that chronos.yaml has for what jobs have too."""

import io
from pathlib import Path

import pytest

from chronos_cli.app.workspace import Checked, WorkspaceReader
from chronos_cli.redact import Redactor
from tests.support import write


def read(folder: Path, scheduler: str) -> Checked:
    config = write(folder, f"scheduler: {{{scheduler}}}\n", "chronos.yaml")
    write(folder, "name: a\nwebhook: {url: 'http://h/'}\n")
    reader = WorkspaceReader(Redactor(), {}, io.BytesIO())
    return reader.read([str(folder)], config)


@pytest.mark.parametrize(
    "scheduler",
    [
        "missed_runs: ignore, retry_policy: {max_attempts: 7}",
        "missed_run_policy: ignore, default_retry_policy: {max_attempts: 7}",
    ],
)
def test_both_names_mean_the_same(tmp_path: Path, scheduler: str) -> None:
    checked = read(tmp_path, scheduler)
    assert checked.problems == []
    spec = checked.workspace.jobs[0].spec
    assert (spec.missed_runs, spec.retry_policy.max_attempts) == ("ignore", 7)


def test_both_at_once_are_one_too_many(tmp_path: Path) -> None:
    checked = read(tmp_path, "missed_runs: ignore, missed_run_policy: execute_all")
    (problem,) = checked.problems
    assert problem.message == "'missed_run_policy' is another name of 'missed_runs'"
    assert (problem.position.column, problem.hint) == (34, "keep one")
