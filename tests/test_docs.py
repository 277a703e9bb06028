"""The documents say what the program does."""

import re
from pathlib import Path

import pytest

from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.dispatch.registry import Registry
from chronos_cli.jobs.model import JobSpec, RetryPolicy
from chronos_cli.jobs.reference import reference
from tests.support import ROOT, chronos

README = (ROOT / "README.md").read_text()
KEYS = [*JobSpec.__struct_encode_fields__, *RetryPolicy.__struct_encode_fields__]


def test_every_exit_code_is_in_the_table() -> None:
    listed = re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE)
    codes = {int(code) for row in listed for code in row.split(",")}
    assert codes == {code.value for code in ExitCode}


def test_the_reference_is_that_of_the_program() -> None:
    """`make reference` writes it."""
    shown = README.split("<!-- chronos schema --output markdown -->\n")[1].split("<!-- end -->")[0]
    assert shown.strip() == reference(Registry()).strip()


@pytest.mark.parametrize("name", KEYS)
def test_every_key_is_in_the_reference(name: str) -> None:
    assert f"`{name}`" in README


def test_the_job_of_the_readme_is_valid_and_short(tmp_path: Path) -> None:
    job = re.search(r"## A job in ten lines\n\n```yaml\n(.*?)```", README, re.DOTALL)
    assert job
    assert len(job[1].splitlines()) <= 11
    result = chronos("validate", "-", stdin=job[1], env={"REPORT_TOKEN": "x"})
    assert result.code == 0, result.err


def test_the_webhook_of_the_readme_is_valid(tmp_path: Path) -> None:
    block = re.search(r"```yaml\n(webhook:\n.*?)```", README, re.DOTALL)
    assert block
    secret = {"WEBHOOK_SECRET": "whsec_c2VjcmV0"}
    (tmp_path / "token").write_text("t")
    text = block[1].replace("/run/secrets/chronos", str(tmp_path / "token"))
    result = chronos("validate", "-", stdin="name: a\n" + text, env=secret)
    assert result.code == 0, result.err


def test_the_other_jobs_of_the_readme_are_valid() -> None:
    jobs = re.search(r"## The other protocols\n\n```yaml\n(.*?)```", README, re.DOTALL)
    assert jobs
    result = chronos("validate", "-", stdin=jobs[1], env={"AMQP_PASSWORD": "x"})
    assert (result.code, result.err) == (0, "4 jobs checked, no problems\n")


@pytest.mark.parametrize("name", ["every-minute", "opening-bell"])
def test_a_job_of_the_readme_is_valid(name: str) -> None:
    job = re.search(rf"```yaml\n(name: {name}\n.*?)```", README, re.DOTALL)
    assert job
    result = chronos("validate", "-", stdin=job[1])
    assert result.code == 0, result.err


def test_the_configuration_of_the_readme_is_valid(tmp_path: Path) -> None:
    config = re.search(r"## chronos.yaml\n.*?```yaml\n(.*?)```", README, re.DOTALL)
    assert config
    (tmp_path / "chronos.yaml").write_text(config[1])
    result = chronos("validate", "chronos.yaml", cwd=tmp_path)
    assert result.code == 0, result.err


def test_the_heartbeat_of_the_operations_page_is_valid(tmp_path: Path) -> None:
    page = (ROOT / "docs/operations.md").read_text()
    config = re.search(r"```yaml\n(scheduler:\n.*?)```", page, re.DOTALL)
    assert config
    (tmp_path / "chronos.yaml").write_text(config[1])
    env = {"HEALTHCHECK_URL": "https://hc-ping.com/my-check"}
    result = chronos("validate", "chronos.yaml", cwd=tmp_path, env=env)
    assert result.code == 0, result.err


def test_the_samples_are_valid() -> None:
    result = chronos("validate", str(ROOT / "jobs"))
    assert result.code == 0, result.err


def test_every_command_is_mentioned() -> None:
    from chronos_cli.cli.commands import NAMES

    for name in NAMES:
        assert f"chronos {name}" in README, name


def test_the_hook_is_what_pre_commit_would_run() -> None:
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text()
    assert "id: chronos-validate" in hooks
    assert "entry: chronos validate" in hooks
