"""`kill -9` at random instants: the state stays whole, and history tells no more than happened.

CHRONOS_TEST_KILLS asks for more of them, CHRONOS_TEST_SEED for the same again.
"""

import json
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.cron.program import Cron
from tests.support import HttpServer, chronos, command, environment, headers

KILLS = int(os.environ.get("CHRONOS_TEST_KILLS", "8"))
SEED = int(os.environ.get("CHRONOS_TEST_SEED", "0")) or random.SystemRandom().randrange(10**6)
JOBS = 200
ALL = str(10**6)

Victim = Callable[[Path, float], None]


@pytest.fixture
def path() -> str:
    """A path of the server that no other test uses."""
    return f"/status/200?{uuid4().hex}"


def a_run(folder: Path, seconds: float) -> None:
    """Let a run go on for so long, and kill it."""
    process = subprocess.Popen(
        command("run", "jobs.json", "--state", "state.sqlite"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        cwd=folder,
    )
    time.sleep(0.2 + seconds)
    process.kill()
    process.wait(10)


def a_loop(folder: Path, seconds: float) -> None:
    """Let a loop go on for so long after its start, and kill it."""
    with Cron(folder, "jobs.json") as cron:
        cron.wait_for("started")
        time.sleep(seconds)
        cron.process.kill()


@pytest.mark.parametrize(("victim", "longest"), [(a_run, 0.8), (a_loop, 1.2)])
def test_the_state_survives_and_history_is_true(
    tmp_path: Path, server: HttpServer, path: str, victim: Victim, longest: float
) -> None:
    chance = random.Random(SEED)
    jobs = [
        {"name": f"j{n}", "schedule": "@every 1s", "webhook": {"url": server.url + path}}
        for n in range(JOBS)
    ]
    (tmp_path / "jobs.json").write_text(json.dumps({"jobs": jobs}))
    # On a slow machine all may have been killed before they sent anything: then a few get longer.
    for kill in range(KILLS + 4):
        if kill >= KILLS and server.requests(path):
            break
        victim(tmp_path, chance.uniform(0, longest) + 2 * max(0, kill - KILLS))
        assert integrity(tmp_path / "state.sqlite") in {None, "ok"}, f"seed {SEED}"
    arrived = {headers(one)["x-chronos-execution-id"] for one in server.requests(path)}
    told = {one["execution_id"]: one["status"] for one in history(tmp_path)}
    assert arrived, f"seed {SEED}"
    assert set(told.values()) <= {"succeeded", "interrupted"}, f"seed {SEED}"
    assert {key for key, status in told.items() if status == "succeeded"} <= arrived
    assert arrived <= set(told), f"seed {SEED}"


def integrity(state: Path) -> str | None:
    """What SQLite says of a state; None when it was not made yet."""
    if not state.exists():
        return None
    with closing(sqlite3.connect(state)) as connection:
        (word,) = connection.execute("PRAGMA integrity_check").fetchone()
        return str(word)


def history(folder: Path) -> list[dict[str, Any]]:
    """What `chronos history` tells, oldest first."""
    told = ("history", "-o", "json", "--limit", ALL, "--state", "state.sqlite")
    result = chronos(*told, cwd=folder)
    assert (result.code, result.err) == (0, "")
    results: list[dict[str, Any]] = result.report["results"]
    return results[::-1]
