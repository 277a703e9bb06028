"""Imports go down the floors, never up, and never in a circle."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from chronos_cli.dispatch.plugin import Plugin
from chronos_cli.dispatch.registry import Registry
from chronos_cli.jobs.model import Settings, Target

PACKAGE = Path(__file__).parents[1] / "chronos_cli"

FLOORS = {
    "errors": 0,
    "files": 0,
    "units": 0,
    "problems": 0,
    "clock": 0,
    "redact": 0,
    "set_aside": 0,
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
    "monitor": 5,
    "export": 5,
    "importing": 5,
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


PROTOCOLS = sorted(path.parent.name for path in PACKAGE.glob("protocols/*/__init__.py"))
PARTS = ("plugin", "target", "dispatcher", "errors")

# What may name a protocol: the default of `chronos init`, and the far sides that we bring along.
NAMING = {
    "chronos_cli.cli.init": {"http"},
    "chronos_cli.cli.listening": {"grpc"},
    "chronos_cli.report.received": {"http", "grpc"},
}


def test_every_protocol_is_found() -> None:
    registry = Registry()
    plugins = [registry.kind(key).dispatcher.__module__ for key in registry.target_keys()]
    assert sorted(plugins) == [f"chronos_cli.protocols.{name}.plugin" for name in PROTOCOLS]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_has_the_same_parts(protocol: str, part: str) -> None:
    assert f"chronos_cli.protocols.{protocol}.{part}" in MODULES


@pytest.mark.parametrize("name", [one for one in MODULES if room(one) == "protocols"])
def test_no_protocol_imports_another(name: str) -> None:
    """What they share knows none of them."""
    own = protocol(name)
    for imported in imports(name):
        assert protocol(imported) in {None, own}, f"{name} imports {imported}"


def protocol(name: str) -> str | None:
    """Return the protocol that a module is of; None for what they share, and the rest."""
    parts = name.split(".")
    return parts[2] if len(parts) > 2 and parts[2] in PROTOCOLS else None


# The cluster is no user of a protocol among others: it runs on this one.
CORE = set("jobs schedule dispatch state cron report monitor importing export app cli".split())


@pytest.mark.parametrize("name", [one for one in MODULES if room(one) in CORE])
def test_nothing_but_protocols_names_a_protocol(name: str) -> None:
    """A sixth protocol must be one new package, so the core may not know the five."""
    tree = ast.parse(MODULES[name].read_text())
    assert not CLIENTS.intersection(imported_packages(tree))
    assert not [other for other in imports(name) if room(other) == "protocols"]
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert texts & NAMES == NAMING.get(name, set())


@pytest.mark.parametrize("name", [one for one in MODULES if room(one) == "cluster"])
def test_the_cluster_knows_the_one_protocol_that_it_runs_on(name: str) -> None:
    known = {protocol(other) for other in imports(name) if room(other) == "protocols"}
    assert known <= {None, "nats"}


def test_the_registry_tells_types_and_does_not_claim_them() -> None:
    """`tests/typing/` has what mypy refuses; a cast here would let all of it pass."""
    tree = ast.parse(MODULES["chronos_cli.dispatch.registry"].read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not names & {"cast", "Any"}


def imported_packages(tree: ast.AST) -> Iterator[str]:
    """Yield the outermost package of everything that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def built_in() -> Iterator[Plugin[Target, Settings]]:
    registry = Registry()
    return (registry.kind(key) for key in registry.target_keys())


# h2 is needed by some targets only.
CLIENTS = {module for plugin in built_in() for module in plugin.client_modules} | {"h2", "httpx"}
NAMES = CLIENTS | {name for plugin in built_in() for name in (plugin.key, plugin.protocol)}
