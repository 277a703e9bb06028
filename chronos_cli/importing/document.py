"""A draft as the text of a job file, with comments above it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from chronos_cli.dispatch.importer import reference, references_in, replace_references
from chronos_cli.report.text import printable_lines

# Keys of a job whose texts may be templates; all others must not have one.
_WITHOUT_TEMPLATES = frozenset(("name", "description", "schedule", "timezone"))
# Characters of a value, above which a mapping is not written in one line.
_SHORT = 8
_OPENER = r"\{[{%#]"


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, small lists and mappings in one line."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - job files have no aliases
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text.rstrip("\n") else None
    if printable_lines(text) != text:
        style = '"'  # where the escapes that make it printable are read as what they stand for
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _mapping(dumper: yaml.SafeDumper, data: dict[str, Any]) -> yaml.Node:
    """Write a mapping of a few short values in one line, as people do."""
    short = all(
        isinstance(value, int | float) or (isinstance(value, str) and len(value) <= _SHORT)
        for value in data.values()
    )
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=short)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(dict, _mapping)


def job_text(keys: Mapping[str, Any], comments: Iterable[str]) -> str:
    """Return the text of one job: its keys in their order, comments before them."""
    written = {
        key: _written(value, is_text=key in _WITHOUT_TEMPLATES) for key, value in keys.items()
    }
    lines = [f"# {line}".rstrip() for comment in comments for line in comment.splitlines()]
    body = yaml.dump(written, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return printable_lines("\n".join([*lines, body]))


def _written(value: Any, *, is_text: bool) -> Any:
    """Return a value in the language of job files: what is no variable stays as it is."""
    if isinstance(value, str):
        return _escaped(value, is_text=is_text)
    if isinstance(value, Mapping):
        return {key: _written(item, is_text=is_text) for key, item in value.items()}
    if isinstance(value, list):
        return [_written(item, is_text=is_text) for item in value]
    return value


def _escaped(text: str, *, is_text: bool) -> str:
    opener = re.search(_OPENER, text)
    if opener and is_text:
        text = re.sub(_OPENER, lambda match: " ".join(match[0]), text)
    elif opener:
        # Before a variable as well: its value may begin with a brace.
        text = re.sub(r"\{(?=[{%#\0])", "{{ '{' }}", text)
    return replace_references(text.replace("$", "$$"), lambda name: f"${{{name}}}")


def variables_in(value: Any) -> list[str]:
    """Return the variables that stand in a draft's values, each once, in their order."""
    found: list[str] = []
    if isinstance(value, str):
        found = references_in(value)
    elif isinstance(value, Mapping):
        found = [name for item in value.values() for name in variables_in(item)]
    elif isinstance(value, list):
        found = [name for item in value for name in variables_in(item)]
    return list(dict.fromkeys(found))


def with_variable(value: Any, secret: str, name: str) -> Any:
    """Return a draft's value with a variable wherever a secret stands in its texts."""
    if isinstance(value, str):
        return value.replace(secret, reference(name))
    if isinstance(value, Mapping):
        return {key: with_variable(item, secret, name) for key, item in value.items()}
    if isinstance(value, list):
        return [with_variable(item, secret, name) for item in value]
    return value
