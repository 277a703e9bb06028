"""What the tests of NATS share: jobs from a target block, and servers set up in special ways."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.brokers.nats import NatsServer
from tests.servers.nats_wire import Wire
from tests.support import Result, chronos, write

ONCE = {"max_attempts": 3, "initial_interval": "10ms"}


def fresh(prefix: str = "jobs") -> str:
    return f"{prefix}.{uuid4().hex}"


def run(folder: Path, target: dict[str, Any], *arguments: str, **job: Any) -> Result:
    """Run one job with this target, three attempts if it comes to that."""
    document = {"name": "job", "timeout": "5s", "retry_policy": ONCE, "nats": target, **job}
    return chronos("run", write(folder, json.dumps(document)), "-o", "json", *arguments)


def outcome(result: Result) -> tuple[str, str | None, int, int]:
    """Status, code, number of attempts, and the program's exit code."""
    only = result.only
    assert result.err == ""
    return only["status"], only["code"], len(only["attempts"]), result.code


class OwnServer(NatsServer):
    """A server with further lines in its configuration; never one from outside."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        super().__init__(folder, token="unused")
        self._token = None
        self._extra = extra

    def _configuration(self, port: int) -> str:
        return super()._configuration(port) + self._extra


def add_stream(url: str, **configuration: Any) -> str:
    """Make a stream of its own subjects; its name is the first part of them."""
    name = f"S{uuid4().hex}"
    configuration = {"name": name, "subjects": [f"{name}.>"], "storage": "memory", **configuration}
    wire = Wire(url)
    wire.request(f"$JS.API.STREAM.CREATE.{name}", configuration)
    wire.close()
    return name
