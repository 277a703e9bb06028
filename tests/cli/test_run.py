"""`chronos run` over HTTP, against a real server in another process."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.support import HttpServer, Result, chronos, headers, write

FAST = "{max_attempts: 3, initial_interval: 10ms, max_interval: 20ms}"


def job(url: str, name: str = "a", **keys: Any) -> str:
    block = {"url": url, **keys.pop("webhook", {})}
    document = {"name": name, "webhook": block, "timeout": "5s", "retry_policy": None, **keys}
    if document["retry_policy"] is None:
        document["retry_policy"] = {"max_attempts": 3, "initial_interval": "10ms"}
    return json.dumps(document)


def run(folder: Path, text: str, *options: str, **keywords: Any) -> Result:
    return chronos("run", write(folder, text), "--output", "json", *options, **keywords)


@pytest.mark.parametrize(
    ("path", "status", "code", "attempts", "exit_code"),
    [
        ("/status/200", "succeeded", "200", 1, 0),
        ("/status/204", "succeeded", "204", 1, 0),
        ("/status/400", "rejected", "400", 1, 4),
        ("/status/401", "rejected", "401", 1, 4),
        ("/status/404", "rejected", "404", 1, 4),
        ("/status/409", "rejected", "409", 1, 4),
        ("/redirect/x", "rejected", "302", 1, 4),
        ("/status/429", "unreachable", "429", 3, 5),
        ("/status/500", "unreachable", "500", 3, 5),
        ("/status/503", "unreachable", "503", 3, 5),
        ("/reset/x", "unreachable", "ECONNRESET", 3, 5),
        ("/close/x", "unreachable", None, 3, 5),
        ("/half/x", "unreachable", None, 3, 5),
        ("/garbage/x", "unreachable", None, 3, 5),
        ("/flaky/3/one", "succeeded", "200", 3, 0),
        ("/huge/50", "succeeded", "200", 1, 0),
        ("/bomb/x", "succeeded", "200", 1, 0),
        ("/gzip/x", "succeeded", "200", 1, 0),
    ],
)
def test_outcomes(  # noqa: PLR0917
    server: HttpServer,
    tmp_path: Path,
    path: str,
    status: str,
    code: str | None,
    attempts: int,
    exit_code: int,
) -> None:
    before = len(server.requests(path))
    result = run(tmp_path, job(server.url + path))
    assert (result.code, result.report["exit_code"]) == (exit_code, exit_code), result.out
    assert result.only["status"] == status
    assert result.only["code"] == code
    assert len(result.only["attempts"]) == attempts
    assert len(server.requests(path)) - before == attempts
    assert result.err == ""


def test_refused(tmp_path: Path, closed_port: int) -> None:
    result = run(tmp_path, job(f"http://127.0.0.1:{closed_port}/"))
    assert (result.code, result.only["status"]) == (5, "unreachable")
    assert result.only["code"] == "ECONNREFUSED"
    assert "connection refused" in result.only["message"]


def test_unknown_host(tmp_path: Path) -> None:
    result = run(tmp_path, job("http://no-such-host.invalid/"))
    assert (result.code, result.only["code"]) == (5, "DNS")


def test_silent_port_ends_at_the_timeout(tmp_path: Path, silent_port: int) -> None:
    policy = {"max_attempts": 1}
    result = run(
        tmp_path, job(f"http://127.0.0.1:{silent_port}/", timeout="1s", retry_policy=policy)
    )
    assert (result.code, result.only["status"], result.only["code"]) == (6, "timed_out", None)
    assert 1000 <= result.only["duration_ms"] < 1400
    assert result.seconds < 2.5


def test_dripped_body_ends_at_the_timeout(server: HttpServer, tmp_path: Path) -> None:
    policy = {"max_attempts": 1}
    result = run(tmp_path, job(server.url + "/drip/x", timeout="1500ms", retry_policy=policy))
    assert (result.code, result.only["status"]) == (6, "timed_out")
    assert result.only["duration_ms"] < 2000


def test_the_deadline_bounds_everything(tmp_path: Path, silent_port: int) -> None:
    policy = {"max_attempts": 50, "initial_interval": "10ms"}
    text = job(
        f"http://127.0.0.1:{silent_port}/", timeout="700ms", deadline="1s", retry_policy=policy
    )
    result = run(tmp_path, text)
    assert (result.code, len(result.only["attempts"])) == (6, 2)
    assert result.only["duration_ms"] < 1300
    assert "deadline 1s" in result.only["attempts"][1]["message"]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("value", ["1", "date"])
def test_retry_after(server: HttpServer, tmp_path: Path, status: int, value: str) -> None:
    path = f"/retry-after/{status}/{value}"
    result = run(tmp_path, job(server.url + path))
    assert (result.code, len(result.only["attempts"])) == (0, 2)
    first, second = server.requests(path)
    assert second["time"] - first["time"] > 0.9


def test_retry_after_is_for_429_and_503_only(server: HttpServer, tmp_path: Path) -> None:
    result = run(tmp_path, job(server.url + "/retry-after/500/30"))
    assert (result.code, result.seconds < 10) == (0, True)


def test_retry_after_beyond_the_deadline_is_not_waited_for(
    server: HttpServer, tmp_path: Path
) -> None:
    result = run(tmp_path, job(server.url + "/retry-after/503/3600", deadline="5s"))
    assert (result.code, len(result.only["attempts"])) == (5, 1)
    assert "deadline 5s" in result.only["message"]


@pytest.mark.parametrize(
    ("path", "expect", "exit_code"),
    [
        ("/status/404", [404], 0),
        ("/status/503", "5xx", 0),
        ("/status/200", [201, "202-204"], 4),
        ("/status/503", [200], 5),
    ],
)
def test_expected_status(
    server: HttpServer, tmp_path: Path, path: str, expect: Any, exit_code: int
) -> None:
    text = job(server.url + path, webhook={"expect": {"status": expect}})
    assert run(tmp_path, text).code == exit_code


def test_retry_on_lists_a_status(server: HttpServer, tmp_path: Path) -> None:
    policy = {"max_attempts": 2, "initial_interval": "1ms", "retry_on": [409]}
    result = run(tmp_path, job(server.url + "/status/409?listed", retry_policy=policy))
    assert (result.code, len(result.only["attempts"])) == (4, 2)
    result = run(tmp_path, job(server.url + "/status/503?unlisted", retry_policy=policy))
    assert (result.code, len(result.only["attempts"])) == (5, 1)


def test_a_huge_body_is_capped(server: HttpServer, tmp_path: Path) -> None:
    for path in ("/huge/50", "/bomb/x"):
        receipt = run(tmp_path, job(server.url + path)).only["receipt"]
        assert (receipt["status"], len(receipt["body"]), receipt["body_truncated"]) == (
            200,
            64 * 1024,
            True,
        )
    assert run(tmp_path, job(server.url + "/gzip/x")).only["receipt"] == {
        "status": 200,
        "body": '{"packed": true}',
    }


def test_metadata_goes_with_every_attempt(server: HttpServer, tmp_path: Path) -> None:
    time = "2026-11-23T09:00:00+01:00"
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    path = "/flaky/2/metadata"
    result = run(
        tmp_path,
        job(server.url + path, name="Daily report", timezone="Europe/Berlin"),
        "--scheduled-time",
        "2026-11-23T08:00:00Z",
        env={"TRACEPARENT": trace, "TRACESTATE": "a=1"},
    )
    first, second = server.requests(path)
    for number, request in enumerate((first, second), 1):
        sent = headers(request)
        assert sent["x-chronos-job-id"] == "daily-report"
        assert sent["x-chronos-execution-id"] == result.only["execution_id"]
        assert sent["idempotency-key"] == result.only["execution_id"]
        assert sent["x-chronos-scheduled-time"] == time
        assert sent["x-chronos-attempt"] == str(number)
        assert sent["traceparent"].split("-")[1] == "4bf92f3577b34da6a3ce929d0e0e4736"
        assert sent["tracestate"] == "a=1"
        assert sent["content-type"] == "application/json"
        assert json.loads(request["body"]) == {
            "job_id": "daily-report",
            "job_name": "Daily report",
            "execution_id": result.only["execution_id"],
            "scheduled_time": time,
            "attempt": number,
        }
    parents = {headers(request)["traceparent"].split("-")[2] for request in (first, second)}
    assert len(parents) == 2
    assert result.only["scheduled_time"] == time


def test_a_scheduled_execution_has_one_id_everywhere(server: HttpServer, tmp_path: Path) -> None:
    text = job(server.url + "/status/200")
    ids = [
        run(tmp_path, text, "--scheduled-time", time).only["execution_id"]
        for time in ("2026-11-23T08:00:00Z", "2026-11-23T09:00:00+01:00", "2026-11-23T08:00:01Z")
    ]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("payload", "body", "content_type"),
    [
        ("plain ü", "plain ü", "text/plain; charset=utf-8"),
        ({"a": [1, None, True]}, '{"a":[1,null,true]}', "application/json"),
        ([], "[]", "application/json"),
        (5, "5", "application/json"),
        ("", "", "text/plain; charset=utf-8"),
    ],
)
def test_payloads(
    server: HttpServer, tmp_path: Path, payload: Any, body: str, content_type: str
) -> None:
    path = f"/status/200?{abs(hash(str(payload)))}"
    assert run(tmp_path, job(server.url + path, payload=payload)).code == 0
    (request,) = server.requests(path)
    assert (request["body"], headers(request)["content-type"]) == (body, content_type)


def test_payload_file_is_sent_byte_for_byte(server: HttpServer, tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"\x00\x01 {{ x }} ${Y}")
    text = job(server.url + "/status/200?file", payload_file="data.bin", content_type="image/x")
    assert run(tmp_path, text).code == 0
    (request,) = server.requests("/status/200?file")
    assert request["body"] == "\x00\x01 {{ x }} ${Y}"
    assert headers(request)["content-type"] == "image/x"


def test_templates_and_variables(server: HttpServer, tmp_path: Path) -> None:
    text = job(
        server.url + "/status/{{ vars.status }}?day={{ scheduled_time | date('%d') }}",
        payload={"n": "{{ attempt }}", "raw": "${BRACES}"},
        webhook={"headers": {"X-Vars": "{{ vars.team | upper }}"}},
    )
    time = ("--scheduled-time", "2026-11-23T08:00:00Z")
    options = ("--var", "status=200", "--var", "team=a=b", *time)
    result = run(tmp_path, text, *options, env={"BRACES": "{{ attempt }}"})
    assert result.code == 0
    (request,) = server.requests("/status/200?day=23")
    assert json.loads(request["body"]) == {"n": "1", "raw": "{{ attempt }}"}
    assert headers(request)["x-vars"] == "A=B"
    assert result.only["target"].endswith("/status/200?day=23")


@pytest.mark.parametrize("bad", ["a\r\nX-Injected: 1", "ü"])
def test_a_rendered_header_cannot_break_out(server: HttpServer, tmp_path: Path, bad: str) -> None:
    text = job(server.url + "/status/200?inject", webhook={"headers": {"X-A": "{{ vars.bad }}"}})
    result = run(tmp_path, text, "--var", f"bad={bad}")
    assert (result.code, result.only["code"]) == (4, "TEMPLATE")
    assert server.requests("/status/200?inject") == []


def test_an_undefined_name_is_rejected(server: HttpServer, tmp_path: Path) -> None:
    result = run(tmp_path, job(server.url + "/{{ vars.nothing }}"))
    assert (result.code, result.only["status"]) == (4, "rejected")
    assert "vars.nothing" in result.only["message"]


@pytest.mark.parametrize(
    "expression",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ job.__init__.__globals__ }}",
        "{{ lipsum }}",
        "{{ job.keys() }}",
        "{{ 'x' * 999999999 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 'x'.ljust(999999999) }}",
        "{{ now | date('%999999999Y') }}",
        "{{ ('y' * 99) | replace('y', 'x') }}",
        "{{ range(3) }}",
    ],
)
def test_templates_are_confined(server: HttpServer, tmp_path: Path, expression: str) -> None:
    result = run(tmp_path, job(server.url + "/status/200?confined", payload=expression))
    # Refused at load where that can be seen, else when it is rendered.
    assert result.code == 3 or (result.code, result.only["code"]) == (4, "TEMPLATE"), result.err
    assert server.requests("/status/200?confined") == []


def test_several_files_keep_their_order(server: HttpServer, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name, path in (("b", "/slow/0.5/b"), ("a", "/status/200?a"), ("sub/c", "/status/200?c")):
        write(tmp_path, job(server.url + path, name.replace("/", "-")), f"{name}.yaml")
    (tmp_path / ".hidden").mkdir()
    write(tmp_path, "not: [a job", ".hidden/x.yaml")
    text = job(server.url + "/status/200?stdin", "stdin")
    result = chronos("run", str(tmp_path / "b.yaml"), str(tmp_path), "-", "-o", "json", stdin=text)
    assert result.code == 0
    assert [r["job_id"] for r in result.report["results"]] == ["b", "a", "sub-c", "stdin"]
    assert result.seconds < 5


def test_jobs_run_side_by_side_and_bounded(server: HttpServer, tmp_path: Path) -> None:
    text = "\n---\n".join(job(f"{server.url}/slow/0.4/{n}", f"j{n}") for n in range(6))
    path = write(tmp_path, text)
    together = chronos("run", path, "-o", "json").report["results"]
    one_by_one = chronos("run", path, "-o", "json", "--concurrency", "1")
    starts = [r["attempts"][0]["started_at"] for r in one_by_one.report["results"]]
    assert one_by_one.seconds > 2.4
    assert starts == sorted(starts)
    spread = {r["attempts"][0]["started_at"][:19] for r in together}
    assert len(spread) <= 2


def test_one_good_and_one_bad(server: HttpServer, tmp_path: Path) -> None:
    text = job(server.url + "/status/200", "a") + "\n---\n" + job(server.url + "/status/404", "b")
    result = run(tmp_path, text)
    assert (result.code, result.report["summary"]["succeeded"]) == (7, 1)


def test_one_invalid_file_among_three_sends_nothing(server: HttpServer, tmp_path: Path) -> None:
    write(tmp_path, job(server.url + "/status/200?three", "a"), "a.yaml")
    write(tmp_path, "name: b\nwebhok: {}\n", "b.yaml")
    write(tmp_path, job(server.url + "/status/200?three", "c"), "c.yaml")
    result = chronos("run", str(tmp_path))
    assert (result.code, result.out) == (3, "")
    assert f"{tmp_path}/b.yaml:2:1: unknown key 'webhok' (did you mean 'webhook'?)" in result.err
    assert server.requests("/status/200?three") == []


def test_fail_fast(server: HttpServer, tmp_path: Path) -> None:
    names = ("/status/404", "/status/200?later", "/status/200?last")
    text = "\n---\n".join(job(server.url + path, f"j{n}") for n, path in enumerate(names))
    result = run(tmp_path, text, "--fail-fast", "--concurrency", "1")
    assert result.code == 4
    statuses = [r["status"] for r in result.report["results"]]
    assert statuses == ["rejected", "skipped", "skipped"]
    assert server.requests("/status/200?later") == []


def test_selection(server: HttpServer, tmp_path: Path) -> None:
    text = "\n---\n".join(
        job(server.url + "/status/200", name, tags={"team": team, "tier": "1"})
        for name, team in (("a", "x"), ("b", "y"), ("c", "y"))
    )
    path = write(tmp_path, text)

    def ids(*options: str) -> list[str]:
        report = chronos("run", path, "-o", "json", *options).report
        return [result["job_id"] for result in report["results"]]

    assert ids("--job", "b", "--job", "a") == ["a", "b"]
    assert ids("--tag", "team=y", "--tag", "tier=1") == ["b", "c"]
    assert chronos("run", path, "--job", "nobody").code == 2
    assert chronos("run", path, "--tag", "team=z").code == 2


def test_disabled_is_skipped(server: HttpServer, tmp_path: Path) -> None:
    result = run(tmp_path, job(server.url + "/status/200?disabled", enabled=False))
    assert (result.code, result.only["status"], result.only["attempts"]) == (0, "skipped", [])
    assert "disabled" in result.only["message"]
    assert server.requests("/status/200?disabled") == []


def test_execution_id(server: HttpServer, tmp_path: Path) -> None:
    text = job(server.url + "/status/200")
    assert run(tmp_path, text, "--execution-id", "mine-1").only["execution_id"] == "mine-1"
    assert run(tmp_path, text, "--execution-id", "a b").code == 2
    two = text + "\n---\n" + job(server.url + "/status/200", "b")
    assert run(tmp_path, two, "--execution-id", "mine-1").code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("run", "no-such-file.yaml"),
        ("run", "JOB", "--scheduled-time", "tomorrow"),
        ("run", "JOB", "--scheduled-time", "2026-11-23T09:00:00"),
        ("run", "JOB", "--var", "novalue"),
        ("run", "JOB", "--output", "xml"),
        ("run", "JOB", "--config", "no-such-config.yaml"),
        ("run", "JOB", "--no-such-option"),
        ("run", "EMPTY"),
        ("rnu",),
    ],
)
def test_usage_errors(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "empty").mkdir()
    places = {"JOB": write(tmp_path, job("http://127.0.0.1:1/")), "EMPTY": str(tmp_path / "empty")}
    result = chronos(*(places.get(word, word) for word in arguments))
    assert (result.code, result.out) == (2, "")
    assert result.err
    assert "Traceback" not in result.err


def test_dry_run_sends_nothing_and_masks(server: HttpServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("file-secret-1\n")
    text = job(
        server.url.replace("//", "//user:url-secret-1@") + "/status/200?dry",
        payload={"token": "${TOKEN}", "plain": "${PLAIN}"},
        webhook={"headers": {"Authorization": "Bearer literal-secret-1", "X-A": "${file:token}"}},
    )
    environment = {"TOKEN": "env-secret-1", "PLAIN": "harmless"}
    for options in ((), ("-o", "json")):
        result = chronos("run", write(tmp_path, text), "--dry-run", *options, env=environment)
        assert result.code == 0, result.err
        assert "secret-1" not in result.out + result.err
        assert "harmless" in result.out
        assert "***" in result.out
    assert server.requests("/status/200?dry") == []


def test_secrets_of_the_far_side_are_masked_too(server: HttpServer, tmp_path: Path) -> None:
    text = job(
        server.url + "/echo-auth/x", webhook={"headers": {"Authorization": "Bearer ${TOKEN}"}}
    )
    for options in ((), ("-o", "json"), ("-o", "jsonl"), ("-q",)):
        result = chronos("run", write(tmp_path, text), *options, env={"TOKEN": "echoed-secret"})
        assert result.code == 4
        assert "echoed-secret" not in result.out + result.err
        assert "you sent" in result.out + result.err


def test_foreign_text_does_not_drive_the_terminal(server: HttpServer, tmp_path: Path) -> None:
    result = chronos("run", write(tmp_path, job(server.url + "/escape/x")))
    assert "\x1b" not in result.out
    assert "\\x1b[31mred" in result.out


def test_config_defaults_are_in_effect(
    server: HttpServer, tmp_path: Path, silent_port: int
) -> None:
    config = write(
        tmp_path,
        """
        dispatcher:
          http: {timeout: 300ms, max_idle_conns: 3, headers: {X-From: operator, X-Own: default}}
        scheduler:
          default_retry_policy: {max_attempts: 2, initial_interval: 1ms}
        """,
        "chronos.yaml",
    )
    url = f"http://127.0.0.1:{silent_port}/"
    path = write(tmp_path, f"name: a\nwebhook: {{url: '{url}'}}\n", "a.yaml")
    result = chronos("run", path, "-o", "json", "--config", config)
    assert (result.code, len(result.only["attempts"])) == (6, 2)
    assert result.only["duration_ms"] < 2000
    own = "name: b\ntimeout: 5s\nwebhook: {url: '%s', headers: {X-Own: job}}\n"
    path = write(tmp_path, own % (server.url + "/status/200?config"), "b.yaml")
    assert chronos("run", path, "-o", "json", cwd=tmp_path).code == 0
    (request,) = server.requests("/status/200?config")
    sent = headers(request)
    assert (sent["x-from"], sent["x-own"]) == ("operator", "job")


def test_config_is_checked_like_a_job_file(tmp_path: Path) -> None:
    config = write(
        tmp_path,
        """\
        dispatcher:
          http: {timeout: soon, methd: GET}
          htp: {}
        schedular: {}
        scheduler: {max_concurrent_jobs: 0}
        """,
        "chronos.yaml",
    )
    path = write(tmp_path, job("http://127.0.0.1:1/"))
    result = chronos("run", path, env={"CHRONOS_CONFIG": config})
    assert (result.code, result.out) == (3, "")
    for told in (
        "2:19: 'soon' is not a duration",
        "2:25: unknown key 'methd' (did you mean 'method'?)",
        "3:3: unknown key 'htp' (did you mean 'http'?)",
        "4:1: unknown key 'schedular' (did you mean 'scheduler'?)",
        "5:34: must be at least 1",
    ):
        assert f"{config}:{told}" in result.err
    assert len(result.err.splitlines()) == 5


def test_many_jobs_over_few_connections(server: HttpServer, tmp_path: Path) -> None:
    lines = "\n".join(
        f"  - {{name: j{n}, webhook: {{url: '{server.url}/status/200?many'}}}}" for n in range(300)
    )
    result = run(tmp_path, f"jobs:\n{lines}\n")
    assert result.code == 0
    assert result.report["summary"]["succeeded"] == 300
    assert len(server.requests("/status/200?many")) == 300


def test_a_port_that_is_no_http_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        policy = {"max_attempts": 1}
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        result = run(tmp_path, job(url, timeout="1s", retry_policy=policy))
    assert (result.code, result.only["status"]) == (6, "timed_out")
