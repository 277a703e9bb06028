"""Imports go down the floors, never up, and never in a circle."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "chronos_cli"

FLOORS = {
    "errors": 0,
    "files": 0,
    "units": 0,
    "problems": 0,
    "clock": 0,
    "redact": 0,
    "spelling": 0,
    "jobs": 1,
    "schedule": 1,
    "dispatch": 2,
    "protocols": 3,
    "state": 3,
    "cron": 4,
    "cluster": 4,
    "receiver": 4,
    "report": 5,
    "export": 5,
    "app": 6,
    "testing": 6,
    "cli": 7,
}


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name: str) -> Iterator[str]:
    """Every module of ours that a module imports, wherever in it; parents count as well."""
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            module = node.module or ""
            inner = [f"{module}.{alias.name}" for alias in node.names]
            names = [full if full in MODULES else module for full in inner]
        for imported in names:
            parts = imported.split(".")
            for end in range(1, len(parts) + 1):
                if (parent := ".".join(parts[:end])) in MODULES and parent != name:
                    yield parent


def room(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] != "__main__" else None


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down(name: str) -> None:
    own = room(name)
    if own is None:
        return
    assert own in FLOORS, f"{own} has no floor"
    for imported in imports(name):
        other = room(imported)
        if other is None or other == own:
            continue
        assert FLOORS[other] <= FLOORS[own], f"{name} imports {imported}, which is higher up"


def test_no_circles_between_rooms() -> None:
    edges: dict[str, set[str]] = {}
    for name in MODULES:
        for imported in imports(name):
            own, other = room(name), room(imported)
            if own and other and own != other:
                edges.setdefault(own, set()).add(other)
    assert_acyclic(edges)


def test_no_circles_between_modules() -> None:
    """Parents count as edges, except a package's own from within it."""
    edges = {
        name: {other for other in imports(name) if not name.startswith(other + ".")}
        for name in MODULES
    }
    assert_acyclic(edges)


def assert_acyclic(edges: dict[str, set[str]]) -> None:
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"circle: {' -> '.join([*trail, name])}"
        if name not in done:
            for other in edges.get(name, ()):
                visit(other, (*trail, name))
            done.add(name)

    for name in list(edges):
        visit(name, ())


def test_nothing_but_protocols_names_a_protocol() -> None:
    """A sixth protocol must be one new file, so the core may not know the five."""
    clients = {"h11", "h2", "httpx", "grpc", "confluent_kafka", "nats", "pika"}
    for name, path in MODULES.items():
        if room(name) not in {
            "jobs",
            "dispatch",
            "app",
            "cli",
            "schedule",
            "report",
            "state",
            "cron",
        }:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & clients, name
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in clients, name
                assert not (node.module or "").startswith("chronos_cli.protocols"), name
