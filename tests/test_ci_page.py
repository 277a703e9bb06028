"""What docs/ci.md shows is run, as far as a shell can, against a server that listens."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import xmlschema
import yaml

from tests.support import ROOT, HttpServer, environment, headers

PAGE = (ROOT / "docs/ci.md").read_text()
# What the programs of the page find first on their way.
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def block(language: str, heading: str) -> str:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    found = re.search(rf"```{language}(?: ci)?\n(.*?)```", section, re.DOTALL)
    assert found, heading
    return found[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout with the page's job in it."""
    job = re.search(r"```yaml announce.yaml\n# (jobs/\S+)\n(.*?)```", PAGE, re.DOTALL)
    assert job
    (tmp_path / "jobs").mkdir()
    (tmp_path / job[1]).write_text(job[2])
    return tmp_path


class Deploy:
    """The receiver of the page, and what has come in."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._path = f"/flaky/1/{uuid4()}"
        self.variables = {"DEPLOY_URL": server.url + self._path, "DEPLOY_TOKEN": "letmein123"}

    @property
    def tokens(self) -> list[str]:
        seen = self._server.requests(f"{self._path}/announced")
        return [headers(request)["authorization"] for request in seen]


@pytest.fixture
def deploy(server: HttpServer) -> Deploy:
    return Deploy(server)


def in_shell(line: str, folder: Path, variables: dict[str, str]) -> str:
    """Run a line as a CI server would; return what it prints on either stream."""
    env = environment({"PATH": PATH, **variables})
    done = subprocess.run(
        ["bash", "-e", "-c", line],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def without_installing(lines: list[str]) -> Iterator[str]:
    """Yield the lines but that which installs: the program is here already."""
    install = "pip install chronos-dispatch"
    assert install in lines
    yield from (line for line in lines if line != install)


def check_report(folder: Path, name: str) -> None:
    schema = xmlschema.XMLSchema(ROOT / "tests/junit.xsd")
    schema.validate(folder / name)
    assert 'name="announce"' in (folder / name).read_text()


def test_github(folder: Path, deploy: Deploy) -> None:
    steps: list[dict[str, Any]] = yaml.safe_load(block("yaml", "GitHub Actions"))["jobs"][
        "announce"
    ]["steps"]
    lines = [step["run"] for step in steps if "run" in step]
    asked = {name for step in steps for name in step.get("env", {})}
    assert asked == {*deploy.variables, "VERSION"}
    summary = folder / "summary.md"
    ci = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "VERSION": "1"}
    for line in without_installing(lines):
        # The check has no secrets.
        needs = deploy.variables if line.startswith("chronos run") else {}
        in_shell(line, folder, {**ci, **needs})
    assert deploy.tokens == ["Bearer letmein123"]
    assert "announce" in summary.read_text()
    (uploaded,) = [step["with"]["path"] for step in steps if "upload" in step.get("uses", "")]
    check_report(folder, uploaded)


def test_gitlab(folder: Path, deploy: Deploy) -> None:
    job = yaml.safe_load(block("yaml", "GitLab CI"))["announce"]
    lines = without_installing(job["before_script"] + job["script"])
    in_shell("\n".join(lines), folder, {**deploy.variables, "VERSION": "1"})
    assert deploy.tokens == ["Bearer letmein123"]
    reports = job["artifacts"]["reports"]
    check_report(folder, reports["junit"])
    assert yaml.safe_load((folder / reports["codequality"]).read_text()) == []


def test_jenkins(folder: Path, deploy: Deploy) -> None:
    pipeline = block("groovy", "Jenkins")
    for line in without_installing(re.findall(r"sh '(.*)'", pipeline)):
        in_shell(line, folder, deploy.variables)
    assert deploy.tokens == ["Bearer letmein123"]
    (report,) = re.findall(r"junit '(.*)'", pipeline)
    check_report(folder, report)


def test_make(folder: Path, deploy: Deploy) -> None:
    (folder / "Makefile").write_text(block("make", "A Makefile"))
    in_shell("make announce", folder, deploy.variables)
    assert deploy.tokens == ["Bearer letmein123"]


def test_a_crontab(folder: Path, deploy: Deploy) -> None:
    """The command alone, where cron would run it: in another folder, with next to no variables."""
    (line,) = [one for one in block("crontab", "A crontab").splitlines() if one.startswith("0 9")]
    command = line.split(maxsplit=5)[5].replace("/etc/chronos", str(folder))
    assert shlex.split(command)[0] == "chronos"
    variables = [f"{name}={value}\n" for name, value in deploy.variables.items()]
    (folder / "environment").write_text("".join(variables))
    assert in_shell(f"cd / && {command}", folder, {}) == ""
    assert deploy.tokens == ["Bearer letmein123"]
