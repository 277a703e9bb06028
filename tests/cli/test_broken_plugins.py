"""A plug-in that is broken in whatever way is named, breaks no other job, and is no success."""

import json
from pathlib import Path

import pytest

from tests.cli.pigeon import JOB, install, with_line
from tests.cron.program import Cron
from tests.support import HttpServer, chronos, write

SEND = "    async def send(self, delivery):\n"
INIT = "        self.settings = settings\n"
PANIC = "type('Panic', (BaseException,), {})('of another language')"

# How a plug-in may be broken, and how that is said.
BROKEN = {
    "raises": ("raise RuntimeError('moult')", "moult"),
    "raises without a word": ("raise RuntimeError", "RuntimeError"),
    "exits with success": ("import sys\nsys.exit(0)", "it exits with 0"),
    "panics": (f"raise {PANIC}", "of another language"),
    "is no Python": ("def", "invalid syntax"),
    "has no object": ("", "module 'pigeon_chronos' has no attribute 'plugin'"),
    "is something else": ("plugin = 5", "5 is not a chronos_cli.dispatch.plugin.Plugin"),
    "lacks a member": (
        with_line("    dispatcher=PigeonDispatcher,\n", ""),
        "Missing required argument 'dispatcher'",
    ),
    "has another key": (with_line('key="loft"', 'key="attic"'), "its key is 'attic'"),
    "has no target": (with_line("target=Pigeon,", "target=int,"), "its target is not a Target"),
    "has no settings": (
        with_line("settings=PigeonSettings,", "settings=Pigeon,"),
        "its settings is not a Settings",
    ),
    "has settings without defaults": (
        with_line('colour: str = "grey"', "colour: str"),
        "its settings have no defaults: ",
    ),
    "has a target that cannot be read": (
        with_line("    loft: Annotated", "    nest: 'Nest'\n    loft: Annotated"),
        "its target cannot be read: NameError: name 'Nest' is not defined",
    ),
    "has a dispatcher that is none": (
        with_line("dispatcher=PigeonDispatcher,", "dispatcher=5,"),
        "its dispatcher cannot be called",
    ),
}


