"""Which files jobs refer to: they are watched, so that a change of theirs is seen."""

from pathlib import Path

from chronos_cli.jobs.references import files_of
from tests.support import write
from tests.test_cases import load

JOB = """\
name: a
payload_file: body.bin
webhook:
  url: https://example.com/
  tls: {ca: ca.pem, cert: /etc/cert.pem}
  auth: {bearer: {token_file: token}}
on_failure:
  grpc:
    address: h:1
    method: S/M
    proto: {files: [one.proto, two.proto]}
schedule: "@daily"
except: [2026-12-24, holidays.ics]
---
name: b
webhook:
  url: https://example.com/
  multipart: {files: {report: {path: report.pdf}}}
"""


def test_every_file_that_a_job_names(tmp_path: Path) -> None:
    for name in ("body.bin", "report.pdf"):
        (tmp_path / name).write_bytes(b"")
    write(tmp_path, "BEGIN:VCALENDAR\nEND:VCALENDAR\n", "holidays.ics")
    loaded = load(Path(write(tmp_path, JOB)))
    assert loaded.problems == []
    names = [{Path(name).name for name in files_of(job)} for job in loaded.jobs]
    assert names == [
        {"body.bin", "ca.pem", "cert.pem", "token", "one.proto", "two.proto", "holidays.ics"},
        {"report.pdf"},
    ]
