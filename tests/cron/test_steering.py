"""`status`, `trigger`, `pause` and `resume` at a real loop, and without one."""

import json
import signal
from pathlib import Path
from uuid import uuid4

from tests.cron.program import Cron
from tests.support import HttpServer, chronos, write


def test_a_loop_is_steered_and_its_heart_beats(tmp_path: Path, server: HttpServer) -> None:
    token = uuid4().hex
    target = f"webhook: {{url: '{server.url}/status/200?{token}'}}"
    write(tmp_path, f"- {{name: daily, schedule: '0 9 * * *', {target}}}\n".join(["jobs:\n", ""]))
    heartbeat = f"webhook: {{url: '{server.url}/heart/{token}', method: GET}}"
    write(tmp_path, f"scheduler: {{heartbeat: {{every: 1s, {heartbeat}}}}}\n", "chronos.yaml")
    state = ("--state", "state.sqlite")

    def said(*words: str, code: int = 0) -> str:
        done = chronos(*words, *state, cwd=tmp_path)
        assert done.code == code, done.err
        return done.out + done.err

    assert "no loop runs on the state" in said("status", code=3)
    with Cron(tmp_path, "job.yaml") as cron:
        cron.wait_for("started")
        server.wait_for(f"/heart/{token}", 2)
        assert "daily" in said("pause", "daily", "--reason", "migration", "--until", "2h")
        done = json.loads(said("trigger", "daily", "--wait", "--output", "json"))
        assert (done["status"], done["code"], done["exit_code"]) == ("succeeded", "200", 0)
        status = json.loads(said("status", "--output", "json"))
        assert cron.stop(signal.SIGKILL) == -signal.SIGKILL
    assert set(status) == {"schema_version", "loop", "jobs"}
    assert status["loop"].keys() == {"pid", "started_at", "state"}
    assert (status["loop"]["pid"], status["loop"]["state"]) == (cron.process.pid, "running")
    (job,) = status["jobs"]
    assert job.keys() == {"job_id", "next", "running", "waiting", "last", "paused"}
    assert (job["job_id"], job["running"], job["waiting"]) == ("daily", [], [])
    assert job["last"].keys() == {"execution_id", "status", "code", "ended_at"}
    assert job["last"]["execution_id"] == done["execution_id"]
    assert job["paused"].keys() == {"by", "at", "reason", "until"}
    assert job["paused"]["reason"] == "migration"
    # The loop is dead: its socket is stale, and the pause is in the state.
    history = said("history")
    assert "trigger" in history
    assert "daily: paused by" in history
    assert "the next one takes it over" in said("pause", "--all")
    assert "on their own stay paused: daily" in said("resume", "--all")
