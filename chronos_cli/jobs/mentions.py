"""What `${…}` in a job asks for, without looking anything up: for those who hand a job on."""

import re
from collections.abc import Collection, Iterator

from msgspec import Struct

from chronos_cli.jobs.files import SourceFile, parse_file
from chronos_cli.jobs.merge import inherited, without
from chronos_cli.jobs.nodes import Mapping, Node, Scalar, Sequence
from chronos_cli.problems import Position
from chronos_cli.redact import bears_secret, url_secrets

# `$$` is a dollar sign. Words behind an operator hold references of their own, found in turn.
_REFERENCE = re.compile(
    r"\$\$|\$\{(?:file:(?P<file>(?:[^${}]|\$\{[^{}]*\})*)\}"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<operator>:?[-?+])?)|\}"
)
_INNERMOST = re.compile(r"\$\{[^${}]*\}")
_DEFAULT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*):?-([^${}]+)\}")
_TEMPLATE_OPENERS = ("{{", "{%", "{#")


class Mentions(Struct, frozen=True):
    """What a job asks for. `variables` tells of each whether the job fails without it.

    `files` are the paths of `${file:…}` as written. `texts` are all that stand in it as they are,
    the names of other files among them.
    """

    variables: dict[str, bool] = {}
    files: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


def mentions_by_job(source: SourceFile, keys: Collection[str]) -> dict[Position, Mentions]:
    """Return what each job of a file asks for, by its position; `keys` are all target blocks'."""
    found = {}
    for document in parse_file(source).documents:
        for node in _jobs_in(document.root, keys):
            found[node.position] = mentions_in(node)
    return found


def mentions_in_config(source: SourceFile, protocols: Collection[str]) -> Mentions:
    """Return what a chronos.yaml asks for when jobs go over these protocols alone."""
    documents = parse_file(source).documents
    root = documents[0].root if documents else None
    if not isinstance(root, Mapping):
        return Mentions()
    found = mentions_in(without(root, {"dispatcher"}))
    dispatcher = root.entries.get("dispatcher")
    if dispatcher is None or not isinstance(dispatcher.value, Mapping):
        return found
    used = without(dispatcher.value, set(dispatcher.value.entries) - set(protocols))
    more = mentions_in(used)
    files = tuple(dict.fromkeys((*found.files, *more.files)))
    return Mentions(joined(found.variables, more.variables), files)


def joined(one: dict[str, bool], other: dict[str, bool]) -> dict[str, bool]:
    """Return variables of two, each needed when either needs it."""
    found = dict(one)
    for name, is_required in other.items():
        found[name] = found.get(name, False) or is_required
    return found


def mentions_in(node: Node) -> Mentions:
    """Return what the values below a node ask for."""
    variables: dict[str, bool] = {}
    files: dict[str, None] = {}
    texts: dict[str, None] = {}
    for _, scalar in _keyed(node):
        if "$" not in scalar.text:
            texts[scalar.text] = None
        for path, name, is_required in _references(scalar.text):
            if path:
                files[path] = None
            if name:
                variables[name] = variables.get(name, False) or is_required
    return Mentions(variables, tuple(files), tuple(texts))


def plain_secrets(source: SourceFile) -> tuple[Position, ...]:
    """Return the places of secrets that stand in a file in clear text, as far as keys tell."""
    roots = [document.root for document in parse_file(source).documents]
    keyed = (pair for root in roots for pair in _keyed(root))
    return tuple(scalar.position for key, scalar in keyed if _holds_secret(key, scalar.text))


def _references(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield each path and each variable, and whether it is needed in any case.

    What stands in the word of another variable is needed only where that word is chosen.
    """
    depth = 0
    for match in _REFERENCE.finditer(text) if "${" in text else ():
        if match["name"]:
            is_required = match["operator"] is None or "?" in match["operator"]
            yield "", match["name"], is_required and not depth
            depth += 1
        elif match["file"] is not None:
            yield match["file"], "", True
            for _, name, is_required in _references(match["file"]):
                yield "", name, is_required and not depth
        elif match[0] == "}" and depth:
            depth -= 1


def _jobs_in(root: Node, keys: Collection[str]) -> Iterator[Mapping]:
    if not isinstance(root, Mapping):
        return
    listed = root.entries.get("jobs")
    if listed is None:
        yield root
        return
    entry = root.entries.get("defaults")
    defaults = entry.value if entry and isinstance(entry.value, Mapping) else None
    for item in listed.value.items if isinstance(listed.value, Sequence) else ():
        if isinstance(item, Mapping):
            yield inherited(item, defaults, keys)


def _keyed(node: Node, key: str = "") -> Iterator[tuple[str, Scalar]]:
    """Yield the scalars below a node with the keys that they stand under."""
    if isinstance(node, Scalar):
        yield key, node
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _keyed(item, key)
    else:
        for name, entry in node.entries.items():
            yield from _keyed(entry.value, name)


def _holds_secret(key: str, text: str) -> bool:
    """Whether a secret stands in a text itself, and not where the text refers to."""
    for name, default in _DEFAULT.findall(text):
        if bears_secret(name, from_outside=True) and default.strip():
            return True
    plain = text
    while plain != (shorter := _INNERMOST.sub("", plain)):
        plain = shorter
    if any(opener in plain for opener in _TEMPLATE_OPENERS):
        return False
    if bears_secret(key) and plain == text and plain.strip():
        return True  # beside a reference stands what is no secret: `Bearer ${TOKEN}`
    return "://" in plain and any(url_secrets(plain))
