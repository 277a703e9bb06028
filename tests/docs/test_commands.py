"""Every command on the pages runs as pasted, or says here why it does not."""

import re
from pathlib import Path

import pytest

from chronos_cli.cli.arguments import parameters_of, values_of
from chronos_cli.cli.commands import GROUPS, NAMES, command_of, split_name
from tests.docs.pages import Line, all_blocks, blocks, crontab_lines, lines, name_of, pages
from tests.docs.stage import Stage
from tests.support import ROOT

# A command of chronos that is only read here, and why.
ENDLESS = {"cron": "until it is stopped", "receive": "until it is stopped", "demo": "tests/cli"}
# What speaks with a loop that runs.
STEERING = dict.fromkeys(
    ("status", "trigger", "pause", "resume"), "needs a loop; tests/cron/test_steering.py"
)
# Programs of others, and why they are not run.
FOREIGN = {
    "docker": "needs an engine; tests/packages runs the steps",
    "echo": "writes to /etc",
    "openssl": "need not be there",
    "mypy": "tests/packages runs it on a plug-in",
    "pip": "needs a registry; tests/packages installs the wheel",
    "pipx": "needs a registry",
    "pytest": "tests/packages runs a plug-in's tests",
    "sudo": "needs root; tests/packages installs the package and asks systemd to verify the unit",
}
# Options of other programs within a text, and a page that is about those of curl.
OF_OTHERS = {"--no-install": "tests.benchmarks"}
OF_CURL = "docs/coming-from-cron-and-curl.md"
# Pages whose own tests run their commands: test_recipes.py, tests/*/test_page.py and the like.
ELSEWHERE = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*page.py"))
OWN_TESTS = [page for page in pages() if f'{name_of(page)}"' in ELSEWHERE]
RUN_HERE = [page for page in pages() if page not in {*OWN_TESTS, ROOT / "docs/recipes.md"}]
TARGETS = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)

# What the pages take for given, beside the files that they show.
GIVEN = {
    "jobs/report.yaml": """\
name: report
schedule: "@hourly"
tags: {team: finance}
webhook: {url: https://api.example.com/report}
""",
    "jobs/after-deploy.yaml": "name: after\nwebhook: {url: https://api.example.com/after}\n",
    "down.yaml": """\
name: down
retry_policy: {max_attempts: 1}
webhook: {url: https://api.example.com/down}
""",
    "nightly.yaml": """\
name: nightly
schedule: 30 2 * * *
timezone: America/New_York
webhook: {url: https://api.example.com/nightly}
""",
    "nightly-import.yaml": """\
name: nightly-import
webhook: {url: https://api.example.com/import}
on_failure: {webhook: {url: https://chat.example.com/hook}}
""",
    "wrong/report.yaml": """\
name: report

timout: 30s
webhook:
  url: htp://api.example.com
""",
    "/etc/chronos/jobs/report.yaml": "name: a\nwebhook: {url: https://api.example.com/a}\n",
    "/etc/crontab": "0 4 * * * root curl -fsS https://api.example.com/backup\n",
    "/etc/chronos/environment": "REPORT_TOKEN=abc-1234\n",
    ".bin/crontab": "#!/bin/sh\necho '0 9 * * 1-5 curl -fsS https://api.example.com/report'\n",
}


@pytest.fixture
def furnished(stage: Stage) -> Stage:
    for name, text in GIVEN.items():
        stage.write(name, text)
    (stage.folder / ".bin/crontab").chmod(0o755)
    failed = stage.run(Line("", "chronos run down.yaml --execution-id 5f0c-of-the-page", ""))
    assert failed.code == 5
    return stage


def page_commands(page: Path) -> list[Line]:
    """The commands of consoles, crontabs and steps of CI, in the order of the page."""
    found: list[Line] = []
    for block in blocks(page):
        if block.language == "console":
            found += lines(block)
        elif block.language == "crontab" and "chronos" in block.text:
            found += crontab_lines(block)
        elif block.info == "ci":
            steps = re.findall(r"run: (chronos .*)", block.text)
            found += [Line(block.where, step, "") for step in steps]
    return found


@pytest.mark.parametrize("page", RUN_HERE, ids=name_of)
def test_the_commands_of_a_page_run_as_pasted(page: Path, furnished: Stage) -> None:
    for block in blocks(page):
        if block.file and block.info != "chronos.yaml":
            furnished.write(block.file, block.text)
            if page.name == "README.md":
                furnished.write(f"/etc/chronos/jobs/{block.file}", block.text)
    for line in page_commands(page):
        if is_left_out(line):
            continue
        result = furnished.run(line)
        told = result.out + result.err
        if line.output:
            assert told == line.output, line.where
        else:
            assert result.code == 0, f"{line.where}: {line.text}\n{told}"


@pytest.mark.parametrize("page", OWN_TESTS, ids=name_of)
def test_the_commands_of_other_pages_can_be_read(page: Path) -> None:
    for line in page_commands(page):
        name, rest = split_name(line.chronos or ["run"])
        assert name, line.where
        assert line.chronos is None or values_of(command_of(name), rest) is not None, line.where


def is_left_out(line: Line) -> bool:
    """Whether a line is only read; then what it names is there."""
    words = line.words
    if line.chronos is not None:
        name, rest = split_name(line.chronos)
        return name in ENDLESS | STEERING and values_of(command_of(name), rest) is not None
    if words[0] == "make":
        assert words[1] in TARGETS, line.where
        return True
    return Path(words[0]).name in FOREIGN


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_the_commands_within_a_text_are_some(page: Path) -> None:
    for text in re.findall(r"`(chronos [^`\n]+)`", page.read_text()):
        words = Line(name_of(page), text, "").chronos or []
        if words[0] in {"--version", "help", *GROUPS}:
            continue
        name, rest = split_name(words)
        assert name, text
        known = {one for parameter in parameters_of(command_of(name)) for one in parameter.names}
        assert {word for word in rest if re.match(r"--?\w", word)} <= known, text


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_the_options_within_a_text_are_some(page: Path) -> None:
    """Of any command, where the text says none."""
    if name_of(page) == OF_CURL:
        return
    commands = [command_of(name) for name in NAMES]
    parameters = [one for command in commands for one in parameters_of(command)]
    known = {name for parameter in parameters for name in parameter.names}
    named = re.findall(r"`(--?[a-z][\w-]*)[^`\n]*`", page.read_text())
    assert set(named) <= known | {"--help", "--version", "--no-install"}, page


def test_reasons_are_given_for_what_is_there() -> None:
    programs = {
        Path(line.words[0]).name
        for block in all_blocks("console")
        for line in lines(block)
        if line.chronos is None
    }
    assert set(FOREIGN) - programs == set()
