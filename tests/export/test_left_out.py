"""What no export can carry over stands in the output and on stderr, whatever the scheduler."""

from pathlib import Path

import pytest

from tests.support import chronos, write

SCHEDULERS = ("crontab", "systemd", "kubernetes")
JOBS = """\
jobs:
  - {name: daily, schedule: "@daily", webhook: {url: "http://h/"}}
  - {name: by-hand, webhook: {url: "http://h/"}}
"""
CONFIG = """\
scheduler:
  max_concurrent_jobs: 5
  heartbeat: {every: 1m, webhook: {url: "http://h/alive"}}
"""


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_what_only_a_loop_does(tmp_path: Path, scheduler: str) -> None:
    arguments = ["export", scheduler, write(tmp_path, JOBS), "--config"]
    result = chronos(*arguments, write(tmp_path, CONFIG, "chronos.yaml"))
    assert result.code == 0, result.err
    for key in ("scheduler.heartbeat", "scheduler.max_concurrent_jobs"):
        assert f"# note: {key}: " in result.out
        assert f"chronos: note: {key}: " in result.err
    folder = tmp_path / "written"
    assert chronos(*arguments, str(tmp_path / "chronos.yaml"), "--directory", str(folder)).code == 0
    texts = [path.read_text() for path in folder.iterdir() if "configmap" not in path.name]
    assert all("# note: scheduler.heartbeat: " in text for text in texts)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_nothing_is_said_of_what_is_not_set(tmp_path: Path, scheduler: str) -> None:
    config = write(tmp_path, "scheduler: {timezone: Europe/Berlin}\n", "chronos.yaml")
    result = chronos("export", scheduler, write(tmp_path, JOBS), "--config", config)
    assert "note: scheduler." not in result.out + result.err


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_job_without_a_schedule(tmp_path: Path, scheduler: str) -> None:
    result = chronos("export", scheduler, write(tmp_path, JOBS))
    assert result.code == 0, result.err
    assert "# not exported: by-hand: it has no schedule\n" in result.out
    assert "chronos: 1 job without a schedule, not exported: by-hand\n" in result.err
