"""The job file as teams use it: environments, notices, secrets."""

import json
from pathlib import Path
from textwrap import dedent
from uuid import uuid4

import pytest

from tests.support import HttpServer, chronos, headers, write


def test_env_file(server: HttpServer, tmp_path: Path) -> None:
    write(
        tmp_path,
        """
        # comment
        export URL_PATH=/status/200?env-file
        QUOTED='it is $NOT replaced'
        BOTH=from-file
        """,
        "ops.env",
    )
    text = (
        "name: a\npayload: ['${QUOTED}', '${BOTH}']\n"
        f"webhook: {{url: '{server.url}${{URL_PATH}}'}}\n"
    )
    path = write(tmp_path, text)
    assert chronos("run", path).code == 3
    options = ("--env-file", str(tmp_path / "ops.env"))
    result = chronos("run", path, *options, env={"BOTH": "from-environment"})
    assert result.code == 0, result.err
    (request,) = server.requests("/status/200?env-file")
    assert json.loads(request["body"]) == ["it is $NOT replaced", "from-environment"]
    assert chronos("validate", path, *options, env={"BOTH": "x"}).code == 0
    assert chronos("run", path, "--env-file", "no-such.env").code == 2


def test_no_env_checks_all_the_rest(tmp_path: Path) -> None:
    text = """\
        name: ${NAME}
        timeout: ${TIMEOUT}
        schedule: ${SCHEDULE}
        timezone: ${ZONE}
        enabled: ${ENABLED:?say so}
        payload_file: ${FILE}
        retry_policy: {max_attempts: "${N}"}
        webhook:
          url: ${BASE}/x
          headers: {Authorization: "Bearer ${file:/run/secrets/none}"}
        """
    path = write(tmp_path, text)
    assert chronos("validate", path).code == 3
    result = chronos("validate", path, "--no-env")
    assert (result.code, result.err) == (0, "1 job checked, no problems\n")
    path = write(tmp_path, dedent(text) + "timout: 3s\ndeadline: ${D:-soon}\n")
    result = chronos("validate", path, "--no-env")
    assert result.code == 3
    assert [line.split(": ")[1] for line in result.err.splitlines()[:-1]] == [
        "unknown key 'timout' (did you mean 'timeout'?)",
        "'soon' is not a duration such as 500ms, 30s or 1h30m",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${SET}", "value"),
        ("${EMPTY}", ""),
        ("${SET:-x}", "value"),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY-x}", ""),
        ("${UNSET:-x}", "x"),
        ("${UNSET-x}", "x"),
        ("${UNSET:-}", ""),
        ("${SET:?m}", "value"),
        ("${EMPTY?m}", ""),
        ("${SET:+x}", "x"),
        ("${EMPTY:+x}", ""),
        ("${EMPTY+x}", "x"),
        ("${UNSET+x}", ""),
        ("${UNSET:-${SET}}", "value"),
        ("${UNSET:-${OTHER:-${SET}!}}", "value!"),
        ("${SET:-${MISSING:?never asked}}", "value"),
        ("${SET:+${SET}s}", "values"),
        ("a$$b", "a$b"),
        ("$${SET}", "${SET}"),
        ("$$$${SET}", "$${SET}"),
        ("$SET $5 $", "$SET $5 $"),
        ("${UNSET:-a:b?c+d-e}", "a:b?c+d-e"),
        ('${UNSET:-{"a": 1}', '{"a": 1'),
    ],
)
def test_variables_as_compose_has_them(tmp_path: Path, text: str, expected: str) -> None:
    job = json.dumps({"name": "a", "payload": [text], "webhook": {"url": "http://127.0.0.1:1/"}})
    result = chronos(
        "run", "-", "--dry-run", "-o", "json", stdin=job, env={"SET": "value", "EMPTY": ""}
    )
    assert result.code == 0, result.err
    assert json.loads(result.report["results"][0]["request"]["body"]) == [expected]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("${UNSET}", "variable 'UNSET' is not set"),
        ("${UNSET:?ask ops}", "variable 'UNSET' is not set: ask ops"),
        ("${EMPTY:?ask ops}", "variable 'EMPTY' is not set: ask ops"),
        ("${UNSET:-${OTHER}}", "variable 'OTHER' is not set"),
        ("${", "not followed by a variable's name"),
        ("${SET", "is not closed"),
        ("${SET:}", "cannot read what follows"),
    ],
)
def test_variables_that_fail(text: str, told: str) -> None:
    job = json.dumps({"name": "a", "payload": text, "webhook": {"url": "http://127.0.0.1:1/"}})
    result = chronos("validate", "-", stdin=job, env={"SET": "value", "EMPTY": ""})
    assert (result.code, told in result.err) == (3, True), result.err


