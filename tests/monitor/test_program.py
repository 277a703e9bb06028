"""The real program with --listen."""

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from uuid import uuid4

from prometheus_client.parser import text_string_to_metric_families

from tests.cron.program import Cron
from tests.support import HttpServer, chronos, write


def get(url: str, token: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def jobs(url: str) -> list[dict[str, Any]]:
    return [
        {"name": "pulse", "schedule": "@every 1s", "webhook": {"url": url}},
        {"name": "sealed", "schedule": "@yearly", "webhook": {"url": f"{url}&api_key=hunter2"}},
    ]


def test_a_loop_is_looked_at_from_start_to_stop(tmp_path: Path, server: HttpServer) -> None:
    url = f"{server.url}/status/200?{uuid4().hex}"
    (tmp_path / "jobs.yaml").write_text(json.dumps({"jobs": jobs(url)}))
    write(tmp_path, "a-token-of-24-characters", "token")
    arguments = ("--listen", "127.0.0.1:0", "--listen-token-file", "token")
    with Cron(tmp_path, "jobs.yaml", *arguments) as cron:
        cron.wait_for("ended", 2)
        site = cron.events("listening")[0]["url"]
        assert get(f"{site}api/status")[0] == 401
        assert get(f"{site}healthz") == (200, '{"status": "ok", "overdue_s": 0.0}\n')
        token = "a-token-of-24-characters"
        code, text = get(f"{site}metrics", token)
        assert code == 200
        families = {one.name: one for one in text_string_to_metric_families(text)}
        counts = {
            (sample.labels["job_id"], sample.labels["status"]): sample.value
            for sample in families["chronos_executions"].samples
        }
        assert counts["pulse", "succeeded"] >= 2
        assert counts["sealed", "succeeded"] == 0
        document = json.loads(get(f"{site}api/status", token)[1])
        assert {one["job_id"] for one in document["jobs"]} == {"pulse", "sealed"}
        assert "hunter2" not in str(document)
        history = json.loads(get(f"{site}api/history?job=pulse", token)[1])
        assert history["results"][-1]["status"] == "succeeded"
        write(tmp_path, "jobs: [", "jobs.yaml")
        cron.send(1)  # SIGHUP
        cron.wait_for("reload_refused")
        refused = json.loads(get(f"{site}api/status", token)[1])["loop"]["reload_refused"]
        assert "jobs.yaml:1" in refused["problems"][0]
        assert cron.stop() == 0
        assert token not in cron.text


def test_an_address_that_is_taken_is_a_matter_of_usage(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(json.dumps({"jobs": jobs("http://127.0.0.1:1/?a=b")}))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        state = ("--state", "state.sqlite")
        result = chronos("cron", "jobs.yaml", "--listen", address, *state, cwd=tmp_path)
    assert result.code == 2
    assert f"cannot listen on {address}" in result.err
