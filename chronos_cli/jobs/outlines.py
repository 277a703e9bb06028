"""The jobs of files as far as they can be told apart without variables: for those in a hurry."""

import io
import time
from collections.abc import Iterable, Iterator

from chronos_cli.jobs.files import find_files, parse_file, read_file
from chronos_cli.jobs.merge import overlaid
from chronos_cli.jobs.nodes import Mapping, Node, Sequence, scalars
from chronos_cli.jobs.outline import outline_of
from chronos_cli.jobs.scope import Outline


def outlines_of(paths: Iterable[str], seconds: float) -> Iterator[Outline]:
    """Yield the jobs of files, whatever else is wrong with them, for so long at most.

    Standard input is not read. Raises UsageError for a path that is not there.
    """
    until = time.monotonic() + seconds
    for path in find_files(one for one in paths if one != "-"):
        if time.monotonic() > until:
            return
        for document in parse_file(read_file(path, io.BytesIO())).documents:
            for node in _jobs(document.root):
                _mark_unknown(node)
                yield outline_of(node)


def _mark_unknown(node: Mapping) -> None:
    """Mark what depends on a variable among that which a job is told by."""
    for name in ("id", "name", "tags"):
        if entry := node.entries.get(name):
            for scalar in scalars(entry.value):
                scalar.unknown = "${" in scalar.text


def _jobs(root: Node) -> Iterator[Mapping]:
    if not isinstance(root, Mapping):
        return
    if "jobs" not in root.entries:
        yield root
        return
    listed = root.entries["jobs"].value
    entry = root.entries.get("defaults")
    defaults = entry.value if entry and isinstance(entry.value, Mapping) else None
    if isinstance(listed, Sequence):
        for node in listed.items:
            if isinstance(node, Mapping):
                yield overlaid(defaults, node)
