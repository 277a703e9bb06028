"""One cluster for the tests that break nothing of it; each has a group of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.cluster.servers import Nodes
from tests.cluster.stage import Stage
from tests.support import HttpServer

# The rows of the table: number, scenario, what was counted, whether it held.
_ROWS: list[tuple[str, str, str, bool]] = []


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with Nodes(tmp_path_factory.mktemp("nodes")).running() as running:
        running.wait_ready()
        yield running


@pytest.fixture
def own_nodes(tmp_path: Path) -> Iterator[Nodes]:
    """Three servers that a test may kill."""
    with Nodes(tmp_path / "own").running() as running:
        running.wait_ready()
        yield running


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """One for each test: jobs of others have the same names, and other clocks."""
    running = HttpServer()
    yield running
    running.stop()


@pytest.fixture
def group() -> str:
    return uuid4().hex[:8]


@pytest.fixture
def stage(nodes: Nodes, tmp_path: Path, group: str) -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(jobs: Any, on: Nodes = nodes, **settings: Any) -> Stage:
        made.append(Stage(tmp_path, on, group, jobs, **settings))
        return made[-1]

    yield make
    for one in made:
        one.__exit__()


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Iterator[Callable[[object], None]]:
    """Note what was counted, for the table; the marker `row` names number and scenario."""
    said: list[str] = []
    yield lambda counted: said.append(str(counted))
    marker = request.node.get_closest_marker("row")
    held = not getattr(request.node, "has_failed", True)
    _ROWS.append((str(marker.args[0]), marker.args[1], "; ".join(said) or "-", held))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.when == "call":
        item.has_failed = report.failed  # type: ignore[attr-defined]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not _ROWS:
        return
    terminalreporter.section("many hosts: what was counted")
    for number, scenario, counted, held in sorted(_ROWS, key=lambda one: float(one[0])):
        mark = "holds" if held else "FAILS"
        terminalreporter.write_line(f"{number:>4}  {mark}  {scenario}: {counted}")
