"""Values as a hint shows them: the YAML that is to be written, in one line."""

import re

from chronos_cli.jobs.nodes import Mapping, Node, Scalar

_LONGEST = 60
# What needs no quotes wherever it stands.
_BARE = r"[A-Za-z0-9_./-]([A-Za-z0-9_./:@=+-]*[A-Za-z0-9_./@=+-])?"
_NOT_TEXT = r"true|false|null|~|yes|no|on|off|[-+.]?[0-9][0-9._eExo+-]*"
_LEFT_OUT = "…"


def written(node: Node) -> str:
    """Return a node as YAML in one line; `…` where it is long, or came from a variable."""
    text = _written(node)
    return text if len(text) <= _LONGEST else _LEFT_OUT


def written_text(text: str) -> str:
    """Return a text as YAML; `…` where it is long."""
    return quoted(text) if len(text) <= _LONGEST else _LEFT_OUT


def quoted(text: str) -> str:
    """Return a text as YAML, in quotes if it needs them."""
    if re.fullmatch(_BARE, text) and not re.fullmatch(_NOT_TEXT, text, re.IGNORECASE):
        return text
    return in_quotes(text)


def in_quotes(text: str) -> str:
    """Return a text as YAML in the quotes that suit it."""
    if "\\" in text or '"' in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def _written(node: Node) -> str:
    if isinstance(node, Mapping):
        pairs = (f"{quoted(key)}: {_written(e.value)}" for key, e in node.entries.items())
        return "{" + ", ".join(pairs) + "}"
    if not isinstance(node, Scalar):
        return "[" + ", ".join(map(_written, node.items)) + "]"
    if node.interpolated or node.unknown or len(node.text) > _LONGEST:
        return _LEFT_OUT
    if node.plain and re.fullmatch(_NOT_TEXT, node.text, re.IGNORECASE):
        return node.text
    return quoted(node.text)
