"""The page on how Chronos is built names functions that are there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text()
NAMED = sorted(set(re.findall(r"`(chronos_cli/[\w/]+\.py):([\w.]+)`", PAGE)))


def definitions(path: Path) -> set[str]:
    """The functions and classes of a module, methods as `Class.method`."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (
                n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
            )
            found |= {f"{node.name}.{method.name}" for method in methods}
    return found


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_what_it_names_is_there(file: str, name: str) -> None:
    assert name in definitions(ROOT / file)


def test_it_names_the_whole_way() -> None:
    assert len(NAMED) > 30


def test_its_floors_hold_every_folder() -> None:
    folders = {path.parent.name for path in (ROOT / "chronos_cli").glob("*/__init__.py")}
    for folder in folders - {"testing"}:
        assert f"`{folder}/" in PAGE, folder
