"""Every JSON document is a job file, and means what JSON says that it means."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.test_cases import load

PAYLOADS: list[Any] = [
    "😀",
    "a\u2028b\u2029c\x85d\x7fe\ufeff\ufffef",
    'x/y \\ " \b\f\n\r\t \x00 \x1f',
    {"k" * 3000: 1, "": 2, "<<": 3, "~": 4, "# no comment": "- no list", "a: b": "*x", "&y": "!z"},
    [0, -0, -1, 1.5, 1e5, -1.25e-3, 10**40, 12345678901234567890, True, False, None],
    ["123456789012345678901234567890", "1e400", "true", "null", "2001-13-45", "yes", ""],
    [[], {}, [[]], {"a": {}}],
    ["{", "}}", "$", "a$b", "\\u0041", "\\", "\\\\"],
]


def by_tabs(data: Any) -> str:
    return json.dumps(data, indent="\t")


def raw(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False)


def slashed(data: Any) -> str:
    return json.dumps(data).replace("/", "\\/")


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
@pytest.mark.parametrize("write", [json.dumps, raw, by_tabs, slashed])
def test_every_document_means_what_it_says(
    tmp_path: Path, write: Callable[[Any], str], payload: Any
) -> None:
    document = {"name": "a", "payload": payload, "webhook": {"url": "http://127.0.0.1:1/"}}
    path = tmp_path / "job.json"
    path.write_text(write(document), encoding="utf-8")
    loaded = load(path)
    assert loaded.problems == []
    assert loaded.jobs[0].payload.value == payload


def test_places_are_those_of_the_text(tmp_path: Path) -> None:
    text = '{"name": "\\ud83d\\ude00 é",\r\n\t"webhok": {},\n\n  "payload": {"a": 1, "a": 1e999}}'
    path = tmp_path / "job.json"
    path.write_bytes(text.encode())
    found = [(p.position.line, p.position.column, p.message) for p in load(path).problems]
    assert found == [
        (2, 2, "unknown key 'webhok'"),
        (4, 23, "duplicate key 'a' (first on line 4)"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"name": "\\ud800"}', "not valid YAML"),
        ('{"name": "a",}', "'webhook'"),
        ("[" * 60 + "]" * 60, "more than 50 levels deep"),
        ("[]", "a job must be a mapping"),
    ],
)
def test_what_is_no_json_is_read_as_yaml(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "job.json"
    path.write_text(text)
    (problem, *_) = load(path).problems
    assert told in f"{problem.message} {problem.hint}".replace("webhook", "'webhook'")
