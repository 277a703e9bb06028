"""Every block of YAML on the pages loads, and every link leads somewhere."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from chronos_cli.dispatch.registry import Registry
from chronos_cli.jobs.config import Config, read_config
from chronos_cli.jobs.files import SourceFile
from chronos_cli.jobs.heartbeat import read_heartbeat
from chronos_cli.jobs.interpolate import Sources
from chronos_cli.jobs.load import load_jobs
from chronos_cli.problems import Problem
from chronos_cli.redact import Redactor
from tests.docs.pages import Block, all_blocks, anchors, links, name_of, pages
from tests.support import ROOT

# Of other programs: it must be YAML, and what it is for is said behind the fence.
FOREIGN = {"ci", "pre-commit", "prometheus"}
LANGUAGES = set("console crontab groovy json make python text toml yaml".split())
# Values that have a form of their own.
VALUES = {
    "WEBHOOK_SECRET": "whsec_c2VjcmV0",
    "API": "https://api.example.com",
    "DEPLOY_URL": "https://deploy.example.com",
    "HEALTHCHECK_URL": "https://watch.example.com/check",
    **dict.fromkeys(("SLACK_WEBHOOK", "TEAMS_WEBHOOK"), "https://hooks.example.com/abc"),
}
YAML = all_blocks("yaml")


def sources_of(text: str) -> Sources:
    """A value for each variable that a text names."""
    names = re.findall(r"\$\{(\w+)", text)
    values = {**dict.fromkeys(names, "value"), **VALUES}
    return Sources(values, Redactor())


@pytest.mark.parametrize("block", YAML, ids=lambda block: block.where)
def test_a_block_of_yaml_loads(block: Block, tmp_path: Path) -> None:
    if block.info in FOREIGN:
        assert isinstance(yaml.safe_load(block.text), dict)
    elif block.info == "chronos.yaml":
        assert configuration_problems(block) == []
    else:
        assert job_problems(block, tmp_path) == []


def job_problems(block: Block, folder: Path) -> list[Problem]:
    """What is wrong with jobs, or with a part of one; the other files of its page lie beside it."""
    for other in all_blocks("text"):
        if other.file and other.page == block.page:
            (folder / other.file).write_text(other.text)
    (folder / "report.csv").touch()
    text = block.text
    for number, path in enumerate(re.findall(r"\$\{file:(/[^}]+)\}", text)):
        (folder / str(number)).write_text("of a file")
        text = text.replace(path, str(folder / str(number)))
    if not text.startswith(("#", "name:", "defaults:", "jobs:")):
        text = f"name: part\n{text}"
    source = SourceFile(str(folder / "job.yaml"), text.encode())
    loaded = load_jobs([source], Config(), Registry(), sources_of(text))
    assert loaded.jobs or loaded.problems
    return list(loaded.problems)


def configuration_problems(block: Block) -> list[Problem]:
    source = SourceFile("chronos.yaml", block.text.encode())
    config, problems = read_config(source, Registry(), sources_of(block.text))
    if config.heartbeat is not None:
        read_heartbeat(config, Registry(), problems)
    return problems.sorted()


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_is_in_the_index() -> None:
    index = {(ROOT / "docs" / link).resolve() for link in links(ROOT / "docs/README.md")}
    assert set(pages()) - index - {ROOT / "docs/README.md"} == set()


def test_every_extra_for_users_is_on_the_page_that_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [everything] = project["optional-dependencies"]["all"]
    page = (ROOT / "docs/install.md").read_text()
    for extra in re.findall(r"\[(.*)\]", everything)[0].split(","):
        assert f"`{extra}`" in page


def test_every_fence_says_what_it_holds() -> None:
    for page in pages():
        fences = re.findall(r"^ *```(\w*)[^\n]*\n(?:.*\n)*?^ *```$", page.read_text(), re.MULTILINE)
        assert set(fences) <= LANGUAGES, page


def test_every_json_is_some() -> None:
    for block in all_blocks("json"):
        assert json.loads(block.text), block.where


def test_every_command_stands_in_a_fence() -> None:
    for page in pages():
        assert not re.search(r"^    (\$ )?chronos ", page.read_text(), re.MULTILINE), page
