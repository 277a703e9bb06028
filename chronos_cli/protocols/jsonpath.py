"""A subset of JSONPath (RFC 9535): names, indexes and wildcards, no filters and no slices.

`$.items[0].id`, `$['odd name']`, `$.items[*].state`, `$.*`; a negative index counts from the end.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from chronos_cli.problems import Flaw
from chronos_cli.redact import excerpt

_STEP = (
    r"""\.(?P<name>[A-Za-z_\u0080-\U0010ffff][\w-]*)"""
    r"""|\[\s*'(?P<single>[^']*)'\s*\]|\[\s*"(?P<double>[^"]*)"\s*\]"""
    r"""|\[\s*(?P<index>-?[0-9]{1,9})\s*\]|(?P<wild>\.\*|\[\s*\*\s*\])"""
)
# A wildcard behind a wildcard multiplies: more than this is not looked at.
_MOST = 100_000

Step = str | int | None


def parse_path(text: str) -> list[Step]:
    """Return the steps of a path, None for a wildcard; ValueError when it cannot be read."""
    if not text.startswith("$"):
        raise ValueError(f"'{text[:60]}' does not begin with $")
    import re

    step = re.compile(_STEP)
    steps: list[Step] = []
    at = 1
    while at < len(text):
        match = step.match(text, at)
        if match is None:
            raise ValueError(f"cannot read '{text[at : at + 40]}' in the path")
        if match["index"] is not None:
            steps.append(int(match["index"]))
        elif match["wild"] is not None:
            steps.append(None)
        else:
            steps.append(next(m for m in match.group("name", "single", "double") if m is not None))
        at = match.end()
    return steps


def find(steps: list[Step], document: Any) -> list[Any]:
    """Return every value that a path leads to."""
    found = [document]
    for step in steps:
        found = [inner for value in found for inner in _inner(value, step)][:_MOST]
    return found


def _inner(value: Any, step: Step) -> list[Any]:
    if step is None:
        if isinstance(value, dict):
            return list(value.values())
        return value if isinstance(value, list) else []
    if isinstance(step, str):
        return [value[step]] if isinstance(value, dict) and step in value else []
    if isinstance(value, list) and -len(value) <= step < len(value):
        return [value[step]]
    return []


def is_equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_equal, one, other))
    return bool(one == other)


def difference(expected: Mapping[str, Any], document: Any) -> str | None:
    """Return the first path that does not lead to its expected value, in words."""
    for path, value in expected.items():
        found = find(parse_path(path), document)
        if not found:
            return f"{path} is missing, expected {_shown(value)}"
        if not any(is_equal(one, value) for one in found):
            return f"{path} is {_shown(found[0])}, expected {_shown(value)}"
    return None


def path_flaws(expected: Mapping[str, Any], *where: str) -> Iterator[Flaw]:
    """Yield the paths that cannot be read; `where` is the way to them in the target block."""
    for path in expected:
        try:
            parse_path(path)
        except ValueError as error:
            hint = "for example $.state, $.items[0].id, $.items[*].id"
            yield Flaw((*where, path), str(error), hint)


def _shown(value: Any) -> str:
    return excerpt(json.dumps(value, ensure_ascii=False), 100)
