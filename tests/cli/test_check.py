"""`chronos check`: its report, its exit codes, what it holds in common with `run`."""

import asyncio
import io
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.check import Check, Checked
from chronos_cli.dispatch.dispatchers import Dispatchers
from chronos_cli.dispatch.execution import Execution, in_zone
from chronos_cli.dispatch.outcome import Status
from chronos_cli.dispatch.plugin import Plugin
from chronos_cli.dispatch.registry import Registry
from chronos_cli.dispatch.steps import Step, Steps, StepStatus
from chronos_cli.report.check_table import check_table
from chronos_cli.report.checks import check_failure_line, check_lines, check_summary
from chronos_cli.testing.inside import job_of
from chronos_cli.testing.ports import SilentPort
from tests.support import HttpServer, Result, chronos, finish, start, write


def job(name: str, url: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "timeout": "5s", "webhook": {"url": url, "check": "HEAD"}, **keys}


def run(*jobs: dict[str, Any] | str, options: tuple[str, ...] = ("-o", "json")) -> Result:
    text = json.dumps({"jobs": list(jobs)})
    return chronos("check", "-", *options, stdin=text)


def test_the_report_has_exactly_its_shape(server: HttpServer, closed_port: int) -> None:
    away = job("away", f"http://127.0.0.1:{closed_port}/")
    result = run(job("here", f"{server.url}/status/200"), away)
    assert (result.code, result.err) == (7, "")
    report = result.report
    assert list(report) == ["schema_version", "exit_code", "results"]
    assert (report["schema_version"], report["exit_code"]) == (1, 7)
    for found in report["results"]:
        assert list(found) == ["job_id", "protocol", "target", "status", "steps"]
        for step in found["steps"]:
            assert list(step) == ["name", "status", "message", "duration_ms"]
    here, there = report["results"]
    assert (here["job_id"], here["protocol"], here["status"]) == ("here", "http", "succeeded")
    assert here["target"] == f"POST {server.url}/status/200"
    assert there["steps"][-1]["message"] == f"connection refused (127.0.0.1:{closed_port})"


@pytest.mark.parametrize(
    ("paths", "code"),
    [
        (["/status/200"], 0),
        (["/status/404"], 4),
        (["/status/503"], 5),
        (["/status/404", "/status/503"], 4),
        (["/status/200", "/status/503"], 7),
    ],
)
def test_exit_codes_are_those_of_run(server: HttpServer, paths: list[str], code: int) -> None:
    jobs = [job(f"j{number}", f"{server.url}{path}") for number, path in enumerate(paths)]
    assert run(*jobs).code == code


def test_jobs_are_checked_side_by_side_within_their_limits(silent_port: SilentPort) -> None:
    url = f"http://127.0.0.1:{silent_port}/"
    result = run(*(job(f"j{number}", url, timeout="700ms") for number in range(5)))
    assert result.code == 6
    assert {found["status"] for found in result.report["results"]} == {"timed_out"}
    assert result.report["results"][0]["steps"][-1]["message"] == "no answer within 700ms"
    assert result.seconds < 3


def test_a_warning_fails_only_when_strict(server: HttpServer) -> None:
    odd = job("odd", f"{server.url}/status/405")
    assert run(odd).code == 0
    strict = run(odd, options=("-o", "json", "--strict"))
    assert (strict.code, strict.only["status"]) == (4, "rejected")
    assert strict.only["steps"][-1]["status"] == "warning"
    quiet = run(odd, options=("--strict", "--quiet"))
    assert quiet.err.startswith("odd: rejected: answer: HEAD: 405; something is there")


def test_quiet_and_lines(server: HttpServer, closed_port: int) -> None:
    good, bad = job("good", f"{server.url}/"), job("bad", f"http://127.0.0.1:{closed_port}/")
    good["webhook"].pop("check")
    silent = run(good, options=("-q",))
    assert (silent.code, silent.out, silent.err) == (0, "", "")
    quiet = run(good, bad, options=("--quiet",))
    line = f"bad: unreachable: connect: connection refused (127.0.0.1:{closed_port})\n"
    assert (quiet.code, quiet.out, quiet.err) == (7, "", line)
    lines = run(good, bad, options=("-o", "jsonl")).out.splitlines()
    assert {json.loads(line)["job_id"] for line in lines} == {"good", "bad"}
    table = run(good, bad, options=()).out.splitlines()
    assert table[0].startswith("good       succeeded")
    assert table[-1] == "2 jobs: 1 succeeded, 1 unreachable"


