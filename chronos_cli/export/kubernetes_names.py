"""Names that Kubernetes takes: of objects, labels, keys."""

import posixpath
import re
from hashlib import blake2b

# A CronJob's name is 52 characters at most: its jobs' names add eleven, of 63.
LONGEST_NAME = 52
_NAME = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_LABEL = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)"
_PREFIX = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_LONGEST_PREFIX = 253


def name_of(identifier: str, number: str = "") -> str:
    """Return a DNS label (RFC 1035) for a job ID; one that had to be changed has a hash behind it.

    The name depends on nothing else, so that it stays when other jobs come and go.
    """
    end = f"-{number}" if number else ""
    if re.fullmatch(_NAME, identifier) and len(identifier + end) <= LONGEST_NAME:
        return identifier + end
    end = f"-{blake2b(identifier.encode(), digest_size=4).hexdigest()}{end}"
    plain = re.sub(r"[^a-z0-9]+", "-", identifier.lower()).strip("-")
    plain = plain if plain[:1].isalpha() else f"job-{plain}"
    return plain[: LONGEST_NAME - len(end)].rstrip("-") + end


def is_object_name(name: str) -> bool:
    """Whether an object can be called so (RFC 1123, subdomain)."""
    return bool(re.fullmatch(_PREFIX, name)) and len(name) <= _LONGEST_PREFIX


def key_of(path: str) -> str:
    """Return a key of a ConfigMap or Secret for a file: its name, with what is allowed in one."""
    return re.sub(r"[^-._a-zA-Z0-9]", "_", posixpath.basename(path))[:253]


def label_key(key: str) -> str | None:
    """Return a tag's key as a label's, or None."""
    prefix, slash, name = key.rpartition("/")
    if slash and (not re.fullmatch(_PREFIX, prefix) or len(prefix) > _LONGEST_PREFIX):
        return None
    return key if re.fullmatch(_LABEL, name) else None


def label_value(value: str) -> str | None:
    """Return a tag's value as a label's, or None."""
    return value if not value or re.fullmatch(_LABEL, value) else None
