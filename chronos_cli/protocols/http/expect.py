"""The `expect:` block of a webhook: what a response must be for the dispatch to have succeeded."""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw
from chronos_cli.protocols import patterns
from chronos_cli.protocols.http.syntax import is_header_name
from chronos_cli.protocols.jsonpath import difference, path_flaws
from chronos_cli.redact import excerpt


class HttpExpect(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What the response must be for the dispatch to have succeeded."""

    status: Annotated[
        str | list[str], Meta(description="200, a range 200-299, a class 2xx, or a list of these")
    ] = "2xx"
    header: Annotated[
        dict[str, str], Meta(description="Name and value; * in it stands for any text")
    ] = {}
    body: Annotated[
        str | None, Meta(description="Regular expression that is found in the body")
    ] = None
    json: Annotated[
        dict[str, Any],
        Meta(description="JSONPath and the value there", examples=[{"$.state": "queued"}]),
    ] = {}

    def has_status(self, status: int) -> bool:
        """Whether a response's status is an expected one."""
        return any(_is_status(pattern, status) for pattern in self._statuses())

    @property
    def is_particular(self) -> bool:
        """Whether the job says which status it expects."""
        return self.status != "2xx"

    def status_words(self) -> str:
        """Return the expected statuses as they are written."""
        return " or ".join(self._statuses())

    def unmet(self, headers: Sequence[tuple[str, str]], body: str) -> str | None:
        """Return the first expectation of header, body or JSON that is not met, in words."""
        for name, pattern in self.header.items():
            values = [value for other, value in headers if other.lower() == name.lower()]
            if not any(_is_like(value, pattern) for value in values):
                came = f"is '{excerpt(', '.join(values), 200)}'" if values else "is missing"
                return f"header {name} {came}, expected '{pattern}'"
        if self.body is not None and (message := _unmatched(self.body, body)):
            return message
        return _unlike(self.json, body) if self.json else None

    def flaws(self) -> Iterator[Flaw]:
        """Yield what cannot be read, or could never be met."""
        for pattern in self._statuses():
            if not isinstance(pattern, Template) and (mistake := _status_mistake(pattern)):
                yield Flaw(("expect", "status"), mistake)
        if not self._statuses():
            yield Flaw(("expect", "status"), "no status is expected, so none could succeed")
        for name in self.header:
            if not is_header_name(name):
                yield Flaw(("expect", "header", name), f"'{name[:40]}' is not a header name")
        is_text = self.body is not None and not isinstance(self.body, Template)
        if is_text and (mistake := patterns.mistake(self.body or "")):
            yield Flaw(("expect", "body"), mistake)
        yield from path_flaws(self.json, "expect", "json")

    def _statuses(self) -> list[str]:
        return [self.status] if isinstance(self.status, str) else self.status


def _status_mistake(pattern: str) -> str | None:
    bounds = _bounds(pattern)
    if bounds is None:
        return f"'{pattern[:40]}' is not a status such as 200, 200-299 or 2xx"
    if bounds[1] < bounds[0]:
        return f"'{pattern}' runs backwards; write {bounds[1]}-{bounds[0]}"
    return None


def _is_status(pattern: str, status: int) -> bool:
    bounds = _bounds(pattern)
    return bounds is not None and bounds[0] <= status <= bounds[1]


def _bounds(pattern: str) -> tuple[int, int] | None:
    """Return the first and the last status that a pattern means; None when it means none."""
    if len(pattern) == 3 and pattern[0] in "12345" and pattern[1:].lower() == "xx":
        return int(pattern[0]) * 100, int(pattern[0]) * 100 + 99
    first, dash, last = pattern.partition("-")
    if not _is_number(first) or (dash and not _is_number(last)):
        return None
    return int(first), int(last or first)


def _is_number(text: str) -> bool:
    return len(text) == 3 and text[0] in "12345" and text.isascii() and text.isdecimal()


def _is_like(text: str, pattern: str) -> bool:
    """Whether a text fits a pattern in which * stands for anything; never slower than linear."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    if not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end


def _unmatched(expression: str, body: str) -> str | None:
    try:
        if patterns.is_found(expression, body):
            return None
    except TimeoutError:
        return f"the search for /{expression}/ in the body took too long"
    return f"the body has no match for /{expression}/"


def _unlike(expected: dict[str, Any], body: str) -> str | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return "the body is not JSON"
    return difference(expected, document)