@pytest.mark.parametrize(("code", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_named_and_nothing_is_sent(
    tmp_path: Path, code: str, message: str
) -> None:
    env = install(tmp_path, code=code)
    job = write(tmp_path, JOB.format(loft="home", more=""))
    result = chronos("run", job, env=env)
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith(f"{job}:2:1: the plug-in for 'loft' cannot be loaded: ")
    assert message in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("kind", ["exits with success", "panics", "lacks a member"])
def test_a_broken_plugin_breaks_no_command(tmp_path: Path, kind: str, server: HttpServer) -> None:
    code, message = BROKEN[kind]
    env = install(tmp_path, code=code)
    url = f"{server.url}/status/200?{tmp_path.name}"
    good = write(tmp_path, f"name: good\nwebhook: {{url: '{url}'}}\n", "good.yaml")
    assert chronos("validate", good, env=env).code == 0
    assert chronos("run", good, env=env).code == 0
    assert len(server.requests(url.removeprefix(server.url))) == 1
    listed = chronos("protocols", env=env)
    assert listed.code == 0
    assert " broken\n    the plug-in for 'loft' cannot be loaded: " in listed.out
    assert message in listed.out
    assert "pigeon-post 1.0" in listed.out
    keys = [line.split()[0] for line in listed.out.splitlines() if not line.startswith(" ")]
    assert keys == [
        "grpc",
        "kafka",
        "loft",
        "nats",
        "rabbitmq",
        "webhook",
    ]
    for schema in (("schema",), ("schema", "--chronos-yaml"), ("schema", "-o", "markdown")):
        described = chronos(*schema, env=env)
        assert (described.code, "loft" in described.out) == (0, False)
        assert described.err.startswith("left out: the plug-in for 'loft' cannot be loaded: ")
        assert "rabbitmq" in described.out
    assert chronos("init", "-", env=env).code == 0
    unknown = chronos("init", "-", "--protocol", "loft", env=env)
    assert (unknown.code, unknown.out) == (2, "")
    assert "the plug-in for 'loft' cannot be loaded: " in unknown.err
    assert message in unknown.err


def test_a_broken_plugin_keeps_the_loop_from_its_own_jobs_only(tmp_path: Path) -> None:
    env = install(tmp_path, code=BROKEN["exits with success"][0])
    job = "schedule: '@every 1h'\n" + JOB.format(loft="home", more="")
    state = ("--state", str(tmp_path / "state.sqlite"))
    result = chronos("cron", write(tmp_path, job), *state, env=env)
    assert (result.code, result.out) == (3, "")
    assert "the plug-in for 'loft' cannot be loaded: it exits with 0" in result.err
    good = "name: good\nschedule: '@every 1h'\nwebhook: {url: 'http://127.0.0.1:1/'}\n"
    with Cron(tmp_path, write(tmp_path, good), env=env) as cron:
        cron.wait_for("started")
        assert cron.stop() == 0


def test_one_that_exits_at_every_tick_ends_no_loop(tmp_path: Path) -> None:
    env = install(tmp_path, code=CARELESS["exits when it sends"][0])
    once = "retry_policy: {max_attempts: 1}\nschedule: '@every 1s'\n"
    job = write(tmp_path, once + JOB.format(loft="home", more=""))
    with Cron(tmp_path, job, env=env) as cron:
        ends = cron.wait_for("ended", count=2)
        assert {end["status"] for end in ends} == {"unreachable"}
        assert cron.stop() == 0


# What a dispatcher may do, and the code and status of its job.
CARELESS = {
    "cannot be made": (
        with_line(INIT, "        raise ValueError('no feathers')\n"),
        ("rejected", "PLUGIN", "the plug-in for 'loft' fails: ValueError: no feathers"),
    ),
    "exits when it is made": (
        with_line(INIT, "        raise SystemExit(0)\n"),
        ("rejected", "PLUGIN", "the plug-in for 'loft' fails: SystemExit: 0"),
    ),
    "lacks a member": (
        with_line("    async def close(self):\n        pass\n", ""),
        ("rejected", "PLUGIN", "the plug-in for 'loft' has a dispatcher without 'close'"),
    ),
    "exits when it sends": (
        with_line(SEND, SEND + "        raise SystemExit(0)\n"),
        ("unreachable", "SystemExit", "unforeseen SystemExit: 0"),
    ),
    "panics when it sends": (
        with_line(SEND, SEND + f"        raise {PANIC}\n"),
        ("unreachable", "Panic", "unforeseen Panic: of another language"),
    ),
    "is cancelled by nobody": (
        with_line(SEND, SEND + "        import asyncio; raise asyncio.CancelledError('lost')\n"),
        ("unreachable", "CancelledError", "unforeseen CancelledError: lost"),
    ),
    "returns nothing": (
        with_line(SEND, SEND + "        return None\n"),
        ("rejected", "PLUGIN", "the plug-in returned no receipt but None"),
    ),
    "returns a yes of its own": (
        with_line(SEND, SEND + "        return 'sent'\n"),
        ("rejected", "PLUGIN", "the plug-in returned no receipt but 'sent'"),
    ),
    "is not awaited": (
        with_line(
            SEND,
            "    def send(self, delivery):\n        return None\n\n"
            + SEND.replace("send", "other"),
        ),
        ("unreachable", "TypeError", "unforeseen TypeError: "),
    ),
}


@pytest.mark.parametrize(("code", "expected"), CARELESS.values(), ids=CARELESS)
def test_a_careless_dispatcher_fails_its_own_job_only(
    tmp_path: Path, code: str, expected: tuple[str, str, str], server: HttpServer
) -> None:
    env = install(tmp_path, code=code)
    url = f"{server.url}/status/200?{tmp_path.name}"
    jobs = [
        {"name": "bad", "retry_policy": {"max_attempts": 1}, "loft": {"loft": "home"}},
        {"name": "good", "webhook": {"url": url}},
    ]
    result = chronos("run", "-", "-o", "json", stdin=json.dumps({"jobs": jobs}), env=env)
    assert (result.code, result.err) == (7, "")
    bad, good = result.report["results"]
    assert (bad["status"], bad["code"]) == expected[:2]
    assert bad["message"].startswith(expected[2])
    assert good["status"] == "succeeded"
    assert len(server.requests(url.removeprefix(server.url))) == 1


@pytest.mark.parametrize("failure", ["raise SystemExit(0)", "raise OSError('gone')"])
def test_a_failing_goodbye_changes_no_outcome(tmp_path: Path, failure: str) -> None:
    code = with_line("(self):\n        pass\n", f"(self):\n        {failure}\n")
    env = install(tmp_path, code=code)
    for loft, expected in (("home", 0), ("closed", 4)):
        result = chronos("run", write(tmp_path, JOB.format(loft=loft, more="")), env=env)
        assert (result.code, result.err) == (expected, "")
        assert "1 " in result.out


@pytest.mark.parametrize("place", ["flaws", "describe"])
def test_one_that_exits_while_a_file_is_read_is_no_success(tmp_path: Path, place: str) -> None:
    start_of = f"    def {place}(self):\n"
    env = install(tmp_path, code=with_line(start_of, f"{start_of}        raise SystemExit(0)\n"))
    result = chronos("run", write(tmp_path, JOB.format(loft="home", more="")), env=env)
    assert (result.code, result.out) == (1, "")
    assert "something called sys.exit(0)" in result.err


def test_a_background_task_that_exits_is_no_success(tmp_path: Path) -> None:
    leaving = (
        SEND + "        import asyncio, sys\n"
        "        asyncio.get_running_loop().call_soon(sys.exit, 0)\n"
        "        await asyncio.sleep(60)\n"
    )
    env = install(tmp_path, code=with_line(SEND, leaving))
    result = chronos("run", write(tmp_path, JOB.format(loft="home", more="")), env=env)
    assert result.code == 1
    assert "something called sys.exit(0)" in result.err


def test_a_preview_that_fails_stands_for_its_job_only(tmp_path: Path) -> None:
    preview = "    async def preview(self, delivery):\n"
    env = install(tmp_path, code=with_line(preview, f"{preview}        raise SystemExit(0)\n"))
    jobs = [
        {"name": "bad", "loft": {"loft": "home"}},
        {"name": "good", "webhook": {"url": "http://127.0.0.1:1/there"}},
    ]
    result = chronos("run", "-", "--dry-run", stdin=json.dumps({"jobs": jobs}), env=env)
    assert result.code == 5
    assert "unforeseen SystemExit: 0" in result.out + result.err
    assert "/there" in result.out


def test_two_plugins_with_one_key_are_refused(tmp_path: Path) -> None:
    env = install(tmp_path)
    install(tmp_path, name="dove")
    job = write(tmp_path, JOB.format(loft="home", more=""))
    result = chronos("run", job, env=env)
    assert (result.code, result.out) == (3, "")
    assert "2:1: two plug-ins are installed for 'loft': " in result.err
    assert "pigeon-post 1.0" in result.err
    assert "dove-post 1.0" in result.err
    listed = chronos("protocols", env=env).out
    assert f"{'loft':<12} -  " in listed
    assert "broken\n    two plug-ins are installed for 'loft': " in listed


def test_a_client_in_a_package_that_is_missing_too(tmp_path: Path) -> None:
    env = install(tmp_path, "('feeds.of.pigeons',)")
    result = chronos("run", write(tmp_path, JOB.format(loft="home", more="")), env=env)
    assert (result.code, result.out) == (3, "")
    assert "'feeds.of.pigeons' is not installed; run: " in result.err
    assert "pip install 'pigeon-post[grain]'" in result.err
