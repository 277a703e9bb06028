"""`chronos export systemd`, judged by systemd-analyze."""

import os
from pathlib import Path

from chronos_cli.export.model import Export
from chronos_cli.export.systemd import systemd
from tests.export.support import load, systemd_analyze

JOBS = """\
jobs:
  - name: nightly
    schedule: "*/30 1 * * *"
    timezone: America/New_York
    jitter: 90s
    missed_runs: execute_all
    starting_deadline: 1h
    deadline: 10m
    webhook:
      url: "https://${HOST:-example.com}/${file:/run/secrets/path}/${file:beside.txt}"
      headers: {A: "${file:/other/path}", B: "${file:${CREDENTIALS_DIRECTORY}/inner}"}
      auth: {bearer: {token: "${TOKEN}"}}
    on_failure: {deadline: 2m, webhook: {url: "http://h/"}}
  - {name: either, schedule: "0 9 1 * 5", concurrency: forbid, webhook: {url: "http://h/"}}
  - {name: odd, schedule: "@every 7s", missed_runs: ignore, webhook: {url: "http://h/"}}
  - {name: off, schedule: "0 9 L * *", enabled: false, webhook: {url: "http://h/"}}
"""


def made(folder: Path, text: str = JOBS) -> Export:
    found = load(folder, text, config="scheduler: {max_concurrent_jobs: 5}\n")
    return systemd(found.jobs, found.place)


def settings(export: Export, name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in export.files[name].splitlines():
        key, sign, value = line.partition("=")
        if sign and line[0] != "#":
            found.setdefault(key, []).append(value)
    return found


def test_systemd_accepts_the_units_and_finds_them_confined(tmp_path: Path) -> None:
    folder = tmp_path / 'a "b" %n $c'
    folder.mkdir()
    export = made(folder)
    assert len(export.files) == 8
    program = tmp_path / "chronos"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    paths = []
    for name, text in export.files.items():
        path = tmp_path / name
        path.write_text(text.replace("/usr/bin/chronos", str(program)))
        paths.append(str(path))
    done = systemd_analyze("verify", *paths)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    judged = systemd_analyze("security", "--offline=true", "--threshold=20", "--no-pager", paths[0])
    assert judged.returncode == 0, judged.stdout


def test_a_timer_says_when(tmp_path: Path) -> None:
    export = made(tmp_path)
    nightly = settings(export, "chronos-nightly.timer")
    assert nightly["OnCalendar"] == ["*-*-* 01:00,30:00 America/New_York"]
    assert nightly["Persistent"] == ["true"]
    assert nightly["RandomizedDelaySec"] == ["90s"]
    assert nightly["AccuracySec"] == ["1s"]
    assert settings(export, "chronos-either.timer")["OnCalendar"] == [
        "*-*-01 09:00:00 UTC",
        "Fri *-*-* 09:00:00 UTC",
    ]
    odd = settings(export, "chronos-odd.timer")
    assert (odd["OnActiveSec"], odd["OnUnitActiveSec"]) == (["7s"], ["7s"])
    assert odd["Persistent"] == ["false"]
    assert nightly["WantedBy"] == ["timers.target"]
    assert "WantedBy" not in settings(export, "chronos-off.timer")


def test_a_service_says_what_and_where_secrets_are(tmp_path: Path) -> None:
    nightly = settings(made(tmp_path), "chronos-nightly.service")
    assert nightly["ExecStart"] == [
        "/usr/bin/chronos run --quiet --job nightly --state /var/lib/chronos/state.sqlite "
        f"--config {tmp_path}/chronos.yaml {tmp_path}/job.yaml"
    ]
    assert nightly["TimeoutStartSec"] == ["750s"]
    assert nightly["EnvironmentFile"] == ["/etc/chronos/nightly.env"]
    [first, *others] = nightly["LoadCredential"]
    assert first == "path:/run/secrets/path"
    assert others[0] == f"beside.txt:{tmp_path}/beside.txt"
    assert others[1].startswith("secret-")
    assert others[1].endswith(":/other/path")
    assert others[2:] == ["inner"]
    assert nightly["BindReadOnlyPaths"][0] == "%d/path:/run/secrets/path"
    assert len(nightly["BindReadOnlyPaths"]) == 3


def test_what_systemd_cannot_do_is_in_comments_and_in_notes(tmp_path: Path) -> None:
    export = made(tmp_path)
    told = {(note.job_id, note.text.partition(":")[0]) for note in export.notes}
    in_tmp: set[tuple[str | None, str]] = set()
    if str(tmp_path).startswith(("/tmp/", "/var/tmp/")):
        names = [f"{tmp_path}{os.sep}{name}" for name in ("job.yaml", "chronos.yaml")]
        in_tmp = {(job, name) for job in ("nightly", "either", "odd", "off") for name in names}
    assert told - in_tmp == {
        ("nightly", "missed_runs"),
        ("nightly", "starting_deadline"),
        ("nightly", "concurrency"),
        ("nightly", "clock change"),
        ("nightly", "variables"),
        ("odd", "concurrency"),
        ("odd", "schedule"),
        ("off", "concurrency"),
        (None, "scheduler.max_concurrent_jobs"),
    }
    for note in export.notes:
        timer = f"chronos-{note.job_id}.timer"
        assert all(
            f"# note: {note.text}" in text
            for name, text in export.files.items()
            if name == timer or note.job_id is None
        )
    when = "2027-11-07T01:00:00-05:00, when it does not run and chronos cron would"
    assert when in export.files["chronos-nightly.timer"]