def test_nothing_is_checked_where_a_file_is_invalid(server: HttpServer) -> None:
    bad = {"name": "bad", "webhook": {"url": f"{server.url}/status/200?bad", "chek": "HEAD"}}
    result = run(job("good", f"{server.url}/status/200?invalid"), bad)
    assert (result.code, result.out) == (3, "")
    assert server.requests("/status/200?invalid") == []


def test_jobs_are_chosen_as_by_run(server: HttpServer, tmp_path: Path) -> None:
    url = f"{server.url}/status/{{{{ vars.code }}}}"
    jobs = [job("a", url, tags={"t": "x"}), job("b", url), job("off", url, enabled=False)]
    (tmp_path / "chronos.yaml").write_text("dispatcher: {http: {check: OPTIONS}}\n")
    path = write(tmp_path, json.dumps({"jobs": jobs}))
    options = ("-o", "json", "--var", "code=404", "--config", str(tmp_path / "chronos.yaml"))
    result = chronos("check", path, *options, "--tag", "t=x")
    assert (result.code, result.only["job_id"]) == (4, "a")
    assert chronos("check", path, *options, "--job", "off").only == {
        "job_id": "off",
        "protocol": "http",
        "target": f"POST {server.url}/status/{{{{ vars.code }}}}",
        "status": "skipped",
        "steps": [],
    }
    del jobs[1]["webhook"]["check"]  # chronos.yaml names another
    again = chronos("check", write(tmp_path, json.dumps(jobs[1])), *options)
    assert again.only["steps"][-1]["message"].startswith("404"), again.out
    assert server.requests("/status/404")[-1]["method"] == "OPTIONS"


def test_a_template_that_fails_is_told(server: HttpServer) -> None:
    result = run(job("a", f"{server.url}/{{{{ vars.absent }}}}"))
    assert (result.code, result.only["status"]) == (4, "rejected")
    assert [step["name"] for step in result.only["steps"]] == ["loaded"]


def test_a_signal_ends_it(silent_port: SilentPort, tmp_path: Path) -> None:
    waiting = job("a", f"http://127.0.0.1:{silent_port}/", timeout="60s")
    process = start("check", write(tmp_path, json.dumps(waiting)), "-o", "json")
    with silent_port.wait_for_client(), silent_port.wait_for_client():  # the way, the question
        process.send_signal(signal.SIGTERM)
        result = finish(process)
    assert (result.code, result.only["status"], result.err) == (143, "interrupted", "")
    assert result.only["steps"][-1]["status"] == "interrupted"


def test_secrets_are_masked(server: HttpServer) -> None:
    secret = "s3cret-of-a-check"
    url = server.url.replace("//", f"//user:{secret}@")
    result = run(job("a", f"{url}/echo-auth/x"))
    assert result.code == 4
    assert secret not in result.out + result.err


# Plug-ins, with the core's part alone.


def checked(act: Any, timeout: str = "1s", dispatcher: Any = None) -> Checked:
    """Check a job by a plug-in whose steps are those of a function."""

    async def check(_settings: Any, _delivery: Any, steps: Steps) -> None:
        await act(steps)

    text = json.dumps({"name": "a", "timeout": timeout, "webhook": {"url": "http://127.0.0.1:1/"}})
    known = Registry().kind("webhook")
    plugin: Plugin[Any, Any] = Plugin(
        key=known.key,
        protocol=known.protocol,
        target=known.target,
        settings=known.settings,
        dispatcher=dispatcher or known.dispatcher,
        check=check if act else None,
    )
    one, clock = job_of(text), SystemClock()
    execution = Execution("id", one, in_zone(one, clock.now()))

    class Given(Dispatchers):
        def plugin_of(self, key: str) -> tuple[Plugin[Any, Any], None]:
            return plugin, None

    return asyncio.run(Check(execution, Given(Registry(), {}), clock).result())


