"""How often files are looked at: often where they are few, seldom where looking costs much."""

import time
from pathlib import Path

from chronos_cli.cron.watch import Watch
from chronos_cli.jobs.files import find_files


def watched(folder: Path, count: int) -> Watch:
    for number in range(count):
        (folder / f"{number}.yaml").write_text("name: a\n")
    return Watch(lambda: find_files([str(folder)]))


def test_a_few_files_are_looked_at_every_second(tmp_path: Path) -> None:
    assert watched(tmp_path, 3).interval == 1.0


def test_ten_thousand_files_take_less_than_a_hundredth_of_a_core(tmp_path: Path) -> None:
    watch = watched(tmp_path, 10_000)
    began = time.thread_time()
    assert not watch.has_changed()
    spent = time.thread_time() - began
    assert spent / (watch.interval + spent) < 0.01
    assert watch.interval < 60


def test_a_change_is_told_once_when_it_has_settled(tmp_path: Path) -> None:
    watch = watched(tmp_path, 2)
    (tmp_path / "1.yaml").write_text("name: other\n")
    assert [watch.has_changed() for _ in range(3)] == [False, True, False]
