"""Keeping secrets out of everything that is printed, logged, stored or reported."""

import json
import re
from typing import Any
from urllib.parse import quote, quote_plus

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
_USERINFO = re.compile(r"(?<=://)[^\s/?#\"']+(?=@)")


def bears_secret(key: str, *, from_outside: bool = False) -> bool:
    """Whether a value under `key` is a secret.

    `from_outside` is for values that came from the environment: for those, doubtful names
    (`key`, `auth`) count as well.
    """
    lowered = key.lower()
    if lowered in _ADDRESSES:
        return False
    words = {word.lower() for word in _WORDS.findall(key)}
    if words & _SECRET_WORDS or {"api", "key"} <= words or {"access", "key"} <= words:
        return True
    return from_outside and bool(words & _DOUBTFUL_WORDS)


def mask_userinfo(text: str) -> str:
    """Mask `user:password` in every URL of a text."""
    return _USERINFO.sub(MASK, text)


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
        """Return the text with every known secret and every URL's userinfo masked."""
        if self._secrets:
            if self._pattern is None:
                longest_first = sorted(self._secrets, key=len, reverse=True)
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))
            text = self._pattern.sub(MASK, text)
        return mask_userinfo(text)

    def data(self, value: Any) -> Any:
        """Return JSON-like data with every text in it masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.data(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(item) for item in value]
        return value
