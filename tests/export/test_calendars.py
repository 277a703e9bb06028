"""Several schedules, bounds and exceptions of one job."""

from pathlib import Path

from chronos_cli.export.crontab import FILE, crontab
from chronos_cli.export.kubernetes import kubernetes
from chronos_cli.export.kubernetes_pod import Cluster
from chronos_cli.export.systemd import systemd
from tests.export.support import load

JOB = """\
name: a
schedule: ["0 9 * * *", "30 14 * * 5"]
starts: 2027-01-01
except: ["2027-12-24..2027-12-31"]
concurrency: forbid
missed_runs: ignore
webhook: {url: "http://h/"}
"""
NOT_KNOWN = "does not know it and runs the job all the same"


def test_each_schedule_is_there_and_bounds_are_told(tmp_path: Path) -> None:
    found = load(tmp_path, JOB)
    exports = {
        "crontab": crontab(found.jobs, found.place),
        "systemd": systemd(found.jobs, found.place),
        "Kubernetes": kubernetes(found.jobs, found.place, Cluster("i", "s")),
    }
    text = exports["crontab"].files[FILE]
    assert "\n0 9 * * * /usr" in text
    assert "\n30 14 * * 5 /usr" in text
    timer = exports["systemd"].files["chronos-a.timer"]
    assert "OnCalendar=*-*-* 09:00:00 UTC\n" in timer
    assert "OnCalendar=Fri *-*-* 14:30:00 UTC\n" in timer
    assert "schedule: 0 9 * * *\n" in exports["Kubernetes"].files["a-1.cronjob.yaml"]
    assert "schedule: 30 14 * * 5\n" in exports["Kubernetes"].files["a-2.cronjob.yaml"]
    for name, export in exports.items():
        told = {note.text for note in export.notes}
        assert {f"{key}: {name} {NOT_KNOWN}" for key in ("starts", "except")} <= told
        meeting = f"schedule: where two of them meet, {name} starts the job twice"
        assert (meeting in told) == (name != "systemd")


def test_the_start_of_the_machine(tmp_path: Path) -> None:
    found = load(tmp_path, JOB.replace('["0 9 * * *", "30 14 * * 5"]', '"@reboot"'))
    assert "\n@reboot /usr/bin/chronos run" in crontab(found.jobs, found.place).files[FILE]
    export = systemd(found.jobs, found.place)
    assert "OnBootSec=0s\n" in export.files["chronos-a.timer"]
    assert any(note.text.startswith("@reboot: systemd") for note in export.notes)
    [refused] = kubernetes(found.jobs, found.place, Cluster("i", "s")).refusals
    assert "no form there" in refused.text
