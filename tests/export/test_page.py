"""docs/export.md says what the program does."""

import re
import shlex
from pathlib import Path

import pytest

from tests.support import ROOT, chronos

PAGE = (ROOT / "docs/export.md").read_text()
COMMANDS = re.findall(r"```console\n\$ chronos (.*)\n((?:.*\n)*?)```", PAGE)


@pytest.mark.parametrize(("arguments", "shown"), COMMANDS)
def test_the_commands_write_what_is_shown(arguments: str, shown: str, tmp_path: Path) -> None:
    job = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert job
    (tmp_path / "report.yaml").write_text(job[1])
    result = chronos(*shlex.split(arguments), cwd=tmp_path)
    assert result.code == 0, result.err
    # Tests may live in /tmp, which a service would not see.
    told = [line for line in result.err.splitlines(True) if "a /tmp of its own" not in line]
    assert told
    found = result.out or "".join(told)
    assert found.replace(str(tmp_path), "/etc/chronos") == shown


def test_every_scheduler_is_shown() -> None:
    assert [arguments.split()[1] for arguments, _ in COMMANDS] == [
        "crontab",
        "systemd",
        "kubernetes",
    ]
