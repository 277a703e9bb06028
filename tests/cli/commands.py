"""One sound use of each command of the program, for what must hold for all of them."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from chronos_cli.cli.commands import NAMES
from tests.support import HttpServer, write

JOB = """\
name: größe
id: one
schedule: "* * * * * *"
webhook: {{url: '{url}/status/200?{name}'}}
"""

CRONTAB = """\
# größe
0 9 * * * curl http://127.0.0.1:1/
0 9 * * * größe
"""

MINUTELY = """\
name: größe
id: one
schedule: "* * * * *"
webhook: {url: 'http://größe.example.com/'}
"""

# Those that go on until they are stopped.
LASTING = ("cron", "receive")
# Those that end with another code than 0 where no loop has ever run and no server
# listens, as here.
CODES = dict.fromkeys(("status", "trigger", "pause", "resume", "cluster status"), 3)


def arguments_of(server: HttpServer, folder: Path) -> dict[str, list[str]]:
    """The arguments of each command, which exits as `CODES` says; all files are in `folder`."""
    job = write(folder, JOB.format(url=server.url, name=folder.name))
    state = ["--state", str(folder / "state.sqlite")]
    known = {
        "run": ["run", job, *state],
        "cron": ["cron", job, *state],
        "next": ["next", job],
        "list": ["list", job],
        "validate": ["validate", job],
        "check": ["check", job],
        "history": ["history", *state],
        "replay": ["replay", "--failed", "--since", "1d", *state],
        "backfill": ["backfill", job, "--since", "2s", *state],
        "status": ["status", *state],
        "trigger": ["trigger", "one", *state],
        "pause": ["pause", "--all", *state],
        "resume": ["resume", "--all", *state],
        "cluster init": ["cluster", "init", "--print", "--cluster", "nats://127.0.0.1:1"],
        "cluster status": ["cluster", "status", "--cluster", "nats://127.0.0.1:1"],
        "init": ["init", "-"],
        "explain": ["explain", "retry_policy"],
        "import crontab": ["import", "crontab", write(folder, CRONTAB, "crontab")],
        "import curl": ["import", "curl", "--", "curl", "http://größe.example.com/"],
        "export crontab": ["export", "crontab", write(folder, MINUTELY, "minutely.yaml")],
        "export systemd": ["export", "systemd", job],
        "export kubernetes": ["export", "kubernetes", write(folder, MINUTELY, "minutely.yaml")],
        "schema": ["schema"],
        "receive": ["receive", "--listen", f"127.0.0.1:{free_port()}"],
        "demo": ["demo"],
        "protocols": ["protocols"],
        "completion": ["completion", "bash"],
    }
    assert set(known) == set(NAMES)
    return known


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def stop_when(process: "subprocess.Popen[bytes]", is_up: Callable[[], bool]) -> None:
    """End a lasting command once it does its work."""
    end = time.monotonic() + 30
    while not is_up():
        assert process.poll() is None, f"it ended early with {process.returncode}"
        assert time.monotonic() < end, "it never began"
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