def test_the_last_newline_of_a_file_is_dropped_and_only_that(
    server: HttpServer, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("two-lines\nand-more\n\n")
    text = "name: a\npayload: ['${file:token}']\nwebhook: {url: '%s/status/200?newline'}\n"
    assert chronos("run", write(tmp_path, text % server.url)).code == 0
    (request,) = server.requests("/status/200?newline")
    assert json.loads(request["body"]) == ["two-lines\nand-more\n"]


NOTICE = """\
name: a
timezone: Europe/Berlin
retry_policy: {{max_attempts: 2, initial_interval: 1ms}}
webhook: {{url: '{url}{path}', headers: {{Authorization: 'Bearer ${{TOKEN}}'}}}}
on_failure: {{webhook: {{url: '{url}/status/200?failed-{mark}'}}}}
on_success:
  payload: "{{{{ job.name }}}} {{{{ outcome.status }}}} {{{{ outcome.code }}}}"
  webhook: {{url: '{url}/status/200?succeeded-{mark}'}}
"""


@pytest.mark.parametrize(
    ("path", "code", "told"),
    [("/status/503", 5, "failed"), ("/echo-auth/x", 4, "failed"), ("/status/200", 0, "succeeded")],
)
def test_notices(server: HttpServer, tmp_path: Path, path: str, code: int, told: str) -> None:
    mark = path.strip("/").replace("/", "-")
    job = write(tmp_path, NOTICE.format(url=server.url, path=path, mark=mark))
    result = chronos("run", job, "-o", "json", env={"TOKEN": "notice-canary"})
    assert (result.code, len(result.report["results"]), result.err) == (code, 1, "")
    (notice,) = server.requests(f"/status/200?{told}-{mark}")
    other = "succeeded" if told == "failed" else "failed"
    assert server.requests(f"/status/200?{other}-{mark}") == []
    assert headers(notice)["x-chronos-job-id"] == "a"
    identity = headers(notice)["x-chronos-execution-id"]
    assert identity.startswith(result.only["execution_id"])
    assert identity != result.only["execution_id"]
    assert "notice-canary" not in notice["body"]
    only = result.only
    (sent,) = only.pop("notices")
    assert sent == {
        "hook": f"on_{told.replace('failed', 'failure').replace('succeeded', 'success')}",
        "protocol": "http",
        "target": f"POST {server.url}/status/200?{told}-{mark}",
        "status": "succeeded",
        "code": "200",
        "message": "",
    }
    if told == "failed":
        assert json.loads(notice["body"]) == only
    else:
        assert notice["body"] == "a succeeded 200"


def test_a_notice_that_fails_is_told_and_changes_nothing(
    server: HttpServer, tmp_path: Path
) -> None:
    text = (
        f"name: a\nwebhook: {{url: '{server.url}/status/200'}}\n"
        f"on_success: {{webhook: {{url: '{server.url}/status/404'}}}}\n"
    )
    result = chronos("run", write(tmp_path, text), "--quiet")
    assert result.code == 0
    assert "chronos: the notice on_success did not get through: a: rejected 404" in result.err


def test_notices_are_checked_too(tmp_path: Path) -> None:
    text = """\
        name: a
        webhook: {url: "http://h/"}
        on_failure: {webhook: {url: "ftp://h/"}, timout: 3s}
        on_success: {timeout: 3s}
        """
    result = chronos("validate", write(tmp_path, text))
    assert result.code == 3
    assert ":3:29: the URL must begin with" in result.err
    assert ":3:42: unknown key 'timout'" in result.err
    assert ":4:13: the notice has no target" in result.err


def test_a_notice_has_no_notices_of_its_own(tmp_path: Path) -> None:
    text = """\
        name: a
        webhook: {url: "http://h/"}
        on_failure: {webhook: {url: "http://h/"}, on_failure: {webhook: {url: "http://h/"}}}
        on_success: {webhook: {url: "http://h/"}, on_recovery: 5}
        """
    result = chronos("validate", write(tmp_path, text))
    assert result.code == 3
    assert ":3:43: 'on_failure' cannot stand in a notice" in result.err
    assert ":4:43: 'on_recovery' cannot stand in a notice" in result.err


JOB = "name: a\npayload: '%s'\nwebhook: {url: 'http://127.0.0.1:1/'}\n"


def test_bytes_that_are_no_text_are_a_message(tmp_path: Path) -> None:
    odd = b"\xff".decode(errors="surrogateescape")
    path = write(tmp_path, JOB % "${BAD}{{ vars.x }}")
    result = chronos("run", path, "--no-state", env={"BAD": odd})
    assert (result.code, "variable 'BAD' holds bytes that are not UTF-8" in result.err) == (3, True)
    for name in ("x", "token"):
        result = chronos("run", path, "--no-state", "--var", f"{name}={odd}", env={"BAD": ""})
        assert (result.code, "is not UTF-8 text" in result.err) == (2, True)
    named = write(tmp_path, JOB % "x", f"{odd}.yaml")
    result = chronos("validate", named)
    assert (result.code, result.err) == (0, "1 job checked, no problems\n")
    write(tmp_path, "name: [", f"{odd}.yaml")
    assert chronos("validate", named).code == 3
    assert chronos("validate", str(tmp_path / f"none-{odd}")).code == 2
    assert chronos("validate", named, "--env-file", f"none-{odd}").code == 2


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_the_end_of_the_calendar_is_a_usage_message(tmp_path: Path, moment: str) -> None:
    path = write(tmp_path, JOB % "x")
    result = chronos("run", path, "--no-state", "--scheduled-time", moment)
    assert (result.code, "takes a time between 1900 and 9000" in result.err) == (2, True)


HOOKS = """\
name: a
retry_policy: {{max_attempts: 1}}
webhook: {{url: '{url}/status/404'}}
notify: {{after: 2}}
on_failure: {{webhook: {{url: '{url}/status/200?{mark}&code={{{{ outcome.code }}}}'}}}}
on_recovery: {{webhook: {{url: '{url}/status/404'}}}}
"""


def test_what_became_of_notices_stands_in_every_report(server: HttpServer, tmp_path: Path) -> None:
    job = write(tmp_path, HOOKS.format(url=server.url, mark=uuid4().hex))
    state = ("--state", str(tmp_path / "state.sqlite"))
    (held,) = chronos("run", job, *state, "-o", "json").only["notices"]
    assert (held["status"], held["message"]) == ("skipped", "failure 1 in a row, notify.after is 2")
    junit = tmp_path / "junit.xml"
    lines = chronos("run", job, *state, "-o", "jsonl", "--report-junit", str(junit)).out
    (sent,) = json.loads(lines)["notices"]
    assert (sent["hook"], sent["status"], sent["code"]) == ("on_failure", "succeeded", "200")
    assert f"<system-out>on_failure: succeeded 200, {sent['target'].replace('&', '&amp;')}" in (
        junit.read_text()
    )
    plain = chronos("run", job, *state).out
    assert "    on_failure: skipped: told of already, failure 3\n" in plain
    write(tmp_path, HOOKS.format(url=server.url, mark="").replace("404", "200", 1))
    recovered = chronos("run", job, *state)
    assert (recovered.code, recovered.out.splitlines()[1]) == (
        0,
        "    on_recovery: rejected 404: 404 Not Found: status 404",
    )


def test_notices_are_shown_and_tried(server: HttpServer, tmp_path: Path) -> None:
    mark = uuid4().hex
    job = write(tmp_path, HOOKS.format(url=server.url, mark=mark) + "enabled: false\n")
    shown = chronos("run", job, "--dry-run", "-o", "json").only["notices"]
    assert [one["hook"] for one in shown] == ["on_failure", "on_recovery"]
    assert shown[0]["request"]["summary"] == f"POST /status/200?{mark}&code=TEST HTTP/1.1"
    state = tmp_path / "state.sqlite"
    tried = chronos("run", job, "--test-notice", "on_failure", "--state", str(state), "-o", "json")
    assert (tried.code, tried.only["target"]) == (0, f"POST {server.url}{path_of(mark)}")
    (request,) = server.requests(path_of(mark))
    told = json.loads(request["body"])
    assert (told["test"], told["status"], told["code"]) == (True, "rejected", "TEST")
    assert told["message"] == "a test of on_failure: nothing has failed"
    assert headers(request)["x-chronos-execution-id"].startswith("test-")
    assert not state.exists()
    assert chronos("run", job, "--test-notice", "on_recovery").code == 4
    for wrong, message in (("on_success", "no 'on_success'"), ("on_error", "takes one of")):
        result = chronos("run", job, "--test-notice", wrong)
        assert result.code == 2
        assert message in result.err


def path_of(mark: str) -> str:
    return f"/status/200?{mark}&code=TEST"
