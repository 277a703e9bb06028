"""Three JetStream servers and three hosts on this machine; one host is killed half-way."""

import sys
import tempfile
import time
from pathlib import Path

from tests.cluster.servers import Nodes
from tests.cluster.stage import ACK_WAIT, Stage, counts, every_second, requests
from tests.support import HttpServer

_SECONDS = 20


def main() -> int:
    jobs = [f"j{number}" for number in range(5)]
    server = HttpServer()
    with tempfile.TemporaryDirectory() as name, Nodes(Path(name) / "nodes").running() as nodes:
        say(f"three servers: {nodes.url}")
        nodes.wait_ready()
        with Stage(Path(name), nodes, "demo", every_second(server, 5, "/slow/0.2")) as stage:
            hosts = stage.start(3)
            first = int(time.time()) + 2
            say(f"three hosts, {len(jobs)} jobs a second")
            time.sleep(_SECONDS / 2)
            hosts[0].kill()
            say("one host killed")
            time.sleep(_SECONDS / 2 + ACK_WAIT + 2)
            stage.stop()
            sent = requests(server, jobs)
            found = counts(sent, jobs, first, first + _SECONDS - 1)
    server.stop()
    once = found.due - found.lost - found.repeated
    rows = {
        "ticks due": found.due,
        "delivered once": once,
        "redelivered with the same ID": found.repeated - found.two_ids,
        "redelivered with another ID": found.two_ids,
        "lost": found.lost,
    }
    for what, number in rows.items():
        say(f"{what:<30}{number:>6}")
    return int(found.lost or found.two_ids)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
