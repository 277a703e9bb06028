"""A command line as it may be shown: what is not imported is listed, its secrets are not."""

import re

from chronos_cli.redact import MASK, Redactor, bears_secret

_WORD = r"""(?:'[^']*'|"(?:[^"\\]|\\.)*"|\S+)"""
# Options that are followed by a login, a token or cookies.
_OPTION = (
    r"(?<!\S)(?P<head>-(?!plaintext)[A-Za-z]*(?:[uUp]\s*|b\s*(?=\S+=))|--?(?:user|proxy-user|http-user|password|http-password|"
    rf"proxy-password|pass|oauth2-bearer|cookie|creds|token)(?:\s+|=)){_WORD}"
)
_HEADER = r"(?P<head>(?P<name>[A-Za-z][A-Za-z0-9_-]*)['\"]?\s*:\s*['\"]?)(?P<value>[^'\"]+)"
_ASSIGNMENT = rf"(?P<head>(?P<name>[A-Za-z_][A-Za-z0-9_]*)=)(?P<value>{_WORD})"
# Nobody makes it up: who knows it may post.
_RANDOM = r"(?=[\w:-]*[a-z])(?=[\w:-]*[A-Z])(?=(?:[\w:-]*\d){3})[\w:-]{20,}"


def masked(text: str, redactor: Redactor) -> str:
    """Return a command line with everything masked in it that is, or looks like, a secret."""
    text = redactor.text(text)
    text = re.sub(_OPTION, lambda match: match["head"] + MASK, text)
    for pattern in (_HEADER, _ASSIGNMENT):
        text = re.sub(pattern, _hidden, text)
    return re.sub(_RANDOM, MASK, text)


def _hidden(match: re.Match[str]) -> str:
    return match["head"] + MASK if bears_secret(match["name"], from_outside=True) else match[0]
