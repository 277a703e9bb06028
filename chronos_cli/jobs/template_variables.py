"""Which `vars.x` the templates of a job need, because they have no default for it."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from msgspec import Struct

from chronos_cli.jobs.model import Job
from chronos_cli.jobs.template import Template
from chronos_cli.jobs.template_engine import environment

# A name may be missing where one of these asks for it.
_ASKING = {"Filter": {"default", "d"}, "Test": {"defined", "undefined"}}
# In these, a test `vars.x is defined` stands for all that is said of `vars.x`.
_GUARDING = frozenset({"CondExpr", "And", "Or"})


def missing_variables(job: Job, given: Mapping[str, str]) -> list[str]:
    """Return the names that a job and its notices need beside those given, each once."""
    jobs = (job, *job.notices.values())
    texts = [text for one in jobs if one.has_templates or one.event for text in _templates(one)]
    needed = {name: None for text in texts for name in needed_variables(text)}
    return [name for name in needed if name not in given]


@lru_cache(maxsize=1000)
def needed_variables(text: str) -> tuple[str, ...]:
    """Return the names in a sound template that must be given, in order."""
    if "vars" not in text:
        return ()
    return tuple(dict.fromkeys(_needed(environment().parse(text), frozenset())))


def _templates(value: Any) -> Iterator[str]:
    """Yield the templates of what a job sends; its notices are jobs of their own."""
    if isinstance(value, Template):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _templates(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _templates(item)
    elif isinstance(value, Job):
        for item in (value.target, value.payload, value.event):
            yield from _templates(item)
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from _templates(getattr(value, name))


def _needed(node: Any, optional: frozenset[str]) -> Iterator[str]:
    """Yield the names below a node of the tree, less those that may be missing there."""
    kind = type(node).__name__
    name = _variable(node)
    if name is not None:
        if name not in optional:
            yield name
        return
    if kind in _ASKING and node.name in _ASKING[kind]:
        asked = _variable(node.node)
        optional = optional | {asked} if asked is not None else optional
    elif kind in _GUARDING:
        optional |= _tested(node)
    for child in node.iter_child_nodes():
        yield from _needed(child, optional)


def _tested(node: Any) -> frozenset[str]:
    """Return the names that a `… is defined` below a node asks for."""
    from jinja2.nodes import Test  # there already: it has read the tree

    tests = [test for test in node.find_all(Test) if test.name in _ASKING["Test"]]
    return frozenset(name for test in tests if (name := _variable(test.node)) is not None)


def _variable(node: Any) -> str | None:
    """Return x of `vars.x` and `vars['x']`."""
    kind = type(node).__name__
    if kind not in {"Getattr", "Getitem"} or getattr(node.node, "name", None) != "vars":
        return None
    if kind == "Getattr":
        return str(node.attr)
    key = getattr(node.arg, "value", None)
    return key if isinstance(key, str) else None
