"""A canary in every secret place, and nowhere in what the program writes."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import HttpServer, chronos, environment

# Every secret holds it, so that it tells of a secret that is shown only in part too.
CANARY = "c4n4ry"
ENVIRONMENT = {
    "SECRET": f"{CANARY}-from-variable",
    "PLAIN": "not-a-secret",
    "SLACK_WEBHOOK_URL": f"http://127.0.0.1:1/services/{CANARY}/x",
    "SLACK_TOKEN": f"T0/{CANARY}:a+b",
    "BLANK_PASSWORD": f'two {CANARY} words, {CANARY} "ü" & {CANARY}',
    "SIGNING_KEY": f"begin {CANARY}\n{CANARY}/+ of lines\r\n\t{CANARY}\\end\n",
    "CUSTOMER": f"{CANARY} of chronos.yaml",
}
CONFIG = "secrets: [CUSTOMER]\n"


def traces() -> Iterator[str]:
    """The canary, and what is left of it in base64 at each alignment."""
    yield CANARY
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + CANARY.encode() + b"x").decode()
        yield encoded[(0, 2, 3)[before] :][:6]


TRACES = tuple(traces())


def jobs(host: str, port: int) -> Iterator[dict[str, Any]]:
    """A job for each protocol and each way of bringing a secret in."""
    yield from web_jobs(f"{host}/echo-spellings/x")
    yield {"webhook": {"url": "${SLACK_WEBHOOK_URL}"}}
    yield from other_jobs(port)


def web_jobs(url: str) -> Iterator[dict[str, Any]]:
    file = "${file:secret.txt}"
    variable = "${SECRET}"
    yield {"webhook": {"url": url, "headers": {"Authorization": f"Bearer {variable}"}}}
    yield {"webhook": {"url": url, "headers": {"X-Any": file, "X-Api-Key": variable}}}
    yield {"webhook": {"url": url, "headers": {"Cookie": f"session={CANARY}-literal"}}}
    yield {"webhook": {"url": url.replace("//", f"//user:{CANARY}-userinfo@")}}
    yield {"webhook": {"url": url}, "payload": {"password": variable, "any": file}}
    yield {"webhook": {"url": f"{url}?token={file}"}}
    yield {"webhook": {"url": f"{url}/${{SLACK_TOKEN}}/y"}}
    yield {"webhook": {"url": url}, "payload": {"any": "${BLANK_PASSWORD}"}}
    yield {"webhook": {"url": url}, "payload": {"any": "${SIGNING_KEY}", "c": "${CUSTOMER}"}}
    yield {"webhook": {"url": url, "auth": {"basic": {"username": "u", "password": variable}}}}
    yield {"webhook": {"url": url, "form": {"a": "${BLANK_PASSWORD}", "b": "${SIGNING_KEY}"}}}


def other_jobs(port: int) -> Iterator[dict[str, Any]]:
    file = "${file:secret.txt}"
    variable = "${SECRET}"
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
    ("history",),
    ("history", "-o", "json"),
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
    (folder / "chronos.yaml").write_text(CONFIG)
    common = {"timeout": "3s", "retry_policy": {"max_attempts": 1}}
    for port in (server.port, 1):
        listed = [
            {"name": f"job {n}", **common, **job} for n, job in enumerate(jobs(server.url, port))
        ]
        (folder / f"all-{port}.yaml").write_text(json.dumps({"jobs": listed}))
    broken = [{**job, "timout": f"{CANARY}-x" if "password" in str(job) else 3} for job in listed]
    for job in broken:
        del job["timeout"]
    text = json.dumps({"jobs": broken}, indent=1).replace(f'"{CANARY}-x"', '"${SECRET}"')
    (folder / "broken.yaml").write_text(text)
    return folder


def check(text: str) -> None:
    for trace in TRACES:
        at = text.find(trace)
        assert at < 0, text[max(0, at - 200) : at + 100]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_canary_in_what_is_written(
    server: HttpServer, folder: Path, arguments: tuple[str, ...]
) -> None:
    state = folder / "state"
    for port in (server.port, 1):
        words = [word.replace("all.yaml", f"all-{port}.yaml") for word in arguments]
        url = f"{server.url}/echo-spellings/services/{CANARY}/x"
        env = {**ENVIRONMENT, "XDG_STATE_HOME": str(state), "SLACK_WEBHOOK_URL": url}
        result = chronos(*words, env=env, cwd=folder, limit=120)
        assert result.code in {0, 3, 4, 5, 6, 7}, result.err
        assert result.out or result.err
        check(result.out + result.err)
    for path in state.rglob("*"):
        check(path.read_bytes().decode("latin-1") if path.is_file() else "")


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
        check(result.out + result.err)


def test_what_is_no_secret_is_shown(server: HttpServer, tmp_path: Path) -> None:
    job = {"name": "a", "webhook": {"url": server.url + "/${PLAIN}"}, "payload": ["${PLAIN}"]}
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    result = chronos("run", "job.yaml", "--dry-run", env=ENVIRONMENT, cwd=tmp_path)
    assert result.out.count("not-a-secret") == 3
    assert environment()
