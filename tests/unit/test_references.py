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
---
name: b
webhook:
  url: https://example.com/
  multipart: {files: {report: {path: report.pdf}}}
"""


def test_every_file_that_a_job_names(tmp_path: Path) -> None:
    for name in ("body.bin", "report.pdf"):
        (tmp_path / name).write_bytes(b"")
    loaded = load(Path(write(tmp_path, JOB)))
    assert loaded.problems == []
    names = [{Path(name).name for name in files_of(job)} for job in loaded.jobs]
    assert names == [
        {"body.bin", "ca.pem", "cert.pem", "token", "one.proto", "two.proto"},
        {"report.pdf"},
    ]
