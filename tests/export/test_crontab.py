"""`chronos export crontab`: the lines, as cron and /bin/sh read them."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chronos_cli.dispatch.execution import scheduled_id
from chronos_cli.export.crontab import FILE, crontab
from chronos_cli.export.model import Export
from tests.export.support import load
from tests.support import HttpServer, chronos, command, environment, headers, write

JOBS = """\
jobs:
  - {name: nightly, schedule: "0 2 * * *", timezone: Europe/Berlin, webhook: {url: "http://h/"}}
  - {name: pulse, schedule: "@every 90m", missed_runs: ignore, webhook: {url: "http://h/"}}
  - {name: fast, schedule: "@every 45s", webhook: {url: "http://h/"}}
  - {name: off, schedule: "@daily", enabled: false, jitter: 5m, webhook: {url: "http://h/${TOKEN}"}}
  - {name: one, schedule: "@weekly", concurrency: replace, webhook: {url: "http://h/{{ vars.x }}"}}
"""


def made(folder: Path, text: str = JOBS) -> Export:
    found = load(folder, text)
    return crontab(found.jobs, found.place)


def lines(export: Export) -> list[str]:
    return [line for line in export.files[FILE].splitlines() if line and line[0] != "#"]


def test_zones_stand_before_their_lines(tmp_path: Path) -> None:
    shown = [line.partition(" /usr/bin/chronos")[0] for line in lines(made(tmp_path))]
    assert shown == [
        "SHELL=/bin/sh",
        "CRON_TZ=Europe/Berlin",
        "0 2 * * *",
        "CRON_TZ=UTC",
        "0 */3 * * *",
        "30 1,4,7,10,13,16,19,22 * * *",
        "0 0 * * 0",
    ]


def test_what_cron_cannot_do_is_in_comments_and_in_notes(tmp_path: Path) -> None:
    export = made(tmp_path)
    told = {(note.job_id, note.text.partition(":")[0]) for note in export.notes}
    assert told == {
        (None, "CRON_TZ is read by cronie; Debian's cron runs all by the machine's zone, "
         "which there has to be that of the jobs"),
        ("nightly", "missed_runs"),
        ("nightly", "clock change"),
        ("off", "missed_runs"),
        ("off", "variables"),
        ("one", "missed_runs"),
        ("one", "concurrency"),
        ("one", "templates need vars.x"),
    }  # fmt: skip
    assert [(one.job_id, one.text) for one in export.refusals] == [
        ("fast", "crontab cannot run it: its times are not whole minutes")
    ]
    text = export.files[FILE]
    for note in [*export.notes, *export.refusals]:
        assert note.text in text
    assert "2027-03-28T03:00:00+02:00, when it does not run and chronos cron would" in text


def test_a_disabled_job_stays_as_a_comment(tmp_path: Path) -> None:
    assert "\n# enabled: false # 0 0 * * * T=" in made(tmp_path).files[FILE]


def test_no_path_breaks_out_of_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "50% off; rm 'x' $HOME"
    folder.mkdir()
    [*_, line] = lines(made(folder, 'name: a\nschedule: "@daily"\nwebhook: {url: "http://h/"}\n'))
    cron, _, rest = line.replace("\\%", "\0").partition("%")
    assert rest == ""
    script = cron.replace("\0", "%").partition("0 0 * * * ")[2]
    shown = script.replace("/usr/bin/chronos", "printf '%s\\n'")
    done = subprocess.run(["/bin/sh", "-c", shown], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(folder / "job.yaml")
    broken = tmp_path / "a\nb"
    broken.mkdir()
    [refused] = made(broken, 'name: a\nschedule: "@daily"\nwebhook: {url: "http://h/"}\n').refusals
    assert "no line of a crontab can hold" in refused.text


def test_a_line_runs_the_job_as_the_tick_of_its_minute(tmp_path: Path, server: HttpServer) -> None:
    """As cron runs it: an escaped % is one, and the line goes to /bin/sh."""
    url = f"{server.url}/status/200?{tmp_path.name}"
    path = write(
        tmp_path, f'name: a\nschedule: "* * * * *"\njitter: 1s\nwebhook: {{url: "{url}"}}\n'
    )
    result = chronos("export", "crontab", path, "--program", "/opt/chronos")
    assert result.code == 0, result.err
    [*_, line] = result.out.splitlines()
    script = line.partition("* * * * * ")[2].replace("\\%", "%")
    program = " ".join(command()).replace("\\", "\\\\")
    before = datetime.now(UTC).replace(second=0, microsecond=0)
    done = subprocess.run(
        ["/bin/sh", "-c", script.replace("/opt/chronos", program)],
        capture_output=True,
        text=True,
        env=environment({"XDG_STATE_HOME": str(tmp_path)}),
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    [request] = server.requests(f"/status/200?{tmp_path.name}")
    seen = headers(request)
    minutes = before, before + timedelta(minutes=1)
    assert seen["x-chronos-execution-id"] in {scheduled_id("a", minute) for minute in minutes}
