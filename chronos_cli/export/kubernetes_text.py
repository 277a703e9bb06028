"""Manifests as YAML that people read: texts of several lines stay such."""

from collections.abc import Iterable
from typing import Any

import yaml

from chronos_cli.export.model import comment


class _Dumper(yaml.SafeDumper):
    """Writes several lines as a block, and each list and mapping out in full."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Say that there are none: a name for a block is harder to read than the block."""
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def manifest(document: dict[str, Any], told: Iterable[str]) -> str:
    """Return a document as YAML, with comments before it."""
    head = ["# Written by chronos export kubernetes", *(comment(f"note: {text}") for text in told)]
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=4096)
    return "\n".join([*head, body])
