"""`chronos export kubernetes`, judged by the schemas of Kubernetes itself."""

import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from chronos_cli.errors import InvalidInputError
from chronos_cli.export.kubernetes import kubernetes
from chronos_cli.export.kubernetes_names import label_key, label_value, name_of
from chronos_cli.export.kubernetes_pod import Cluster
from chronos_cli.export.model import Export
from tests.export.support import load
from tests.support import HttpServer, chronos, command, environment, headers, write

JOBS = """\
jobs:
  - name: Größe.Nightly
    schedule: "30 2 * * *"
    timezone: Europe/Berlin
    tags: {team: finance, "no label": x}
    jitter: 30s
    missed_runs: execute_all
    starting_deadline: 1h
    concurrency: forbid
    deadline: 10m
    payload_file: body.bin
    webhook:
      url: "https://${HOST:-example.com}/${file:/run/secrets/path}/${file:in/beside.txt}"
      headers: {A: "${file:/other/path}"}
      auth: {bearer: {token: "${TOKEN}"}}
    on_recovery: {webhook: {url: "http://h/"}}
  - {name: pulse, schedule: "@every 90m", missed_runs: ignore, webhook: {url: "http://h/"}}
  - {name: off, schedule: "@daily", enabled: false, webhook: {url: "http://h/$(x)"}}
  - {name: both, schedule: "0 9 */2 * 1", webhook: {url: "http://h/"}}
"""
CLUSTER = Cluster("registry.example.com/chronos:1", "secrets")


def made(
    folder: Path, text: str = JOBS, config: str | None = None, files: dict[str, str] | None = None
) -> Export:
    for name, content in {"body.bin": "\0", **(files or {})}.items():
        (folder / name).write_text(content)
    found = load(folder, text, config=config)
    return kubernetes(found.jobs, found.place, CLUSTER)


def documents(export: Export) -> dict[str, dict[str, Any]]:
    return {name: yaml.safe_load(text) for name, text in export.files.items()}


def test_kubernetes_accepts_the_manifests(tmp_path: Path) -> None:
    found = documents(made(tmp_path, config="scheduler: {max_concurrent_jobs: 5}\n"))
    assert len(found) == 6
    for name, document in found.items():
        kubernetes_validate.validate(document, "1.31", strict=True)
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", document["metadata"]["name"])
        assert len(document["metadata"]["name"]) <= 52
        assert name.startswith(document["metadata"]["name"])


