"""Keeping secrets out of everything that is printed, logged, stored or reported."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

MASK = "***"

# Shorter values would blot out innocent text all over a report.
_SHORTEST = 4
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_SECRET_WORDS = frozenset(
    "password passwd pass pwd passphrase token secret apikey authorization cookie credential "
    "credentials nkey seed private signature bearer".split()
)
# A plain `key: orders` is a Kafka key more often than a secret: it counts only when its value
# was brought in from outside the file.
_DOUBTFUL_WORDS = frozenset({"key", "auth"})
_ADDRESSES = frozenset({"routing_key", "partition_key", "partitionkey"})
# What ends so says where a secret is, or is got: `token_file`, `token_url`.
_PLACES = frozenset({"file", "path", "url", "uri", "endpoint"})
_USERINFO = re.compile(r"(?<=://)[^\s/?#\"']+(?=@)")
_PARAMETER = re.compile(r"(?<=[?&])([^=&#\s\"'<>]{1,100})=([^&#\s\"'<>]+)")

_IDS = frozenset({"job_id", "execution_id"})

# Marks a text that was cut; the rest of a secret may stand before it.
CUT = "…"
_MOST_CUTS = 8
# A text of this length may have been cut without a mark.
_LONG = 1000


def bears_secret(key: str, *, from_outside: bool = False) -> bool:
    """Whether a value under `key` is a secret.

    `from_outside` is for values that came from the environment: for those, doubtful names
    (`key`, `auth`) count as well.
    """
    lowered = key.lower()
    if lowered in _ADDRESSES:
        return False
    listed = [word.lower() for word in _WORDS.findall(key)]
    if listed and listed[-1] in _PLACES:
        return False
    words = set(listed)
    if words & _SECRET_WORDS or {"api", "key"} <= words or {"access", "key"} <= words:
        return True
    return from_outside and bool(words & _DOUBTFUL_WORDS)


def mask_urls(text: str) -> str:
    """Mask `user:password` in every URL of a text, and parameters that are named like a secret."""
    if "?" in text or "&" in text:
        text = _PARAMETER.sub(_masked_parameter, text)
    return _USERINFO.sub(MASK, text)


def url_secrets(text: str, *, from_outside: bool = False) -> Iterator[str]:
    """Yield the values of a URL's parameters that are named like a secret, as they are meant."""
    for match in _PARAMETER.finditer(text):
        if bears_secret(match[1], from_outside=from_outside):
            yield unquote_plus(match[2])


def excerpt(text: str, most: int) -> str:
    """Return a text in one line, cut to at most so many characters, with a mark if it was."""
    # Splitting all of a long text would take its time.
    line = " ".join(text[: most * 4].split())
    is_whole = len(line) <= most and len(text) <= most * 4
    return line if is_whole else line[: most - 1] + CUT


def _masked_parameter(match: re.Match[str]) -> str:
    return f"{match[1]}={MASK}" if bears_secret(match[1]) else match[0]


class Redactor:
    """Collects the secret values of a run and masks them in texts and in data."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """Mask this value from now on, also as URLs and JSON would spell it."""
        if len(secret.strip()) < _SHORTEST:
            return
        spellings = {secret, secret.strip(), quote(secret, safe=""), quote_plus(secret)}
        spellings |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
        # A secret of several lines (a private key) may be quoted line by line.
        spellings |= {line.strip() for line in secret.splitlines() if len(line.strip()) >= 16}
        self._secrets |= spellings
        self._pattern = None

    def text(self, text: str) -> str:
        """Return the text with every known secret and all that is secret in URLs masked.

        Of a text that was cut its last word may be the first part of a secret.
        """
        if self._secrets:
            if self._pattern is None:
                longest_first = sorted(self._secrets, key=len, reverse=True)
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))
            text = self._pattern.sub(MASK, text)
            if CUT in text or len(text) >= _LONG:
                # Marks of ours are few, and stand behind what a far side has said.
                *parts, last = text.rsplit(CUT, _MOST_CUTS)
                parts = [self._without_begun(part) for part in parts]
                text = CUT.join([*parts, self._without_begun(last) if len(text) >= _LONG else last])
        return mask_urls(text)

    def _without_begun(self, text: str) -> str:
        """Mask the first part of a secret where a text ends with it."""
        for secret in self._secrets:
            begin = secret[:_SHORTEST]
            at = text.find(begin, max(0, len(text) - len(secret) + 1))
            while at >= 0:
                if secret.startswith(text[at:]):
                    return text[:at] + MASK
                at = text.find(begin, at + 1)
        return text

    def data(self, value: Any) -> Any:
        """Return JSON-like data with every text in it masked, but for IDs.

        By those scripts find their way; one that is also a password gives nothing away.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                self.text(str(key)): item
                if key in _IDS and isinstance(item, str)
                else self.data(item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.data(item) for item in value]
        return value
