"""Spans by OpenTelemetry: what a collector gets, and that nobody waits for one."""

from pathlib import Path
from uuid import uuid4

from tests.cron.program import Cron
from tests.servers.collector import Collector, collecting
from tests.support import ROOT, HttpServer, SilentPort, chronos, headers, write

ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def endpoint(collector: Collector, **more: str) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **more}


def sent(server: HttpServer, path: str) -> list[str]:
    return [headers(request)["traceparent"] for request in server.requests(path)]


def test_a_run_is_one_trace_below_the_one_of_its_environment(
    server: HttpServer, tmp_path: Path
) -> None:
    path, told = f"/flaky/2/{uuid4()}", f"/status/200?{uuid4()}"
    write(
        tmp_path,
        f"""\
        name: a
        tags: {{team: "${{API_TOKEN}}"}}
        webhook: {{url: "{server.url}{path}?key=${{API_TOKEN}}"}}
        retry_policy: {{max_attempts: 2, initial_interval: 1ms}}
        on_success: {{webhook: {{url: "{server.url}{told}"}}}}
        """,
    )
    with collecting() as collector:
        traced = {"TRACEPARENT": f"00-{ID}-{PARENT}-01", "API_TOKEN": "hunter2hunter2"}
        env = endpoint(collector, OTEL_EXPORTER_OTLP_COMPRESSION="gzip", **traced)
        result = chronos("run", "job.yaml", "-o", "json", env=env, cwd=tmp_path)
        spans = collector.spans
    assert (result.code, result.err) == (0, "")
    assert result.only["trace_id"] == ID
    execution, first, second, notice, notified = spans
    assert [span.name for span in spans] == ["execute a", "POST", "POST", "notify a", "POST"]
    assert [span.kind for span in spans] == ["internal", *["client"] * 2, "internal", "client"]
    assert {span.trace_id for span in spans} == {ID}
    assert [execution.parent_id, notice.parent_id] == [PARENT, execution.span_id]
    assert first.parent_id == second.parent_id == execution.span_id
    assert notified.parent_id == notice.span_id
    attempts = [f"00-{ID}-{span.span_id}-01" for span in (first, second, notified)]
    whole = f"{path}?key=hunter2hunter2"
    assert [*sent(server, whole), *sent(server, told)] == attempts
    assert (first.is_error, first.attributes["http.response.status_code"]) == (True, 503)
    assert (second.is_error, second.attributes["http.response.status_code"]) == (False, 200)
    assert first.attributes["error.type"] == "503"
    assert [span.attributes["chronos.attempt"] for span in (first, second)] == [1, 2]
    assert execution.attributes["chronos.execution.id"] == result.only["execution_id"]
    assert execution.attributes["chronos.attempts"] == 2
    assert execution.resource["service.name"] == "chronos"
    assert execution.began <= first.began <= first.ended <= second.began <= execution.ended
    assert "hunter2" not in repr(spans)
    assert first.attributes["url.full"] == f"{server.url}{path}?key=***"


def test_what_the_sampler_leaves_out_is_neither_sent_nor_said_to_be_sampled(
    server: HttpServer, tmp_path: Path
) -> None:
    path = f"/status/200?{uuid4()}"
    write(tmp_path, f'name: a\nwebhook: {{url: "{server.url}{path}"}}\n')
    with collecting() as collector:
        env = endpoint(collector, OTEL_TRACES_SAMPLER="always_off")
        assert chronos("run", "job.yaml", env=env, cwd=tmp_path).code == 0
        assert collector.spans == []
    (traceparent,) = sent(server, path)
    assert traceparent.endswith("-00")


def test_a_loop_traces_each_tick_and_names_the_trace_in_its_log(
    server: HttpServer, tmp_path: Path
) -> None:
    path = f"/status/404?{uuid4()}"
    write(tmp_path, f'name: a\nschedule: "@every 1s"\nwebhook: {{url: "{server.url}{path}"}}\n')
    with collecting() as collector:
        env = endpoint(collector, OTEL_SERVICE_NAME="nightly")
        with Cron(tmp_path, "job.yaml", env=env) as loop:
            fired, ended = loop.wait_for("fired")[0], loop.wait_for("ended")[0]
            loop.stop()
        execution, attempt = collector.spans[:2]
    assert fired["trace_id"] == ended["trace_id"] == execution.trace_id
    assert execution.parent_id == ""
    assert attempt.parent_id == execution.span_id
    assert (attempt.name, attempt.is_error) == ("POST", True)
    assert execution.resource["service.name"] == "nightly"
    assert sent(server, path)[0] == f"00-{execution.trace_id}-{attempt.span_id}-01"


def test_a_collector_that_does_not_answer_holds_up_no_exit_and_is_one_warning(
    server: HttpServer, tmp_path: Path, silent_port: SilentPort
) -> None:
    write(tmp_path, f'name: a\nwebhook: {{url: "{server.url}/status/200"}}\n')
    env = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{silent_port}/v1/traces"}
    result = chronos("run", "job.yaml", env=env, cwd=tmp_path)
    assert result.code == 0
    warning = (
        "chronos: warning: OpenTelemetry: the collector did not take the last spans within 1 s"
    )
    assert result.err.splitlines() == [warning]
    assert result.seconds < 10  # which is how long the exporter itself would wait


def test_a_collector_that_is_gone_is_one_warning(
    server: HttpServer, tmp_path: Path, closed_port: int
) -> None:
    write(tmp_path, f'name: a\nwebhook: {{url: "{server.url}/status/200"}}\n')
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{closed_port}"}
    result = chronos("run", "job.yaml", env=env, cwd=tmp_path)
    assert (result.code, len(result.err.splitlines())) == (0, 1)
    assert "OpenTelemetry: " in result.err
    assert "refused" in result.err


def test_a_missing_extra_is_one_warning_that_says_how_to_get_it(
    server: HttpServer, tmp_path: Path
) -> None:
    write(tmp_path, "import sys\nsys.modules['opentelemetry'] = None\n", "sitecustomize.py")
    write(tmp_path, f'name: a\nwebhook: {{url: "{server.url}/status/200"}}\n')
    paths = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", **paths}
    result = chronos("run", "job.yaml", env=env, cwd=tmp_path)
    assert (result.code, len(result.err.splitlines())) == (0, 1)
    assert "'opentelemetry' is not installed; run: " in result.err
    assert "[otel]" in result.err
    assert chronos("run", "job.yaml", "--quiet", env=env, cwd=tmp_path).err == ""
