"""Running one webhook job with the real program, and the servers that several tests share."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import ROOT, Result, chronos


def document(url: str, *, keys: dict[str, Any] | None = None, **webhook: Any) -> str:
    policy = {"max_attempts": 1, "initial_interval": "1ms"}
    job = {"name": "a", "timeout": "10s", "retry_policy": policy, **(keys or {})}
    return json.dumps({**job, "webhook": {"url": url, **webhook}})


def run(
    url: str,
    *options: str,
    keys: dict[str, Any] | None = None,
    env: dict[str, str] | None = None,
    **webhook: Any,
) -> Result:
    text = document(url, keys=keys, **webhook)
    return chronos("run", "-", "-o", "json", *options, stdin=text, env=env)


def problems(url: str = "http://127.0.0.1:1/", **webhook: Any) -> str:
    """What `validate` says of a webhook."""
    result = chronos("validate", "-", stdin=document(url, **webhook))
    assert result.code == 3, result.err
    return result.err


@pytest.fixture(scope="session")
def httpbin() -> Iterator[str]:
    """The URL of an httpbin of our own."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/servers/httpbin_server.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.kill()
    process.communicate(timeout=10)