def test_a_cron_job_says_what_the_job_says(tmp_path: Path) -> None:
    found = documents(made(tmp_path))
    [name] = [name for name in found if "nightly" in name]
    spec = found[name]["spec"]
    template = spec.pop("jobTemplate")
    assert spec == {
        "schedule": "30 2 * * *",
        "timeZone": "Europe/Berlin",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 3600,
        "suspend": False,
    }
    assert found[name]["metadata"]["labels"]["team"] == "finance"
    assert template["spec"]["backoffLimit"] == 0
    assert template["spec"]["activeDeadlineSeconds"] > 600
    pod = template["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["securityContext"]["runAsNonRoot"] is True
    [container] = pod["containers"]
    assert container["image"] == CLUSTER.image
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    references = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"]}
    assert references == {
        "HOST": {"name": "secrets", "key": "HOST", "optional": True},
        "TOKEN": {"name": "secrets", "key": "TOKEN"},
    }
    mounts = {one["mountPath"]: one.get("subPath") for one in container["volumeMounts"]}
    assert mounts["/run/secrets/path"] == "path"
    other = mounts["/other/path"]
    assert other
    assert other.startswith("path-")
    volumes = {one["name"]: one for one in pod["volumes"]}
    projected = volumes["jobs"]["projected"]["sources"]
    assert projected[1]["secret"]["items"] == [{"key": "beside.txt", "path": "in/beside.txt"}]
    assert [one["key"] for one in volumes["secrets"]["secret"]["items"]] == ["path", other]


def test_intervals_and_disabled_jobs(tmp_path: Path) -> None:
    found = documents(made(tmp_path))
    pulse = [found[f"pulse-{number}.cronjob.yaml"]["spec"] for number in (1, 2)]
    assert [one["schedule"] for one in pulse] == ["0 */3 * * *", "30 1,4,7,10,13,16,19,22 * * *"]
    assert {one["timeZone"] for one in pulse} == {"Etc/UTC"}
    assert {one["startingDeadlineSeconds"] for one in pulse} == {60}
    assert found["off.cronjob.yaml"]["spec"]["suspend"] is True


def test_what_kubernetes_cannot_do_is_in_comments_and_in_notes(tmp_path: Path) -> None:
    export = made(tmp_path)
    told = {(note.job_id, note.text.partition(":")[0]) for note in export.notes}
    [big] = {note.job_id for note in export.notes if note.text.startswith("jitter")}
    assert told == {
        (big, "missed_runs"),
        (big, "clock change"),
        (big, "jitter"),
        (big, "on_recovery"),
        (big, "tag no label"),
        (big, "secrets"),
        (big, f"{tmp_path}/body.bin"),
        ("pulse", "missed_runs"),
    }
    [refused] = export.refusals
    assert (refused.job_id, "must both match" in refused.text) == ("both", True)
    text = "".join(export.files.values())
    for note in export.notes:
        assert f"# note: {note.text}" in text
    assert "2027-03-28T03:00:00+02:00, when it does not run and chronos cron would" in text


def test_a_file_is_to_be_mounted_where_the_exported_job_looks_for_it(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    (folder / "tls").mkdir(parents=True)
    export = made(
        folder,
        'name: a\nschedule: "@daily"\npayload_file: ../body.bin\nexcept: days.ics\n'
        "webhook:\n  url: 'https://h/${file:u}'\n"
        f"  headers: {{A: '${{file:{folder}/t}}'}}\n"
        f"  tls: {{ca: {folder}/tls/ca.pem, cert: tls/a.pem, key: '${{DIR:-tls}}/k.pem'}}\n",
        files={"days.ics": "BEGIN:VCALENDAR\nEND:VCALENDAR\n"},
    )
    told = dict(
        note.text.split(": not exported; mount it ")
        for note in export.notes
        if "mount" in note.text
    )
    assert told == {
        f"{folder}/../body.bin": "at /etc/chronos/body.bin",
        f"{folder}/days.ics": "at /etc/chronos/jobs/days.ics",
        f"{folder}/tls/ca.pem": f"at {folder}/tls/ca.pem",
        f"{folder}/tls/a.pem": "at /etc/chronos/jobs/tls/a.pem",
        f"{folder}/tls/k.pem": "where the job looks: a variable decides that",
    }
    [config, job] = documents(export).values()
    assert f"ca: {folder}/tls/ca.pem" in config["data"]["job.yaml"]
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    mounts = [one["mountPath"] for one in pod["containers"][0]["volumeMounts"]]
    assert f"{folder}/t" in mounts
    projected = next(one for one in pod["volumes"] if one["name"] == "jobs")["projected"]
    assert projected["sources"][1]["secret"]["items"] == [{"key": "u", "path": "u"}]


@pytest.mark.parametrize(
    ("schedule", "policies", "lines"),
    [
        ('["0 9 * * *", "0 17 * * *"]', "concurrency: forbid", ["concurrency", "missed_runs"]),
        ('"@every 90m"', "concurrency: replace", ["concurrency", "missed_runs"]),
        ('"@every 90m"', "{concurrency: forbid, missed_runs: ignore}", ["concurrency"]),
        ('"@every 90m"', "concurrency: allow", ["missed_runs"]),
        ('"0 9 * * *"', "concurrency: forbid", []),
    ],
)
def test_what_holds_for_each_of_several_cron_jobs_alone_is_said(
    tmp_path: Path, schedule: str, policies: str, lines: list[str]
) -> None:
    text = f"name: a\nschedule: {schedule}\n" + policies.strip("{}").replace(", ", "\n")
    export = made(tmp_path, text + "\nwebhook: {url: 'http://h/'}\n")
    told = [note.text for note in export.notes if "2 CronJobs stand for this job" in note.text]
    assert [line.partition(":")[0] for line in told] == lines
    for name, manifest in export.files.items():
        assert name.startswith("chronos-") or all(f"# note: {line}" in manifest for line in told)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("webhook", '{url: "http://h/", auth: {bearer: {token: "hunter2hunter2"}}}'),
        ("webhook", '{url: "http://h/", auth: {bearer: {token: "${TOKEN:-hunter2hunter2}"}}}'),
        ("webhook", '{url: "http://me:hunter2hunter2@h/"}'),
    ],
)
def test_a_secret_in_clear_text_is_not_handed_on(tmp_path: Path, key: str, value: str) -> None:
    """Not that of another job in the file either."""
    good = '{name: good, schedule: "@daily", webhook: {url: "http://u:${PASSWORD}@h/"}}'
    assert made(tmp_path, f"jobs:\n  - {good}\n").refusals == ()
    export = made(tmp_path, f"jobs:\n  - {good}\n  - {{name: bad, {key}: {value}}}\n")
    assert export.files == {}
    [refused] = export.refusals
    assert f"{tmp_path}/job.yaml:3:" in refused.text
    assert "hunter2" not in refused.text


