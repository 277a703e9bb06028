"""One job sent by the real program."""

import json
from typing import Any

from chronos_cli.testing.program import Result, chronos

_ONCE = {"max_attempts": 1}


def send(target: dict[str, Any], **keys: Any) -> Result:
    """Run one job once; `target` is its target block under its key."""
    job = {"name": "a", "timeout": "10s", "retry_policy": _ONCE, **keys, **target}
    return chronos("run", "-", "-o", "json", "--no-state", stdin=json.dumps(job))


def send_all(jobs: list[dict[str, Any]]) -> Result:
    """Run many jobs at once, each once."""
    document = {"defaults": {"timeout": "20s", "retry_policy": _ONCE}, "jobs": jobs}
    return chronos("run", "-", "-o", "json", "--no-state", stdin=json.dumps(document))


def call(address: str, method: str, payload: Any, **block: Any) -> Result:
    """Call a method over gRPC."""
    return send({"grpc": {"address": address, "method": method, **block}}, payload=payload)
