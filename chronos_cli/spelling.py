"""The spellings in which a secret may stand in a text, and where they are in it.

Each spelling is a list of parts, matched one after the other: letters as they are, and patterns
for what is escaped. Nothing is ambiguous, so that a hostile text costs no more than a look.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache

# Shorter values would blot out innocent text all over a report.
SHORTEST = 4

Part = str | re.Pattern[str]

_JSON_ESCAPED = frozenset("\"\\/<>&'\x7f")
_SHORT_ESCAPES = {'"': '"', "\\": r"\\", "/": "/", "\b": "b"}
# Messages quote the beginnings of values: so much of a secret is masked though it does not go on.
# Of URLs it takes more, for many begin alike.
_LONG_BEGINNING, _LONG_BEGINNING_OF_URL = 32, 256
# No far side's body is read further. What is longer is a payload, and no more than JSON escapes it.
_LONGEST = 64 * 1024
# The longest spelling of a character: percent escapes of four bytes, or two of JSON's escapes.
_WIDEST = 12


class Secret:
    """A text that is to be found in others, however it is spelled there."""

    __slots__ = ("_least", "_parts", "_text", "needle", "start")

    def __init__(self, text: str) -> None:
        self._text = text
        self._parts: list[list[Part]] | None = None
        least = _LONG_BEGINNING_OF_URL if "://" in text else _LONG_BEGINNING
        self._least = min(len(text), least)
        # The longest run of letters and digits: no spelling changes it, so that a text without it
        # has not to be searched.
        self.needle = max(_runs().findall(text[: self._least]), key=len, default="")[:16]
        # What no spelling changes of its first letters.
        match = _plain().match(text)
        self.start = match[0][:SHORTEST] if match else ""

    @classmethod
    def spellings_of(cls, text: str) -> "list[Secret]":
        """Return a secret, and what of its base64 is the same whatever stands before or behind."""
        encoded = {core for written in _written(text) for core in _in_base64(written)}
        return [cls(text), *map(cls, encoded)]

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where the secret, or a long beginning of it, is in a text: start and end."""
        for parts in self._spellings():
            head = parts[0][: self._least] if isinstance(parts[0], str) else parts[0]
            start = _find(head, text, 0)
            while start >= 0:
                end, is_whole = _follow(parts, text, start)
                is_found = is_whole or end - start >= self._least
                if is_found:
                    yield start, end
                start = _find(head, text, end if is_found else start + 1)

    @property
    def longest_begun(self) -> int:
        """How much of a text's end `begun` looks at, at most: longer beginnings are spans."""
        return self._least * _WIDEST

    def begun(self, text: str) -> int | None:
        """Return where the secret begins of which only the first part is there, at the end."""
        starts = (_begun(parts, text, self._least) for parts in self._spellings())
        return min((start for start in starts if start is not None), default=None)

    def _spellings(self) -> list[list[Part]]:
        if self._parts is None:
            self._parts = list(_spellings(self._text))
        return self._parts


def _find(part: Part, text: str, at: int) -> int:
    if isinstance(part, str):
        return text.find(part, at)
    match = part.search(text, at)
    return -1 if match is None else match.start()


def _begun(parts: list[Part], text: str, least: int) -> int | None:
    head = parts[0][:SHORTEST] if isinstance(parts[0], str) else parts[0]
    is_plain = len(parts) == 1 and isinstance(parts[0], str)
    start = _find(head, text, max(0, len(text) - (least if is_plain else least * _WIDEST)))
    while 0 <= start <= len(text) - SHORTEST:
        end, is_whole = _follow(parts, text, start)
        if end == len(text) and not is_whole:
            return start
        start = _find(head, text, start + 1)
    return None


def _follow(parts: list[Part], text: str, at: int) -> tuple[int, bool]:
    """Match the parts from a place on; return how far they do, and whether all of them are there.

    Where the text breaks off in the middle of a part, they match as far as the text's end.
    """
    for part in parts:
        if isinstance(part, str):
            if not text.startswith(part, at):
                return _where_it_breaks_off(text, at + _common(part, text, at)), False
            at += len(part)
        elif match := part.match(text, at):
            at = match.end()
        else:
            return _where_it_breaks_off(text, at), False
    return at, True


def _common(part: str, text: str, at: int) -> int:
    """Return how many letters of a part stand in a text at a place, by halving."""
    known, most = 0, min(len(part), len(text) - at)
    while known < most:
        middle = (known + most + 1) // 2
        if text.startswith(part[known:middle], at + known):
            known = middle
        else:
            most = middle - 1
    return known


def _where_it_breaks_off(text: str, at: int) -> int:
    """Return the text's end where only the first letters of an escape are left, else `at`."""
    is_cut = len(text) - at < _WIDEST and text[at : at + 1] in {"%", "\\"}
    return len(text) if is_cut else at


