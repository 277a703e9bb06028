"""Laying a job's own keys over defaults, as nodes, so that every value keeps its place."""

from chronos_cli.jobs.document import Entry, Mapping, Node


def merged(defaults: Node | None, own: Node) -> Node:
    """Return `own` with the defaults' keys that it lacks.

    Mappings are merged key by key; anything else of `own` replaces the default.
    """
    if not isinstance(defaults, Mapping) or not isinstance(own, Mapping):
        return own
    entries = dict(defaults.entries)
    for name, entry in own.entries.items():
        default = defaults.entries.get(name)
        value = merged(default.value, entry.value) if default else entry.value
        entries[name] = Entry(entry.key, value)
    return Mapping(own.position, entries)


def overlaid(defaults: Mapping | None, own: Mapping) -> Mapping:
    """Return a mapping laid over another, or over nothing."""
    node = merged(defaults, own)
    assert isinstance(node, Mapping)
    return node


def without(node: Mapping, names: set[str]) -> Mapping:
    """Return a mapping less some of its keys."""
    kept = {name: entry for name, entry in node.entries.items() if name not in names}
    return Mapping(node.position, kept)


def only(node: Mapping, names: set[str]) -> Mapping:
    """Return a mapping with some of its keys alone."""
    return without(node, set(node.entries) - names)
