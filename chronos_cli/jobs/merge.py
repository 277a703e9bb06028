"""Laying a job's own keys over defaults, as nodes, so that every value keeps its place."""

from collections.abc import Collection

from chronos_cli.jobs.nodes import Entry, Mapping, Node, Sequence


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
        is_own = value is entry.value
        entries[name] = entry if is_own else Entry(name, entry.line, entry.column, value)
    return Mapping(own.file, own.line, own.column, entries)


def overlaid(defaults: Mapping | None, own: Mapping) -> Mapping:
    """Return a mapping laid over another, or over nothing."""
    node = merged(defaults, own)
    assert isinstance(node, Mapping)
    return node


def inherited(own: Mapping, defaults: Mapping | None, targets: Collection[str]) -> Mapping:
    """Lay a job over `defaults:`, of which other protocols' target blocks are left out.

    `targets` are the keys of all target blocks.
    """
    if defaults is None:
        return own
    own_targets = {key for key in own.entries if key in targets}
    others = {key for key in targets if own_targets and key not in own_targets}
    return overlaid(without(defaults, others), own)


def mark_shared(node: Node) -> None:
    """Mark the lists and mappings below a node as those that several jobs inherit."""
    if isinstance(node, Mapping):
        node.shared = True
        for entry in node.entries.values():
            mark_shared(entry.value)
    elif isinstance(node, Sequence):
        node.shared = True
        for item in node.items:
            mark_shared(item)


def without(node: Mapping, names: set[str]) -> Mapping:
    """Return a mapping less some of its keys."""
    kept = {name: entry for name, entry in node.entries.items() if name not in names}
    return Mapping(node.file, node.line, node.column, kept)


def only(node: Mapping, names: set[str]) -> Mapping:
    """Return a mapping with some of its keys alone."""
    return without(node, set(node.entries) - names)