def _spellings(secret: str) -> Iterator[list[Part]]:
    if len(secret) > _LONGEST:
        yield from map(_folded, _in_json(secret))
        return
    # What was escaped once may be so again: a far side quotes a request in JSON of its own, a
    # redirect quotes a form in a URL, and a report quotes both.
    for text in _written(secret).union(*map(_in_json, _in_json(secret))):
        yield _folded(text)
        if _is_plain(text):
            continue
        yield _percent(text)
        if any(letter.isspace() for letter in text):
            yield _as_form(text)
        if any(map(_is_escaped_in_json, text)):
            yield _as_json(text)


def _written(secret: str) -> set[str]:
    """Return a secret as it is, as JSON writes it, and as URLs and forms do."""
    if _is_plain(secret) or len(secret) > _LONGEST:
        return {secret}
    from urllib.parse import quote, quote_plus

    return {*_in_json(secret), quote(secret, safe=""), quote_plus(secret)}


def _in_json(text: str) -> set[str]:
    """Return a text as it is, and as JSON writes it, with and without escapes beyond ASCII."""
    if not any(map(_is_escaped_in_json, text)):
        return {text}
    import json

    return {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}


def _folded(secret: str) -> list[Part]:
    """Return the secret as it is, its blanks and line ends perhaps folded."""
    parts: list[Part] = []
    for token in _tokens().findall(secret):
        if token.isspace():
            parts.append(_pattern(rf"\s{{1,{len(token)}}}"))
        elif parts and isinstance(parts[-1], str):
            parts[-1] += token
        else:
            parts.append(token)
    return parts


def _escaped(
    secret: str, escape: Callable[[str], str], must: str, blank: str, leaves: Callable[[str], bool]
) -> list[Part]:
    """Return the secret with its letters escaped, or as they are: there writers differ.

    `must` are letters that never stand as they are, `blank` is the pattern of a blank beside its
    escape, and `leaves` tells which tokens nobody escapes.
    """
    parts: list[Part] = []
    for token in _tokens().findall(secret):
        if token.isspace():
            escapes = "|".join([blank, *sorted(set(map(escape, token)))])
            parts.append(_pattern(rf"(?:{escapes}){{1,{len(token)}}}"))
        elif leaves(token):
            parts.append(token)
        elif token in must:
            parts.append(_pattern(escape(token)))
        else:
            parts.append(_pattern(f"{escape(token)}|{re.escape(token)}"))
    return parts


def _percent(secret: str) -> list[Part]:
    return _escaped(secret, _percent_escape, "%", r"\s|%20", _is_plain)


def _as_form(secret: str) -> list[Part]:
    return _escaped(secret, _percent_escape, "%+", r"\+", _is_plain)


def _as_json(secret: str) -> list[Part]:
    return _escaped(secret, _json_escape, '"\\', r"\s|\\[nrtf]", _is_plain_in_json)


def _is_plain(token: str) -> bool:
    return _plain().fullmatch(token) is not None


def _is_plain_in_json(token: str) -> bool:
    return _is_plain(token) or not _is_escaped_in_json(token)


def _is_escaped_in_json(letter: str) -> bool:
    return letter in _JSON_ESCAPED or letter < " " or letter > "\x7f"


def _percent_escape(letter: str) -> str:
    return "".join(f"%{_hexadecimal(f'{byte:02x}')}" for byte in utf8(letter))


def _json_escape(letter: str) -> str:
    """Return the pattern of JSON's escapes for a letter, and of ours for terminals."""
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    escapes = "".join(rf"\\u{_hexadecimal(units[at : at + 4])}" for at in range(0, len(units), 4))
    if ord(letter) < 0x100:
        escapes += rf"|\\x{_hexadecimal(f'{ord(letter):02x}')}"
    if letter in _SHORT_ESCAPES:
        escapes += rf"|\\{_SHORT_ESCAPES[letter]}"
    return escapes


def _hexadecimal(digits: str) -> str:
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in digits)


def _in_base64(text: str) -> Iterator[str]:
    """Yield the base64 of a text at each alignment, less the letters that its neighbours share."""
    from binascii import b2a_base64

    raw = utf8(text[:_LONGEST])
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        encoded = b2a_base64(b"\0" * before + raw, newline=False).decode()
        whole = len(encoded) if encoded[-1] != "=" else len(encoded.rstrip("=")) - 1
        core = encoded[shared:whole]
        if len(core) >= SHORTEST:
            # The alphabet of URLs too (RFC 4648, 5).
            yield from {core, core.replace("+", "-").replace("/", "_")}


def utf8(text: str) -> bytes:
    """Return a text's bytes: of a file's name that is not UTF-8, those that it has on disk."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="replace")


@cache
def _pattern(source: str) -> re.Pattern[str]:
    return re.compile(source)


@cache
def _tokens() -> re.Pattern[str]:
    """Match letters that no spelling changes, blanks in a row, or one other letter."""
    return re.compile(r"[A-Za-z0-9_.~-]+|\s+|[^\s]")


@cache
def _plain() -> re.Pattern[str]:
    return re.compile(r"[A-Za-z0-9_.~-]+")


@cache
def _runs() -> re.Pattern[str]:
    return re.compile(r"[A-Za-z0-9]+")
