"""A canary in every secret place, and nowhere in what the program writes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import HttpServer, chronos, environment

CANARY = "tweet-c4n4ry"
ENVIRONMENT = {"SECRET": f"{CANARY}-from-variable", "PLAIN": "not-a-secret"}


def jobs(url: str, port: int) -> Iterator[dict[str, Any]]:
    """A job for each protocol and each way of bringing a secret in."""
    file = "${file:secret.txt}"
    variable = "${SECRET}"
    yield {"webhook": {"url": url, "headers": {"Authorization": f"Bearer {variable}"}}}
    yield {"webhook": {"url": url, "headers": {"X-Any": file, "X-Api-Key": variable}}}
    yield {"webhook": {"url": url, "headers": {"Cookie": f"session={CANARY}-literal"}}}
    yield {"webhook": {"url": url.replace("//", f"//user:{CANARY}-userinfo@")}}
    yield {"webhook": {"url": url}, "payload": {"password": variable, "any": file}}
    yield {"webhook": {"url": f"{url}?token={file}"}}
    yield {"grpc": {"address": f"127.0.0.1:{port}", "method": "A/B", "token": variable}}
    yield {
        "grpc": {
            "address": f"127.0.0.1:{port}",
            "method": "A/B",
            "metadata": {"authorization": variable, "x-any": file},
        }
    }
    sasl = {"mechanism": "PLAIN", "username": "u", "password": variable}
    yield {"kafka": {"brokers": f"127.0.0.1:{port}", "topic": "t", "sasl": sasl}}
    yield {
        "kafka": {
            "brokers": f"127.0.0.1:{port}",
            "topic": "t",
            "headers": {"x-token": variable, "any": file},
        }
    }
    nats = {"url": f"nats://127.0.0.1:{port}", "subject": "s"}
    yield {"nats": {**nats, "user": "u", "password": file}}
    yield {"nats": {**nats, "token": variable}}
    yield {"nats": {"url": f"nats://u:{CANARY}-userinfo@127.0.0.1:{port}", "subject": "s"}}
    yield {"rabbitmq": {"url": f"amqp://u:{variable}@127.0.0.1:{port}/", "queue": "q"}}
    yield {
        "rabbitmq": {
            "hosts": [f"127.0.0.1:{port}"],
            "username": "u",
            "password": file,
            "queue": "q",
        }
    }


COMMANDS = (
    ("run", "all.yaml"),
    ("run", "all.yaml", "-o", "json"),
    ("run", "all.yaml", "-o", "jsonl"),
    ("run", "all.yaml", "--quiet"),
    ("run", "all.yaml", "--report-junit", "state/report.xml"),
    ("run", "all.yaml", "--verbose"),
    ("run", "all.yaml", "--dry-run"),
    ("run", "all.yaml", "--dry-run", "-o", "json"),
    ("validate", "all.yaml"),
    ("validate", "broken.yaml"),
    ("validate", "broken.yaml", "-o", "json"),
    ("validate", "broken.yaml", "-o", "github"),
    ("validate", "broken.yaml", "-o", "gitlab"),
    ("validate", "broken.yaml", "-o", "sarif"),
    ("run", "broken.yaml"),
)


@pytest.fixture(scope="module")
def folder(server: HttpServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All the jobs against far sides that refuse and echo, and the same with mistakes."""
    folder = tmp_path_factory.mktemp("canary")
    (folder / "state").mkdir()
    (folder / "secret.txt").write_text(f"{CANARY}-from-file\n")
    common = {"timeout": "3s", "retry_policy": {"max_attempts": 1}}
    for port in (server.port, 1):
        listed = [
            {"name": f"job {n}", **common, **job}
            for n, job in enumerate(jobs(f"{server.url}/echo-auth/x", port))
        ]
        (folder / f"all-{port}.yaml").write_text(json.dumps({"jobs": listed}))
    broken = [{**job, "timout": f"{CANARY}-x" if "password" in str(job) else 3} for job in listed]
    for job in broken:
        del job["timeout"]
    text = json.dumps({"jobs": broken}, indent=1).replace(f'"{CANARY}-x"', '"${SECRET}"')
    (folder / "broken.yaml").write_text(text)
    return folder


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_canary_in_what_is_written(
    server: HttpServer, folder: Path, arguments: tuple[str, ...]
) -> None:
    state = folder / "state"
    for port in (server.port, 1):
        words = [word.replace("all.yaml", f"all-{port}.yaml") for word in arguments]
        env = {**ENVIRONMENT, "XDG_STATE_HOME": str(state)}
        result = chronos(*words, env=env, cwd=folder, limit=120)
        assert result.code in {0, 3, 4, 5, 6, 7}, result.err
        assert result.out or result.err
        assert CANARY not in result.out + result.err
    for path in state.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path


def test_a_canary_does_not_hide_in_a_traceback(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import chronos_cli.dispatch.delivery as d\n"
        "def broken(execution, *a): raise RuntimeError(repr(execution.job.target))\n"
        "d.metadata_headers = broken\n"
    )
    root = str(Path(__file__).parents[2])
    env = {**ENVIRONMENT, "PYTHONPATH": f"{tmp_path}:{root}"}
    for options in ((), ("--verbose",)):
        result = chronos("run", "all-1.yaml", *options, env=env, cwd=folder)
        assert (result.code, "RuntimeError" in result.err) == (1, True)
        assert CANARY not in result.out + result.err


def test_what_is_no_secret_is_shown(server: HttpServer, tmp_path: Path) -> None:
    job = {"name": "a", "webhook": {"url": server.url + "/${PLAIN}"}, "payload": ["${PLAIN}"]}
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    result = chronos("run", "job.yaml", "--dry-run", env=ENVIRONMENT, cwd=tmp_path)
    assert result.out.count("not-a-secret") == 3
    assert environment()
