"""Exports made in this process, and the times at which other schedulers would fire."""

import io
import re
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from chronos_cli.app.exporting import ExportReader, ExportRequest, Loading
from chronos_cli.jobs.scope import Choice
from chronos_cli.redact import Redactor
from tests.brokers.provision import find_program
from tests.support import write

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def load(
    folder: Path, text: str, *, config: str | None = None, env: dict[str, str] | None = None
) -> Loading:
    """The jobs of a file, as the command reads them."""
    path = write(folder, text)
    named = write(folder, config, "chronos.yaml") if config else None
    reader = ExportReader(Redactor(), env or {}, io.BytesIO(), NOW)
    return reader.load(
        ExportRequest(
            paths=[path], config=named, env_files=None, choice=Choice(), program="/usr/bin/chronos"
        )
    )


def systemd_analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    program = find_program("systemd-analyze")
    assert program, "python -m tests.brokers.provision installs Debian's systemd"
    return subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"TZ": "UTC", "SYSTEMD_COLORS": "0", "LC_ALL": "C"},
    )


def systemd_times(
    calendars: Iterable[str], after: datetime, count: int
) -> dict[str, list[datetime]]:
    """When each OnCalendar elapses, by systemd's own reading."""
    listed = list(dict.fromkeys(calendars))
    base = f"--base-time={after:%Y-%m-%d %H:%M:%S} UTC"
    done = systemd_analyze("calendar", f"--iterations={count}", base, *listed)
    assert done.returncode == 0, done.stderr
    blocks = done.stdout.strip().split("\n\n")
    assert len(blocks) == len(listed)
    pattern = r"(?:Next elapse|Iter\. #\d+): \w{3} (\S+ \S+) UTC"
    return {
        calendar: [
            datetime.fromisoformat(text).replace(tzinfo=UTC) for text in re.findall(pattern, block)
        ]
        for calendar, block in zip(listed, blocks, strict=True)
    }
