"""Keys of the job file and of chronos.yaml, told in plain lines."""

import textwrap
from collections.abc import Iterator, Mapping

from chronos_cli.jobs.explain import Key
from chronos_cli.report.text import printable

# A key is told beside its name, unless the name is longer.
_LONGEST_NAME = 24


def key_lines(key: Key, width: int | None) -> str:
    """Return all that is known of a key, folded at `width` columns (None: not at all)."""
    return "\n".join(_lines(key, width)) + "\n"


def overview_lines(keys: Mapping[str, Key], width: int | None) -> str:
    """Return the keys at the top of each file."""
    lines: list[str] = []
    for file in dict.fromkeys(key.file for key in keys.values()):
        chosen = {name: key for name, key in keys.items() if key.file == file}
        lines += [*([""] if lines else []), printable(f"{file}:"), *_table(chosen, "  ", width)]
    return "\n".join([*lines, "", "chronos explain KEY tells more, such as: retry_policy"]) + "\n"


def _lines(key: Key, width: int | None) -> Iterator[str]:
    yield printable(f"{key.path} ({key.file})")
    if key.meaning:
        yield from _folded(key.meaning, "  ", "  ", width)
    yield ""
    facts = {"type": key.words, "default": key.default, "example": key.example}
    for name, text in facts.items():
        if text:
            yield from _folded(text, f"  {name:<8} ", " " * 11, width)
    if children := key.children():
        yield ""
        yield "  keys below a name of your own:" if key.is_map else "  keys:"
        yield from _table(children, "    ", width)


def _table(keys: Mapping[str, Key], before: str, width: int | None) -> Iterator[str]:
    column = min(_LONGEST_NAME, max(map(len, keys)))
    for name, key in keys.items():
        notes = "; ".join(
            note for note in (key.words, key.default and _default_words(key.default)) if note
        )
        text = f"{key.meaning} ({notes})" if key.meaning else f"({notes})"
        start = f"{before}{name:<{column}}  "
        yield from _folded(text, start, " " * len(start), width)


def _default_words(default: str) -> str:
    return default if default == "required" else f"default: {default}"


def _folded(text: str, first: str, rest: str, width: int | None) -> list[str]:
    text, first = printable(text), printable(first)
    if width is None:
        return [f"{first}{text}"]
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
        break_long_words=False,
    )
