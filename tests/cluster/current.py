"""All rows again on the nats-server of today, where Go can build it.

`make cluster-test` runs it: ``python -m tests.cluster.current``.
"""

import os
import subprocess
import sys

from tests.cluster.servers import PROGRAM
from tests.interop.provision import nats_server


def main() -> int:
    """Return the exit code of the tests; 0 where there is no such server, which is said."""
    program = nats_server()
    if isinstance(program, str):
        sys.stdout.write(f"no run on the nats-server of today: {program}\n")
        return 0
    subprocess.run([program, "--version"], check=True)
    command = [sys.executable, "-m", "pytest", "tests/cluster", "-m", "cluster or not cluster"]
    return subprocess.run(
        command, env={**os.environ, PROGRAM: str(program)}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
