"""Keeping secrets out of everything that is printed, logged, stored or reported.

A secret is found in every spelling that texts go through on their way: as it is, with blanks and
line ends folded, in base64 (at each of the three alignments), with percent escapes (RFC 3986, and
`+` for a blank as in forms) and with JSON's escapes. See `spelling.py`.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Any

from chronos_cli.spelling import SHORTEST, Secret

MASK = "***"

_SECRET_WORDS = frozenset(
    "password passwords passwd pass pwd passphrase passcode token secret secrets apikey "
    "authorization cookie credential credentials nkey seed private signature sig bearer jwt "
    "dsn".split()
)
# Names that are written without a gap: PGPASSWORD, AUTHTOKEN.
_SECRET_ENDINGS = ("password", "passwd", "passphrase", "secret", "token", "apikey", "credentials")
# A plain `key: orders` is a Kafka key more often than a secret: it counts only when its value
# was brought in from outside the file.
_DOUBTFUL_WORDS = frozenset({"key", "auth", "webhook", "webhooks", "hook"})
# A key that follows one of these says where a message goes, or is known to everybody.
_OPEN_KEYS = frozenset({"routing", "partition", "ordering", "message", "idempotency", "public"})
# What ends so says where a secret is, or is got: `token_file`, `token_url`.
_FILES = frozenset({"file", "path"})
_URLS = frozenset({"url", "uri", "endpoint"})
# But of these the URL is itself the secret: who knows it may post.
_URL_SECRETS = frozenset({"webhook", "webhooks", "hook", "dsn"})
# A variable that ends so tells something about a secret: AUTH_USER, TOKEN_TTL, SSH_AUTH_SOCK.
_FACTS = frozenset(
    "user username name dir host port sock ttl timeout expiry count length type enabled".split()
)
# The shell's own; neither is a password.
_FOLDERS = frozenset({"PWD", "OLDPWD"})
# Values that variables named like a secret have when there is none.
_SETTINGS = frozenset({"true", "false", "none", "null"})

# What Chronos itself writes at these keys, in documents of its own: scripts find their way by it.
_OWN_KEYS = frozenset(
    "job_id execution_id status protocol origin event time started_at scheduled_time hook "
    "trace_id".split()
)
_OWN_LISTS = frozenset({"results", "attempts", "notices", "jobs"})

# Marks a text that was cut; the rest of a secret may stand before it.
CUT = "…"
_MOST_CUTS = 8
# A text of this length may have been cut without a mark.
_LONG = 1000
# A line of a secret (of a private key) may be quoted alone when it is as long as this; what is
# longer in all is a payload.
_SHORTEST_LINE, _LONGEST_OF_LINES = 16, 64 * 1024
# The path of a URL may be quoted alone, and a part of it; a short one would blot out others.
_SHORTEST_PATH, _SHORTEST_STEP = 8, 16
# Up to so many secrets are looked for one by one.
_FEW = 500


@lru_cache(maxsize=4096)
def bears_secret(key: str, *, from_outside: bool = False) -> bool:
    """Return whether a value under `key` is a secret.

    `from_outside` is for the names of variables, and for values that came from one: for those,
    doubtful names (`key`, `auth`, `webhook`) count as well.
    """
    listed = [word.lower() for word in _words().findall(key)]
    words = set(listed)
    last = listed[-1] if listed else ""
    if last in _URLS:
        return from_outside and bool(words & _URL_SECRETS)
    if last in _FILES or (from_outside and (last in _FACTS or key in _FOLDERS)):
        return False
    if words & _SECRET_WORDS or any(word.endswith(_SECRET_ENDINGS) for word in listed):
        return True
    if words & {"api", "access"} and "key" in words:
        return True
    doubtful = words & _DOUBTFUL_WORDS
    return from_outside and bool(doubtful - {"key"} if words & _OPEN_KEYS else doubtful)


def mask_urls(text: str) -> str:
    """Mask `user:password` in every URL of a text, and parameters that are named like a secret."""
    if _may_hold_parameter(text):
        text = _parameter().sub(_masked_parameter, text)
    if _may_hold_userinfo(text):
        text = _userinfo().sub(MASK, text)
    return text


def url_secrets(text: str, *, from_outside: bool = False) -> Iterator[str]:
    """Yield the secrets in a URL as they are meant: parameters named like one, and a password."""
    from urllib.parse import unquote, unquote_plus

    for match in _parameter().finditer(text):
        if bears_secret(match[1], from_outside=from_outside):
            yield unquote_plus(match[2])
    for match in _userinfo().finditer(text):
        user, _, password = match[0].partition(":")
        # guest:guest is no secret, and guest is a word of many texts.
        if password != user:
            yield unquote(password)


def excerpt(text: str, most: int) -> str:
    """Return a text in one line, cut to at most so many characters, with a mark if it was."""
    # Splitting all of a long text would take its time.
    line = " ".join(text[: most * 4].split())
    is_whole = len(line) <= most and len(text) <= most * 4
    return line if is_whole else line[: most - 1] + CUT


class Redactor:
    """Collects the secret values of a run and masks them in texts and in data."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._secrets: list[Secret] = []
        self._longest = 0
        # By the first letters of what must be in a text, for when there are very many; and those
        # of which less must be there.
        self._by_start: dict[str, list[Secret]] = {}
        self._short: list[Secret] = []

    def add(self, secret: str) -> None:
        """Mask this value from now on, in every spelling; of a URL also the parts that tell it.

        Values of less than four characters are not masked: they would blot out innocent text.
        """
        secret = secret.strip()
        if secret in self._known or len(secret) < SHORTEST or secret.lower() in _SETTINGS:
            return
        self._known.add(secret)
        self._watch(Secret.spellings_of(secret))
        if len(secret) <= _LONGEST_OF_LINES and ("\n" in secret or "\r" in secret):
            lines = (line.strip() for line in secret.splitlines())
            self._watch(Secret(line) for line in lines if len(line) >= _SHORTEST_LINE)
        for part in _telling_parts(secret):
            self.add(part)

    def _watch(self, secrets: Iterable[Secret]) -> None:
        for secret in secrets:
            self._secrets.append(secret)
            self._longest = max(self._longest, secret.longest_begun)
            start = secret.needle[:SHORTEST]
            known = self._short if len(start) < SHORTEST else self._by_start.setdefault(start, [])
            known.append(secret)

    def text(self, text: str) -> str:
        """Return the text with every known secret and all that is secret in URLs masked.

        Of a text that was cut its last word may be the first part of a secret.
        """
        if self._secrets:
            whole = [span for secret in self._candidates(text) for span in secret.spans(text)]
            if spans := sorted([*whole, *self._begun(text)]):
                text = _without(text, spans)
        return mask_urls(text)

    def data(self, value: Any) -> Any:
        """Return JSON-like data with every text in it masked; the same object if none has to be.

        IDs, times and statuses of Chronos' own documents stay: by those scripts find their way,
        and one that is also a password gives nothing away.
        """
        return self._data(value, is_own=True) if self.may_change(value) else value

    def may_change(self, value: Any) -> bool:
        """Return whether anything in data, or in a struct, may have to be masked: a quick look."""
        import msgspec  # not needed for texts

        try:
            text = msgspec.json.encode(value).decode()
        except (TypeError, ValueError, RecursionError):
            return True
        if _may_hold_parameter(text) or _may_hold_userinfo(text):
            return True
        if not self._secrets:
            return False
        return len(text) >= _LONG or CUT in text or bool(self._candidates(text))

    def _data(self, value: Any, *, is_own: bool) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                self.text(str(key)): item
                if is_own and key in _OWN_KEYS and isinstance(item, str)
                else self._data(item, is_own=is_own and key in _OWN_LISTS)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._data(item, is_own=is_own) for item in value]
        return value

    def _candidates(self, text: str) -> list[Secret]:
        """Return the secrets that may be in a text: those of which a run of letters is."""
        near = self._secrets
        if len(near) > _FEW:
            starts = {text[at : at + SHORTEST] for at in range(len(text))}
            listed = [self._by_start[start] for start in starts if start in self._by_start]
            near = [secret for secrets in (self._short, *listed) for secret in secrets]
        return [secret for secret in near if secret.needle in text]

    def _begun(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where a text was cut in the middle of a secret: start and end of what is there."""
        ends = [len(text)] if len(text) >= _LONG else []
        # Marks of ours are few, and stand behind what a far side has said.
        end = len(text)
        while len(ends) <= _MOST_CUTS and (end := text.rfind(CUT, 0, end)) >= 0:
            ends.append(end)
        for end in ends:
            cut = text[:end]
            last = cut[-self._longest :]
            for secret in self._secrets:
                if secret.start in last and (start := secret.begun(cut)) is not None:
                    yield start, end


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return the text with a mask for each span; those that overlap have one together."""
    parts: list[str] = []
    done = 0
    for start, end in spans:
        if start >= done:
            parts += [text[done:start], MASK]
        done = max(done, end)
    return "".join([*parts, text[done:]])


def _telling_parts(secret: str) -> Iterator[str]:
    """Yield what of a secret URL gives it away when it is quoted alone."""
    _, sign, rest = secret.partition("://")
    if not sign:
        return
    from urllib.parse import unquote, unquote_plus

    rest, _, query = rest.partition("#")[0].partition("?")
    authority, slash, path = rest.partition("/")
    userinfo = authority.rpartition("@")[0]
    user, _, password = userinfo.partition(":")
    if password != user:
        yield unquote(password or user)
    path = slash + path.rstrip("/")
    if len(path) >= _SHORTEST_PATH:
        yield from (path, unquote(path))
    yield from (step for step in path.split("/") if len(step) >= _SHORTEST_STEP)
    yield from (unquote_plus(pair.partition("=")[2]) for pair in query.split("&"))


def _may_hold_parameter(text: str) -> bool:
    return "=" in text and ("?" in text or "&" in text)


def _may_hold_userinfo(text: str) -> bool:
    return "@" in text and "://" in text


def _masked_parameter(match: re.Match[str]) -> str:
    return f"{match[1]}={MASK}" if bears_secret(match[1]) else match[0]


# Compiled when first used: most command lines need none of them.
@cache
def _words() -> re.Pattern[str]:
    return re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


@cache
def _userinfo() -> re.Pattern[str]:
    return re.compile(r"(?<=://)[^\s/?#\"']+(?=@)")


@cache
def _parameter() -> re.Pattern[str]:
    return re.compile(r"(?<=[?&])([^=&#\s\"'<>]{1,100})=([^&#\s\"'<>]+)")
