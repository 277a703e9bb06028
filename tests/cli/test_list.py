"""`chronos list`, from the command line."""

from pathlib import Path

from tests.cli.test_validate import on_terminal
from tests.support import chronos, write

JOBS = """\
name: report
schedule: "0 9 * * 1-5"
timezone: Europe/Berlin
tags: {team: finance, env: prod}
webhook: {url: "https://user:secret@h/${UNSET}/${TOKEN}"}
---
name: off
enabled: false
payload: "${file:/nonexistent}"
kafka: {brokers: "${BROKERS}", topic: t, sasl: {mechanism: PLAIN, username: u, password: "${P}"}}
"""


def test_json_is_exactly_this(tmp_path: Path) -> None:
    write(tmp_path, JOBS)
    result = chronos("list", ".", "-o", "json", cwd=tmp_path)
    assert (result.code, result.err) == (0, "")
    assert result.report == {
        "schema_version": 1,
        "results": [
            {
                "job_id": "report",
                "schedule": "0 9 * * 1-5",
                "timezone": "Europe/Berlin",
                "protocol": "http",
                "target": "POST https://***@h/${UNSET}/${TOKEN}",
                "tags": {"team": "finance", "env": "prod"},
                "enabled": True,
                "file": "job.yaml",
                "line": 1,
            },
            {
                "job_id": "off",
                "schedule": None,
                "timezone": "UTC",
                "protocol": "kafka",
                "target": "t on ${BROKERS}",
                "tags": {},
                "enabled": False,
                "file": "job.yaml",
                "line": 7,
            },
        ],
    }


def test_lines_hold_no_secret(tmp_path: Path) -> None:
    write(tmp_path, JOBS)
    env = {"UNSET": "x", "TOKEN": "s3cr3t-token"}
    result = chronos("list", "job.yaml", "--tag", "team=finance", cwd=tmp_path, env=env)
    titles, line = result.out.splitlines()
    assert titles.split() == ["JOB", "SCHEDULE", "PROTOCOL", "TARGET", "TAGS", "FILE"]
    assert line == (
        "report  0 9 * * 1-5 Europe/Berlin  http      POST https://***@h/x/***  "
        "team=finance env=prod  job.yaml:1"
    )
    for columns in ("80", "200"):
        code, text = on_terminal(["list", "."], tmp_path, columns)
        assert code == 0
        for word in ("report", "Europe/Berlin", "off (disabled)", "job.yaml:7", "team=finance"):
            assert word in text
        assert "secret" not in text
