"""A stranger's protocol is found, checked and run like a built-in one."""

from pathlib import Path

import pytest

from tests.support import ROOT, chronos, write

PLUGIN = """
from typing import Annotated
from msgspec import Meta
from chronos_cli.dispatch.plugin import Plugin, Preview, Receipt
from chronos_cli.errors import RejectedError
from chronos_cli.jobs.model import Settings, Target
from chronos_cli.problems import Flaw


class Pigeon(Target, kw_only=True, frozen=True):
    loft: Annotated[str, Meta(description="Where it flies to")]
    grains: Annotated[int, Meta(ge=1)] = 1

    def flaws(self):
        if self.loft == "sea":
            yield Flaw(("loft",), "no loft is at sea")

    def describe(self):
        return f"pigeon to {self.loft}"


class PigeonSettings(Settings, kw_only=True, frozen=True):
    colour: str = "grey"


class PigeonDispatcher:
    def __init__(self, settings):
        self.settings = settings

    async def send(self, delivery):
        if delivery.target.loft == "closed":
            raise RejectedError("the loft is closed", code="SHUT")
        return Receipt(code="COO", data={"colour": self.settings.colour,
                                         "grains": delivery.target.grains})

    async def preview(self, delivery):
        return Preview("PIGEON", [("Ring", delivery.metadata["X-Chronos-Job-ID"])], "note")

    async def close(self):
        pass


plugin = Plugin(
    key="loft",
    protocol="pigeon",
    target=Pigeon,
    settings=PigeonSettings,
    dispatcher=PigeonDispatcher,
    client_modules=CLIENTS,
    extra="grain",
)
"""


def install(folder: Path, clients: str = "()", code: str = PLUGIN) -> dict[str, str]:
    """A distribution as pip would leave it; returns the environment that sees it."""
    (folder / "pigeon_chronos.py").write_text(code.replace("CLIENTS", clients))
    info = folder / "pigeon_post-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon-post\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[chronos.dispatchers]\nloft = pigeon_chronos:plugin\n")
    return {"PYTHONPATH": f"{folder}:{ROOT}"}


JOB = "name: a\nloft: {{loft: {loft}{more}}}\n"


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
    ("loft", "more", "told"),
    [
        ("sea", "", "2:14: no loft is at sea"),
        ("home", ", grains: 0", "2:28: must be at least 1"),
        ("home", ", grain: 1", "2:20: unknown key 'grain' (did you mean 'grains'?)"),
    ],
)
def test_its_block_is_checked(tmp_path: Path, loft: str, more: str, told: str) -> None:
    job = write(tmp_path, JOB.format(loft=loft, more=more))
    result = chronos("validate", job, env=install(tmp_path))
    assert (result.code, f"{job}:{told}" in result.err) == (3, True), result.err


def test_a_missing_client_is_one_line_and_sends_nothing(tmp_path: Path) -> None:
    env = install(tmp_path, "('pigeon_feed',)")
    job = write(tmp_path, JOB.format(loft="home", more=""))
    assert chronos("validate", job, env=env).code == 0
    result = chronos("run", job, env=env)
    assert (result.code, result.out) == (3, "")
    assert result.err == (
        f"{job}:1:1: pigeon: 'pigeon_feed' is not installed; "
        "run: pip install 'pigeon-post[grain]'\n"
    )


def test_a_broken_plugin_is_a_problem_of_its_jobs_only(tmp_path: Path) -> None:
    env = install(tmp_path, code="raise RuntimeError('moult')")
    job = write(tmp_path, JOB.format(loft="home", more=""))
    result = chronos("validate", job, env=env)
    assert result.code == 3
    assert "2:1: the plug-in for 'loft' cannot be loaded: moult" in result.err
    good = write(tmp_path, "name: b\nwebhook: {url: 'http://127.0.0.1:1/'}\n")
    assert chronos("validate", good, env=env).code == 0
    assert "broken: " in chronos("protocols", env=env).out
