"""What the pages say of keys, codes and commands is what the program has."""

import re

import pytest

from chronos_cli.cli.commands import NAMES
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.dispatch.outcome import Status
from chronos_cli.dispatch.registry import Registry
from chronos_cli.jobs.model import JobSpec, RetryPolicy
from chronos_cli.jobs.reference import reference
from tests.docs.pages import all_blocks
from tests.support import ROOT, chronos

README = (ROOT / "README.md").read_text()
JOB_FILE = (ROOT / "docs/job-file.md").read_text()
KEYS = [*JobSpec.__struct_encode_fields__, *RetryPolicy.__struct_encode_fields__]


def test_the_readme_is_short() -> None:
    assert len(README.encode()) <= 8 * 1024


def test_every_exit_code_is_in_the_table() -> None:
    listed = re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE)
    codes = {int(code) for row in listed for code in row.split(",")}
    assert codes == {code.value for code in ExitCode}


def test_every_status_is_in_the_table() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)) == {one.value for one in Status}


def test_the_reference_is_that_of_the_program() -> None:
    """`make reference` writes it."""
    shown = JOB_FILE.split("<!-- chronos schema --output markdown -->\n")[1]
    assert shown.split("<!-- end -->")[0].strip() == reference(Registry()).strip()


@pytest.mark.parametrize("name", KEYS)
def test_every_key_is_in_the_reference(name: str) -> None:
    assert f"\n| `{name}` |" in JOB_FILE


def test_the_first_job_of_the_readme_is_short() -> None:
    (job, *_) = all_blocks("yaml")
    assert job.page == "README.md"
    assert len(job.text.splitlines()) <= 10


def test_the_samples_are_valid() -> None:
    result = chronos("validate", str(ROOT / "jobs"))
    assert result.code == 0, result.err


def test_every_command_has_its_page() -> None:
    index = (ROOT / "docs/README.md").read_text()
    for name in NAMES:
        assert f"`chronos {name}`" in index, name


def test_the_hook_is_what_pre_commit_would_run() -> None:
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text()
    assert "id: chronos-validate" in hooks
    assert "entry: chronos validate" in hooks
    assert "id: chronos-validate" in JOB_FILE
