"""Every key can be asked for, by the words of the structs that are read."""

from pathlib import Path

import pytest

from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import UsageError
from chronos_cli.jobs.explain import all_keys, find_key, top_keys
from chronos_cli.jobs.schema import config_schema, job_schema
from chronos_cli.report.keys import key_lines, overview_lines
from tests.support import write
from tests.test_cases import load

KINDS = Registry()


def told(text: str, width: int | None = None) -> str:
    return key_lines(find_key(KINDS, text), width)


def test_a_block() -> None:
    lines = told("kafka.sasl").splitlines()
    assert lines[:6] == [
        "kafka.sasl (job file)",
        "  How we log in",
        "",
        "  type     mapping",
        '  example  sasl: {mechanism: PLAIN, username: jobs, password: "${KAFKA_PASSWORD:-}"}',
        "",
    ]
    assert lines[6] == "  keys:"
    assert lines[7].startswith("    mechanism       As the broker's listener has it (")
    assert lines[7].endswith("required)")


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("schedule", ["type ", 'example  schedule: "0 9 * * 1-5"']),
        ("timeout", ["type     duration", "default  30s", "Limit of one attempt"]),
        ("jobs[3].webhook.url", ["webhook.url (job file)", "default  required"]),
        ("defaults.retry_policy.max_attempts", ["default  3"]),
        ("webhook.multipart.files.report.path", ["multipart.files.NAME.path", "required"]),
        ("webhook.multipart.files", ["keys below a name of your own:", "path"]),
        ("on_failure.nats.subject", ["on_failure.nats.subject"]),
        ("scheduler.missed_run_policy", ["chronos.yaml", "Another name of missed_runs"]),
        ("dispatcher.http.timeout", ["Default of a job's timeout", "default  30s"]),
        ("secrets", ["list", "example  secrets: [CUSTOMER_REF]"]),
    ],
)
def test_what_is_told(text: str, facts: list[str]) -> None:
    found = told(text)
    for fact in facts:
        assert fact in found


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("schedul", "no key 'schedul'; did you mean 'schedule'?"),
        ("webhook.ur", "no key 'ur' in 'webhook'; did you mean 'webhook.url'?"),
        ("sasl", "no key 'sasl'; did you mean 'kafka.sasl' or 'dispatcher.kafka.sasl'?"),
        ("timeout.x", "no key 'x' in 'timeout': it has none below it"),
        ("...", "'...' names no key"),
    ],
)
def test_what_is_not_there_has_a_suggestion(text: str, answer: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_key(KINDS, text)
    assert str(caught.value) == answer


def test_nothing_of_the_schema_is_missing() -> None:
    known = {path for path, _ in all_keys(KINDS)}
    job = job_schema(KINDS)["$defs"]["Job"]["properties"]
    assert known >= set(job)
    assert known >= {
        f"dispatcher.{name}.{key}"
        for name, block in config_schema(KINDS)["properties"]["dispatcher"]["properties"].items()
        for key in block["properties"]
    }
    for path in known:
        assert find_key(KINDS, path.replace(".NAME.", ".own.")).path == path


def test_the_overview_names_both_files() -> None:
    text = overview_lines(top_keys(KINDS), 80)
    assert text.startswith("job file:\n  name ")
    assert "\nchronos.yaml:\n  scheduler " in text
    assert max(map(len, text.splitlines())) <= 80
    assert max(len(line) for line in told("retry_policy", 80).splitlines()) <= 80


def test_examples_of_a_job_s_own_keys_are_valid(tmp_path: Path) -> None:
    keys = [key for key in top_keys(KINDS).values() if key.file == "job file" and key.example]
    assert len(keys) > 10
    write(tmp_path, "BEGIN:VCALENDAR\nEND:VCALENDAR\n", "holidays.ics")
    for key in keys:
        name = "" if key.path == "name" else "name: a\n"
        text = f"{name}{key.example}\nwebhook: {{url: 'http://h/'}}\n"
        assert load(Path(write(tmp_path, text))).problems == [], text


def test_a_protocol_s_name_stands_for_its_block() -> None:
    assert told("http.url") == told("webhook.url")


def test_a_value_is_listed_once() -> None:
    assert "type     -1, 0, 1, all\n  example  acks: all" in told("kafka.acks")
    assert "a message without value (null)" in told("kafka")
