"""`validate` looks for every file that a job names, and says where in the job file it is named."""

import io
import socket
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from chronos_cli.app.workspace import WorkspaceReader
from chronos_cli.jobs.document import parse
from chronos_cli.jobs.model import Target
from chronos_cli.jobs.problems import ProblemList
from chronos_cli.jobs.read import Reader
from chronos_cli.jobs.scope import Files
from chronos_cli.jobs.typed import read_struct
from chronos_cli.problems import Problem
from chronos_cli.redact import Redactor
from chronos_cli.units import FilePath, PathName
from tests.support import write

JOBS = """\
name: web
webhook:
  url: https://h/
  unix_socket: later.sock
  tls: {ca: ca.pem, cert: cert.pem, key: key.pem}
  auth: {bearer: {token_file: token}}
  multipart: {files: {report: {path: report.pdf}}}
on_failure:
  payload_file: told.json
  grpc: {address: "h:1", method: S/M, proto: {files: [a.proto, b.proto]}}
---
name: nats
nats: {url: "nats://h", subject: s, nkey_seed: keys/seed.nk}
---
name: seed
nats: {url: "nats://h", subject: s, nkey_seed: SUAMISSPELTSEED}
---
name: variable
payload_file: ${WHERE}/body
webhook: {url: "https://h/"}
"""


def check(folder: Path, *, with_variables: bool = True) -> list[Problem]:
    reader = WorkspaceReader(Redactor(), {"WHERE": "nowhere"}, io.BytesIO())
    return reader.check([str(folder)], None, None, with_variables=with_variables).problems


def test_each_that_is_missing_has_its_place(tmp_path: Path) -> None:
    write(tmp_path, JOBS)
    found = [(one.position.line, one.message.split("'")[1]) for one in check(tmp_path)]
    names = "ca.pem cert.pem key.pem token report.pdf told.json a.proto b.proto".split()
    lines = [5, 5, 5, 6, 7, 9, 10, 10]
    expected = [(line, str(tmp_path / name)) for line, name in zip(lines, names, strict=True)]
    expected += [(13, str(tmp_path / "keys/seed.nk")), (19, str(tmp_path / "nowhere/body"))]
    assert found == expected
    assert "No such file or directory" in check(tmp_path)[0].message
    assert 19 not in [one.position.line for one in check(tmp_path, with_variables=False)]


def test_without_the_environment_only_files_beside_the_job_are_looked_for(tmp_path: Path) -> None:
    tls = "{ca: ca.pem, cert: /nonexistent/cert.pem}"
    write(tmp_path, f"name: a\nwebhook: {{url: 'https://h/', tls: {tls}}}\n")
    assert len(check(tmp_path)) == 2
    (problem,) = check(tmp_path, with_variables=False)
    assert "ca.pem" in problem.message


def test_what_is_no_file_is_refused_and_what_is_there_is_well(tmp_path: Path) -> None:
    write(tmp_path, "name: a\nwebhook: {url: 'https://h/', tls: {ca: ca.pem}}\n")
    (tmp_path / "ca.pem").mkdir()
    (problem,) = check(tmp_path)
    assert "it is a directory" in problem.message
    (tmp_path / "ca.pem").rmdir()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "ca.pem"))
    (problem,) = check(tmp_path)
    assert "it is a socket" in problem.message
    (tmp_path / "ca.pem").unlink()
    write(tmp_path, "", "ca.pem")
    assert check(tmp_path) == []


def test_a_plug_in_says_it_by_the_type(tmp_path: Path) -> None:
    class Pigeon(Target, frozen=True):
        ring: FilePath
        loft: Annotated[PathName | None, Meta(description="May come later")] = None
        feathers: dict[str, list[FilePath]] = {}

    text = "ring: gold\nloft: x\nfeathers: {left: [one]}\n"
    node = parse(str(tmp_path / "a.yaml"), text.encode()).documents[0].root
    problems = ProblemList()
    read_struct(Reader(problems, looks_for=Files.ANY), node, Pigeon, ())
    assert [problem.path for problem in problems.sorted()] == ["ring", "feathers.left[0]"]
    sound = ProblemList()
    pigeon = read_struct(Reader(sound), node, Pigeon, ())
    assert (sound.found, pigeon.loft) == (0, str(tmp_path / "x"))
