"""What is named as a file and is none is refused at once, by every protocol."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support import chronos

PLACES: dict[str, Any] = {
    "nats credentials": lambda file: {
        "nats": {"url": "nats://127.0.0.1:1", "subject": "x", "credentials": file}
    },
    "nats nkey_seed": lambda file: {
        "nats": {"url": "nats://127.0.0.1:1", "subject": "x", "nkey_seed": file}
    },
    "nats tls": lambda file: {
        "nats": {"url": "tls://127.0.0.1:1", "subject": "x", "tls": {"ca": file}}
    },
    "rabbitmq tls": lambda file: {
        "rabbitmq": {"url": "amqps://127.0.0.1:1", "queue": "q", "tls": {"cert": file}}
    },
    "kafka tls": lambda file: {
        "kafka": {"brokers": "127.0.0.1:1", "topic": "t", "tls": {"ca": file}}
    },
    "grpc tls": lambda file: {
        "grpc": {"address": "127.0.0.1:1", "method": "S/M", "tls": {"ca": file}}
    },
    "grpc key": lambda file: {
        "grpc": {
            "address": "127.0.0.1:1",
            "method": "S/M",
            "tls": {"cert": "job.yaml", "key": file},
        }
    },
    "grpc protoset": lambda file: {
        "grpc": {"address": "127.0.0.1:1", "method": "S/M", "protoset": file}
    },
    "grpc proto": lambda file: {
        "grpc": {"address": "127.0.0.1:1", "method": "S/M", "proto": {"files": [file]}}
    },
    "webhook token_file": lambda file: {
        "webhook": {"url": "http://127.0.0.1:1", "auth": {"bearer": {"token_file": file}}}
    },
    "webhook netrc": lambda file: {
        "webhook": {"url": "http://127.0.0.1:1", "auth": {"netrc": {"file": file}}}
    },
    "webhook tls": lambda file: {"webhook": {"url": "https://127.0.0.1:1", "tls": {"ca": file}}},
}
# Their names are masked, wherever they stand.
SECRETS = {"nats credentials", "nats nkey_seed"}


@pytest.mark.parametrize("kind", ["FIFO", "device", "directory", "huge", "missing"])
def test_what_is_no_file(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "named.pem"
    if kind == "FIFO":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    elif kind == "directory":
        file.mkdir()
    elif kind == "huge":
        with file.open("wb") as sparse:
            sparse.truncate(2**40)
    places = dict(PLACES)
    if kind == "huge":
        # Its library reads a file by parts, and finds no PEM in the first one.
        del places["kafka tls"]
    secret = tmp_path / "secret"
    secret.symlink_to(file)
    jobs = [
        {"name": name, "id": f"j{number}", **place(str(secret if name in SECRETS else file))}
        for number, (name, place) in enumerate(places.items())
    ]
    defaults = {"timeout": "20s", "retry_policy": {"max_attempts": 1}}
    path = tmp_path / "job.yaml"
    path.write_text(json.dumps({"defaults": defaults, "jobs": jobs}))
    result = chronos("run", str(path), "-o", "json")
    assert result.err == ""
    for only in result.report["results"]:
        assert only["status"] == "rejected", only
        shown = "cannot use the file of" if only["job_name"] in SECRETS else "named.pem"
        assert shown in only["message"], only
    assert result.seconds < 15


def test_a_part_of_a_form_that_is_no_file_is_a_problem(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "part")
    block = {"url": "http://127.0.0.1:1", "multipart": {"files": {"a": {"path": "part"}}}}
    path = tmp_path / "job.yaml"
    path.write_text(json.dumps({"name": "a", "webhook": block}))
    result = chronos("validate", str(path), limit=10)
    assert (result.code, "part': it is a FIFO, not a file" in result.err) == (3, True), result.err
