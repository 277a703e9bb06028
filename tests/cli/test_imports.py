"""What each command imports, so that the start of a crontab line does not rot in silence.

Not timed: sets of modules that take long, and bounds on how many there are in all.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from chronos_cli.cli.commands import NAMES
from tests.support import environment, write

CLIENTS = {"httpx", "grpc", "confluent_kafka", "nats", "pika"}
HEAVY = CLIENTS | {
    "asyncio",
    "cloudevents",
    "croniter",
    "dotenv",
    "email.message",
    "hashlib",
    "http.client",
    "importlib.metadata",
    "jinja2",
    "logging",
    "opentelemetry",
    "prometheus_client",
    "pydantic",
    "requests",
    "rich",
    "sqlite3",
    "ssl",
    "subprocess",
    "typer",
    "uuid",
}
# msgspec's own core asks for it.
ALWAYS = {"uuid"}
# What comes with asyncio.
LOOP = {"asyncio", "ssl", "logging", "subprocess"}
SENDING = LOOP | {"sqlite3"}
# What says that there is no loop.
LOOKING = {"sqlite3", "subprocess"}

# The arguments of a command: what it may import of all that is heavy, how many modules it may.
COMMANDS = {
    "--version": (set[str](), 55),
    "--help": ({"typer", "subprocess"}, 275),
    "run -h": ({"typer", "subprocess"}, 200),
    "run": ({"typer", "subprocess"}, 200),
    "validate http.yaml": (set[str](), 220),
    "validate http.yaml -o sarif": ({"hashlib"}, 225),
    "next http.yaml": ({"croniter", "subprocess"}, 285),
    "check http.yaml": (LOOP, 345),
    "check -h": ({"typer", "subprocess"}, 200),
    "history": ({"sqlite3"}, 210),
    "replay --failed --since 1d": (SENDING, 300),
    "backfill http.yaml --since 1d --dry-run": (SENDING | {"croniter", "hashlib"}, 360),
    "protocols": ({"importlib.metadata", "email.message"}, 270),
    "schema": (set[str](), 220),
    "init -": (set[str](), 220),
    "completion bash": (set[str](), 100),
    "export crontab http.yaml": ({"croniter", "subprocess"}, 300),
    "export systemd http.yaml": ({"croniter", "subprocess", "hashlib"}, 300),
    "export kubernetes http.yaml": ({"croniter", "subprocess", "hashlib"}, 300),
    "list http.yaml": (set[str](), 220),
    "explain retry_policy": (set[str](), 225),
    "import crontab crontab": (set[str](), 250),
    "import curl -- curl http://127.0.0.1:1/x": (set[str](), 250),
    "cluster status --cluster x": (LOOP | {"nats", "hashlib", "sqlite3"}, 390),
    "status --cluster x": (LOOP | {"nats", "hashlib", "sqlite3"}, 390),
    "pause a --cluster x": (LOOP | {"nats", "hashlib"}, 390),
    "resume a --cluster x": (LOOP | {"nats", "hashlib"}, 390),
    "cluster init --print": (LOOP | {"nats", "hashlib"}, 390),
    "run http.yaml": (SENDING, 345),
    "run http.yaml --dry-run": (SENDING, 345),
    "run grpc.yaml": (SENDING | {"grpc"}, 400),
    "run kafka.yaml": (SENDING | {"confluent_kafka"}, 325),
    "run nats.yaml": (
        SENDING | {"nats", "hashlib", "importlib.metadata", "email.message"},
        390,
    ),
    "run rabbitmq.yaml": (SENDING | {"pika"}, 350),
    "status": (LOOKING, 260),
    "trigger a": (LOOKING, 260),
    "pause a": (LOOKING, 260),
    "resume a": (LOOKING, 260),
    "cron http.yaml --config none.yaml": (SENDING | {"hashlib"}, 342),
}
# They listen on ports; what they import is what servers need.
_SERVERS = {"receive", "demo"}

TARGETS = {
    "http": "webhook: {url: 'http://127.0.0.1:1/x'}",
    "grpc": "grpc: {address: '127.0.0.1:1', method: JobService/Execute}",
    "kafka": "kafka: {brokers: ['127.0.0.1:1'], topic: a}",
    "nats": "nats: {url: 'nats://127.0.0.1:1', subject: a}",
    "rabbitmq": "rabbitmq: {url: 'amqp://127.0.0.1:1', exchange: a, routing_key: b}",
}
JOB = """\
name: a
schedule: "0 9 * * *"
timeout: 1s
retry_policy: {{max_attempts: 1}}
{target}
"""


def imported(arguments: list[str], folder: Path, env: dict[str, str] | None = None) -> list[str]:
    """Every module that a run of the program imports, the interpreter's own too."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "chronos_cli", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment({"XDG_STATE_HOME": str(folder), **(env or {})}),
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return [line.rpartition("|")[2].strip() for line in lines]


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_command_imports_what_it_needs(tmp_path: Path, arguments: str) -> None:
    for name, target in TARGETS.items():
        write(tmp_path, JOB.format(target=target), f"{name}.yaml")
    write(tmp_path, "0 9 * * * curl http://127.0.0.1:1/x\n", "crontab")
    allowed, bound = COMMANDS[arguments]
    found = imported(arguments.split(), tmp_path)
    assert "chronos_cli.cli.main" in found
    assert set(found) & HEAVY <= allowed | ALWAYS
    assert len(found) <= bound


# What is asked for at each press of a key: the line up to the cursor.
COMPLETIONS = {
    "chronos r": (set[str](), 130),
    "chronos run --": (set[str](), 130),
    "chronos run . --job ": (set[str](), 175),
    "chronos run . --tag t": (set[str](), 175),
    "chronos history ": ({"sqlite3"}, 205),
    "chronos init --protocol ": (set[str](), 225),
    "chronos explain kafka.": (set[str](), 225),
}


@pytest.mark.parametrize("line", COMPLETIONS)
def test_completing_imports_what_it_needs(tmp_path: Path, line: str) -> None:
    write(tmp_path, JOB.format(target=TARGETS["http"]))
    allowed, bound = COMPLETIONS[line]
    found = imported([line], tmp_path, {"_CHRONOS_COMPLETE": "bash"})
    assert "chronos_cli.cli.completing" in found
    assert set(found) & HEAVY <= allowed | ALWAYS
    assert len(found) <= bound


def test_every_command_is_held() -> None:
    assert all(any(line.startswith(name) for line in COMMANDS) for name in set(NAMES) - _SERVERS)
