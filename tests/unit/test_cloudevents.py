"""An event's JSON form, and what may stand in its attributes."""

import json
from base64 import b64decode
from datetime import datetime
from pathlib import Path

import pytest
from cloudevents.core.formats.json import JSONFormat

from chronos_cli.dispatch.cloudevents import Event
from chronos_cli.dispatch.delivery import prepare
from chronos_cli.dispatch.execution import Execution
from chronos_cli.jobs.cloudevents import CloudEvents
from tests.test_cases import load

TIME = "2026-11-23T09:00:00+01:00"
ATTRIBUTES = {"specversion": "1.0", "id": "1", "source": "/a", "type": "t", "time": TIME}


def body_of(data: bytes, content_type: str) -> bytes:
    return Event("structured", {**ATTRIBUTES, "datacontenttype": content_type}, data).body()


@pytest.mark.parametrize(
    ("data", "content_type", "expected"),
    [
        (b'{"a": 1.50}', "application/json", {"a": 1.5}),
        (b"[1]", "application/vnd.acme+json; charset=UTF-8", [1]),
        (b"null", "application/json", None),
        ("Grüße".encode(), "text/plain; charset=utf-8", "Grüße"),
        ("Grüße".encode("latin-1"), "text/plain; charset=latin-1", "Grüße".encode("latin-1")),
        (b"\xff", "text/plain", b"\xff"),
        (b"no JSON", "application/json", b"no JSON"),
        (b"NaN", "application/json", b"NaN"),
        (b"true", "Application/JSON", True),
        (b"{}", "application/vnd.my_co+json", {}),
        (b"[]", "model/gltf+json", []),
        (b"1", "application/json ; charset=utf-8", 1),
        (b"1" * 5000, "application/json", b"1" * 5000),
        (b"[" * 100_000, "application/json", b"[" * 100_000),
        (b"\x00\x01", "application/octet-stream", b"\x00\x01"),
        (b"", "application/octet-stream", b""),
    ],
)
def test_data(data: bytes, content_type: str, expected: object) -> None:
    body = body_of(data, content_type)
    members = json.loads(body)
    encoded = members.get("data_base64")
    assert ("data" in members) == (encoded is None)
    assert members.get("data", encoded if encoded is None else b64decode(encoded)) == expected
    assert members["time"] == TIME
    event = JSONFormat().read(None, body)
    assert event.get_id() == "1"
    assert event.get_data() == expected


def test_json_data_stays_as_it_was_written() -> None:
    assert b'"data": {"b": 1.50, "a": 1e2}}' in body_of(b'{"b": 1.50, "a": 1e2}', "text/json")


@pytest.mark.parametrize(
    ("source", "is_valid"),
    [
        ("/chronos/jobs/a", True),
        ("urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", True),
        ("mailto:jobs@example.com", True),
        ("https://[::1]:8080/a?b=%20#c", True),
        ("jobs", True),
        ("./a:b", True),
        ("1a:b", False),
        ("a b", False),
        ("/a%2", False),
        ("/a#b#c", False),
        ("/ü", False),
        ("", False),
    ],
)
def test_source(source: str, is_valid: bool) -> None:
    assert (not list(CloudEvents(source=source).flaws())) == is_valid


def test_extensions_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    values = "{n: 5, neg: -7, yes: true, no: 'true', five: '5', float: 1.5, t: '{{ attempt }}'}"
    path.write_text(
        f"name: a\ncloudevents: {{mode: structured, extensions: {values}}}\n"
        "webhook: {url: 'http://127.0.0.1:1/'}\n"
    )
    loaded = load(path)
    assert loaded.problems == []
    execution = Execution("e", loaded.jobs[0], datetime.fromisoformat(TIME))
    event = prepare(execution, 3).event
    assert event is not None
    members = json.loads(event.body())
    expected = {"n": 5, "neg": -7, "yes": True, "no": "true", "five": "5", "float": "1.5", "t": "3"}
    assert {name: members[name] for name in expected} == expected
    texts = event.as_text()
    assert [texts.get_extension(name) for name in ("n", "yes", "no")] == ["5", "true", "true"]


@pytest.mark.parametrize("value", ["2147483648", "-2147483649"])
def test_numbers_have_32_bits(tmp_path: Path, value: str) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(
        f"name: a\ncloudevents: {{extensions: {{n: {value}}}}}\nwebhook: {{url: 'http://h/'}}\n"
    )
    (problem,) = load(path).problems
    assert (problem.position.line, "2147483" in problem.message) == (2, True)
