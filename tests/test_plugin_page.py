"""The page for authors of plug-ins says what the code is."""

import re
import tomllib
from pathlib import Path

import pytest

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.plugin import Plugin
from chronos_cli.jobs.model import Target
from chronos_cli.testing.harness import Harness
from tests.support import ROOT

PAGE = (ROOT / "docs/plugins.md").read_text()
PACKAGE = ROOT / "tests/plugin_package"


def table(head: str) -> set[str]:
    """The names in the first column of the table that begins with a head."""
    rows = PAGE.split(f"| {head} |")[1].split("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`(\w+)", row.split("|")[1])}


def own(cls: type) -> set[str]:
    """The public members that a class itself declares."""
    names = {*vars(cls), *cls.__annotations__}
    return {name for name in names if not name.startswith("_")}


def test_the_plugin_at_its_end_is_the_package() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert blocks[-1] == (PACKAGE / "chronos_line/__init__.py").read_text()
    assert PAGE.endswith(f"```python\n{blocks[-1]}```\n")


def test_the_plugin_is_about_fifty_lines() -> None:
    lines = (PACKAGE / "chronos_line/__init__.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 60


def test_its_project_file_is_that_of_the_package() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    shown = tomllib.loads(block)["project"]
    whole = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    assert shown == {name: whole[name] for name in shown}


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("member", set(Plugin.__struct_fields__)),
        ("method", own(Target)),
        ("field of `Delivery`", {*Delivery.__struct_fields__, "header_event"}),
        ("member of `Harness`", own(Harness) - {"job"}),
    ],
)
def test_its_tables_are_whole(head: str, expected: set[str]) -> None:
    assert table(head) == expected


def test_the_readme_leads_to_it() -> None:
    assert "(docs/plugins.md)" in (ROOT / "README.md").read_text()
    assert Path(ROOT / "docs/plugins.md").is_file()