def test_a_plugin_without_a_check_is_loaded() -> None:
    result = checked(None)
    (step,) = result.steps
    assert (result.status, step.name, step.status) == (Status.SUCCEEDED, "loaded", "succeeded")
    assert step.message == "the plug-in for 'webhook' has no steps of its own"


def test_a_dispatcher_that_cannot_be_made_is_told() -> None:
    def breaks(_settings: Any) -> Any:
        raise ValueError("no such device")

    result = checked(None, dispatcher=breaks)
    (step,) = result.steps
    assert (result.status, step.name) == (Status.REJECTED, "loaded")
    assert step.message == "the plug-in for 'webhook' fails: ValueError: no such device"


def test_what_nobody_foresaw_is_unreachable() -> None:
    async def fails(steps: Steps) -> None:
        with steps.step("odd"):
            raise SystemExit(3)

    result = checked(fails)
    assert (result.status, result.steps[-1].message) == (
        Status.UNREACHABLE,
        "unforeseen SystemExit: 3",
    )


def test_a_failure_outside_of_a_step_is_one_of_its_own() -> None:
    async def fails(steps: Steps) -> None:
        with steps.step("good"):
            pass
        raise ValueError("odd")

    result = checked(fails)
    assert [step.name for step in result.steps] == ["loaded", "good", "check"]
    assert (result.status, result.steps[-1].message) == (
        Status.UNREACHABLE,
        "unforeseen ValueError: odd",
    )


def test_the_limit_and_what_was_waited_for() -> None:
    async def waits(steps: Steps) -> None:
        with steps.step("long"):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError as cancelled:
                cancelled.add_note("the far side sleeps")
                raise

    result = checked(waits, timeout="50ms")
    assert (result.status, result.steps[-1].message) == (
        Status.TIMED_OUT,
        "no answer within 50ms; the far side sleeps",
    )


def test_a_check_that_is_no_function_breaks_the_plugin() -> None:
    from chronos_cli.dispatch import registry

    known = Registry().kind("webhook")
    broken: Plugin[Any, Any] = Plugin(
        key=known.key,
        protocol=known.protocol,
        target=known.target,
        settings=known.settings,
        dispatcher=known.dispatcher,
        check="yes",  # type: ignore[arg-type]
    )
    assert list(registry._flaws("webhook", broken)) == ["its check cannot be called"]


# What is drawn.


def sample(message: str = "the topic does not exist") -> list[Checked]:
    steps = [
        Step(name="resolve", message="10.0.0.1", duration_ms=1),
        Step(name="tls", status=StepStatus.WARNING, message="ends in 3 days", duration_ms=2),
        Step(name="topic", status=StepStatus.REJECTED, message=message, duration_ms=1500),
    ]
    target = "orders on kafka:9092"
    bad = Checked(
        job_id="orders", protocol="kafka", target=target, status=Status.REJECTED, steps=steps
    )
    return [bad, Checked(job_id="off", protocol="http", target="POST x", status=Status.SKIPPED)]


@pytest.mark.parametrize("width", [80, 200])
def test_the_table(width: int) -> None:
    file = io.StringIO()
    Console(width=width, file=file).print(check_table(sample(), width))
    text = file.getvalue()
    for word in ("orders", "  topic", "rejected", "1.5 s", "kafka orders on kafka:9092", "warning"):
        assert word in text
    assert "2 jobs: 1 skipped, 1 rejected; 1 warning" in text
    assert max(map(len, text.splitlines())) <= width


def test_hostile_texts_are_inert() -> None:
    hostile = sample("\x1b[31mred\r\n\u202eevil")
    for text in (check_lines(hostile), check_failure_line(hostile[0])):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\\x1b[31mred\\r\\n\\u202eevil" in text
    assert check_summary(hostile) == "2 jobs: 1 skipped, 1 rejected; 1 warning"
