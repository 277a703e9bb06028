"""What a job is chosen by, as its file tells: without looking at anything else in it."""

import re
import unicodedata

from chronos_cli.jobs.nodes import Mapping, Node, Scalar, is_null
from chronos_cli.jobs.scope import Outline


def outline_of(node: Mapping) -> Outline:
    """Return the outline of a job's mapping, with all that it inherits laid under it."""
    return Outline(_identifier(node), _tags(node))


def slug(name: str) -> str:
    """Return the job ID that a name stands for: `Täglicher Report!` is `taglicher-report`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._")[:128]


def _identifier(node: Mapping) -> str | None:
    entry = node.entries.get("id")
    if entry is not None and not is_null(entry.value):
        return _text(entry.value)
    entry = node.entries.get("name")
    name = _text(entry.value) if entry is not None else None
    return slug(name) if name is not None else None


def _tags(node: Mapping) -> dict[str, str | None]:
    entry = node.entries.get("tags")
    if entry is None or not isinstance(entry.value, Mapping):
        return {}
    return {key: _text(one.value) for key, one in entry.value.entries.items()}


def _text(node: Node) -> str | None:
    return node.text if isinstance(node, Scalar) and not node.unknown else None
