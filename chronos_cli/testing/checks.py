"""What the contract does again and again: run a job of a harness, and look for what is left."""

import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from chronos_cli.testing.harness import Harness
from chronos_cli.testing.program import Result, chronos

SECRET = "wr0ng-s3cret-of-the-test"  # noqa: S105


def run(
    harness: Harness, target: dict[str, Any], *options: str, output: bool = True, **keys: Any
) -> Result:
    """Run one job with a target; with `output`, for a report in JSON."""
    form = ("-o", "json") if output else ()
    return chronos("run", "-", *form, *options, stdin=harness.job(target, **keys))


def credentials(harness: Harness) -> dict[str, Any]:
    """Return a target with a wrong password; skips the test where there are none."""
    target = harness.bad_credentials(SECRET)
    if target is None:
        pytest.skip("this protocol has no credentials of its own")
    return target


def over_tls(harness: Harness, authority: str) -> dict[str, Any]:
    """Return a target over TLS that trusts an authority; skips the test where there is none."""
    files = harness.authorities
    target = None if files is None else harness.tls(getattr(files, authority))
    if target is None:
        pytest.skip("this protocol's far side has no TLS here")
    return target


def holds(text: str, secret: str) -> bool:
    """Whether a text shows a secret, as it is or in base64."""
    return secret in text or any(secret in decoded for decoded in base64_words(text))


def base64_words(text: str) -> Iterator[str]:
    """Yield what the words of a text mean where they are base64."""
    for word in text.split():
        with suppress(ValueError):
            yield b64decode(word, validate=True).decode()


def open_things() -> tuple[int, int]:
    """Return how many sockets and threads this process has."""
    return open_sockets(), threading.active_count()


def open_sockets() -> int:
    """Return how many sockets this process has."""
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count