def test_no_value_of_a_secret_is_handed_on(tmp_path: Path) -> None:
    job = 'name: a\nschedule: "@daily"\ntags: {a: "${TOKEN}", b: c}\nwebhook: {url: "http://h/"}\n'
    found = load(tmp_path, job, env={"TOKEN": "hunter2hunter2"})
    export = kubernetes(found.jobs, found.place, CLUSTER)
    assert "hunter2" not in "".join([*export.files.values(), *(n.text for n in export.notes)])
    assert "\n    b: c\n" in export.files["a.cronjob.yaml"]
    assert any(note.text.startswith("tags: those that hold a secret") for note in export.notes)
    with pytest.raises(InvalidInputError):
        load(tmp_path, job.replace("name: a", 'name: "${TOKEN}"'), env={"TOKEN": "hunter2hunter2"})


@pytest.mark.parametrize("text", ["# \u202etxet\n", "# a\tb\n", "# \x85\n"])
def test_a_file_comes_out_byte_for_byte(tmp_path: Path, text: str) -> None:
    job = text + 'name: "größe"\nschedule: "@daily"  \n\nwebhook: {url: "http://h/"}\n\n'
    [document, _] = documents(made(tmp_path, job)).values()
    raw = document.get("data", {}).get("job.yaml", "").encode()
    if "binaryData" in document:
        import base64

        raw = base64.b64decode(document["binaryData"]["job.yaml"])
    assert raw == (tmp_path / "job.yaml").read_bytes()


def test_names() -> None:
    assert name_of("daily-report") == "daily-report"
    assert name_of("daily-report", "2") == "daily-report-2"
    changed = [name_of(one) for one in ("a.b", "a_b", "A-B", "4a", "x" * 60, "x" * 61, "-" * 9)]
    assert len(set(changed)) == len(changed)
    for name in changed:
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
        assert len(name) <= 52
    assert label_key("example.com/team") == "example.com/team"
    assert label_key("a b") is label_key("/a") is label_key("x" * 64) is None
    assert (label_value(""), label_value("a b"), label_value("x" * 64)) == ("", None, None)


def test_the_container_runs_the_job(tmp_path: Path, server: HttpServer) -> None:
    """With the files and variables that the manifest names, and nothing else."""
    url = f"{server.url}/status/200?{tmp_path.name}"
    job = f'name: a\nschedule: "@daily"\nwebhook: {{url: "{url}", headers: {{A: "${{WORD}}"}}}}\n'
    result = chronos("export", "kubernetes", "-", "--image", "i", stdin=job)
    assert result.code == 0, result.err
    assert "'chronos' has to hold WORD" in result.err
    config_map, cron_job = yaml.safe_load_all(result.out)
    for name, text in config_map["data"].items():
        write(tmp_path, text, name)
    [container] = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    words = [one.replace("/etc/chronos/jobs", str(tmp_path)) for one in container["command"]]
    assert words[0] == "chronos"
    variables = {one["name"]: "a word" for one in container["env"]}
    done = subprocess.run(
        [*command(), *words[1:]], env=environment(variables), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    [request] = server.requests(f"/status/200?{tmp_path.name}")
    assert headers(request)["a"] == "a word"
