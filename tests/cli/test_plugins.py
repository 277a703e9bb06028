"""A stranger's protocol is found, checked and run like a built-in one."""

import json
from pathlib import Path

import pytest

from tests.cli.pigeon import JOB, PLUGIN, install
from tests.support import chronos, write


def test_a_plugin_runs(tmp_path: Path) -> None:
    env = install(tmp_path)
    write(tmp_path, "dispatcher: {pigeon: {colour: white, grains: 3}}\n", "chronos.yaml")
    job = write(tmp_path, JOB.format(loft="home", more=""))
    result = chronos("run", job, "-o", "json", env=env, cwd=tmp_path)
    assert result.code == 0, result.err
    assert (result.only["protocol"], result.only["code"]) == ("pigeon", "COO")
    assert result.only["target"] == "pigeon to home"
    assert result.only["receipt"] == {"colour": "white", "grains": 3}
    assert "Ring: a" in chronos("run", job, "--dry-run", env=env, cwd=tmp_path).out
    assert "pigeon-post 1.0" in chronos("protocols", env=env).out
    closed = write(tmp_path, JOB.format(loft="closed", more=""))
    assert chronos("run", closed, env=env, cwd=tmp_path).code == 4


def test_one_that_cannot_be_stopped_holds_nobody_up(tmp_path: Path) -> None:
    stubborn = PLUGIN.replace(
        "        if delivery.target.loft ==",
        "        import asyncio\n"
        "        while True:\n"
        "            try:\n"
        "                await asyncio.sleep(60)\n"
        "            except asyncio.CancelledError:\n"
        "                pass\n"
        "        if delivery.target.loft ==",
    )
    job = "name: a\ntimeout: 200ms\nretry_policy: {max_attempts: 1}\nloft: {loft: home}\n"
    env = install(tmp_path, code=stubborn)
    result = chronos("run", write(tmp_path, job), "-o", "json", env=env, limit=20)
    assert (result.code, result.only["status"]) == (6, "timed_out")
    assert "cannot be stopped" in result.only["message"]


@pytest.mark.parametrize(
    ("loft", "more", "message"),
    [
        ("sea", "", "2:14: no loft is at sea"),
        ("home", ", grains: 0", "2:28: must be at least 1"),
        ("home", ", grain: 1", "2:20: unknown key 'grain' (did you mean 'grains'?)"),
    ],
)
def test_its_block_is_checked(tmp_path: Path, loft: str, more: str, message: str) -> None:
    job = write(tmp_path, JOB.format(loft=loft, more=more))
    result = chronos("validate", job, env=install(tmp_path))
    assert (result.code, f"{job}:{message}" in result.err) == (3, True), result.err


def test_a_missing_client_is_one_line_and_sends_nothing(tmp_path: Path) -> None:
    env = install(tmp_path, "('pigeon_feed',)")
    job = write(tmp_path, JOB.format(loft="home", more=""))
    assert chronos("validate", job, env=env).code == 0
    result = chronos("run", job, env=env)
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith(f"{job}:1:1: pigeon: 'pigeon_feed' is not installed; run: ")
    assert result.err.endswith("pip install 'pigeon-post[grain]'\n")
    listed = chronos("protocols", "--output", "json", env=env)
    (row,) = [one for one in json.loads(listed.out)["results"] if one["key"] == "loft"]
    assert (row["status"], row["message"]) == ("missing", "'pigeon_feed' is not installed")
    assert row["install"].endswith("pip install 'pigeon-post[grain]'")
    table = chronos("protocols", env=env).out
    assert f"loft         pigeon       {row['package']:<24} missing\n" in table
    assert f"    run: {row['install']}\n" in table


def test_an_event_that_it_cannot_carry_is_refused(tmp_path: Path) -> None:
    env = install(tmp_path)
    job = write(tmp_path, "name: a\ncloudevents: binary\nloft: {loft: home}\n")
    for command in ("validate", "run"):
        result = chronos(command, job, env=env)
        assert (result.code, result.out) == (3, "")
        assert f"{job}:2:14: 'loft' cannot carry a CloudEvent in the mode binary" in result.err
        assert "write 'cloudevents: structured'" in result.err
    notice = "name: a\nloft: {loft: home}\non_failure: {cloudevents: binary, loft: {loft: home}}\n"
    assert chronos("validate", write(tmp_path, notice), env=env).code == 3
    inherited = "defaults: {cloudevents: {mode: binary}}\njobs: [{name: a, loft: {loft: home}}]\n"
    assert chronos("validate", write(tmp_path, inherited), env=env).code == 3
    structured = write(tmp_path, "name: a\ncloudevents: structured\nloft: {loft: home}\n")
    assert chronos("run", structured, env=env).code == 0
