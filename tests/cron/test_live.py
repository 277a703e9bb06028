"""The live table: what it is made of, and the real program drawing it on a terminal."""

import asyncio
import os
import pty
import re
import select
import signal
import time
from pathlib import Path
from uuid import uuid4

from rich.console import Console

from chronos_cli.cron.overview import Overview, Row
from chronos_cli.report.live import live_table
from tests.cron.stage import FakeClock, Stage, job, utc
from tests.support import HttpServer, command, environment, write


def overview_of(stage: Stage) -> Overview:
    overview = Overview(stage.journal.last_entry)
    for event in stage.events:
        overview.note(event)
    return overview


def rows_of(stage: Stage, most: int = 10) -> list[Row]:
    return overview_of(stage).rows(stage.loop.upcoming(), most)


def drawn(stage: Stage, width: int, most: int = 10) -> str:
    console = Console(width=width, no_color=True)
    overview = overview_of(stage)
    jobs = list(stage.loop.upcoming())
    now = stage.clock.now()
    table = live_table(overview.rows(jobs, most), len(jobs), overview.running(), now, width)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


JOBS = (
    job("quick", fails="no such thing"),
    job("long", "*/3 * * * *", takes=100),
    job("later", "0 9 * * *", timezone="Europe/Berlin"),
    job("off", enabled=False),
)


def test_rows_tell_what_runs_what_comes_and_what_became_of_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, FakeClock(utc("2026-03-02T12:02:30")))

    async def play() -> tuple[list[Row], list[Row]]:
        await stage.play(*JOBS)
        await stage.clock.advance(45)
        first = rows_of(stage)
        await stage.stop()
        stage.events.clear()
        await stage.play(*JOBS)
        second = rows_of(stage)
        await stage.stop()
        return first, second

    first, second = asyncio.run(play())
    assert [row.job.id for row in first] == ["long", "quick", "later", "off"]
    long, quick, later, off = first
    assert long.running_since == (utc("2026-03-02T12:03:00"),)
    assert (long.next_time, long.last) == (utc("2026-03-02T12:06:00"), None)
    assert quick.running_since == ()
    assert quick.last is not None
    assert (quick.last.status, quick.last.time) == ("rejected", utc("2026-03-02T12:03:00"))
    assert str(later.next_time) == "2026-03-03 09:00:00+01:00"
    assert off.next_time is None
    endings = {row.job.id: row.last and row.last.status for row in second}
    # What an earlier process has seen is known; what it cut off is no success.
    assert endings == {"quick": "rejected", "long": "interrupted", "later": None, "off": None}


def test_the_table_fits_its_terminal(tmp_path: Path) -> None:
    stage = Stage(tmp_path, FakeClock(utc("2026-03-02T12:02:30")))
    many = [job("a-name-of-some-length-" * 5 + str(n), takes=1000) for n in range(30)]

    async def play() -> dict[int, str]:
        await stage.play(*JOBS, *many)
        await stage.clock.advance(45)
        shown = {width: drawn(stage, width) for width in (60, 80, 132, 200)}
        await stage.stop()
        return shown

    shown = asyncio.run(play())
    for width, text in shown.items():
        lines = text.splitlines()
        assert len(lines) == 10 + 5
        assert all(len(line) <= width for line in lines)
        assert "34 jobs, 31 running, 24 not shown" in text
        assert "running 15s" in text
    assert "in 45s" in shown[80]
    assert "Mon 2026-03-02 12:04:00 UTC  in 45s" in shown[200]


def test_what_a_far_side_says_moves_no_cursor(tmp_path: Path) -> None:
    stage = Stage(tmp_path, FakeClock(utc("2026-03-02T12:02:30")))

    async def play() -> str:
        await stage.play(job("a"))
        await stage.clock.advance(45)
        for event in stage.events:
            if "status" in event.fields:
                event.fields["code"] = "\x1b[2J\n"
        text = drawn(stage, 80)
        await stage.stop()
        return text

    text = asyncio.run(play())
    assert "\x1b" not in text
    assert r"\x1b[2J\n" in text


def on_a_terminal(folder: Path, *signals: int, seconds: float) -> tuple[int, str]:
    """Run the program with --live on a terminal of 100 columns for a while, then send signals.

    Returns its exit code and what it wrote.
    """
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        words = command("cron", "job.yaml", "--state", "state.sqlite", "--live")
        os.execve(words[0], words, environment({"COLUMNS": "100", "TERM": "xterm-256color"}))
    written = b""
    end = time.monotonic() + seconds
    coming = list(signals)
    while True:
        if coming and time.monotonic() > end:
            os.kill(child, coming.pop(0))
            end += 0.5
        ready, _, _ = select.select([terminal], [], [], 0.1)
        try:
            written += os.read(terminal, 65536) if ready else b""
        except OSError:  # the other end is closed
            break
        assert time.monotonic() < end + 30
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(terminal)
    return code, written.decode()


def test_on_a_terminal_the_table_stands_below_the_events(
    tmp_path: Path, server: HttpServer
) -> None:
    url = f"{server.url}/status/200?{uuid4().hex}"
    write(tmp_path, f'name: pulse\nschedule: "@every 1s"\nwebhook: {{url: "{url}"}}\n')
    code, text = on_a_terminal(tmp_path, signal.SIGTERM, seconds=4)
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert re.search(r"Job +Now +Next +Last", plain)
    assert "1 job, 0 running" in plain
    assert "succeeded 200" in plain
    assert re.search(r"\d\d:\d\d:\d\d ✓ pulse 200 \d+ ms", plain)
    # It is taken away at the end, the cursor is back, and the events stay.
    assert re.search(r"\d\d:\d\d:\d\d · stopped\s", plain)
    assert text.rsplit("1 job, 0 running", 1)[1].count("\x1b[2K") >= 4
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_a_second_signal_gives_the_cursor_back(tmp_path: Path, server: HttpServer) -> None:
    url = f"{server.url}/silent/{uuid4().hex}"
    write(tmp_path, f'name: stuck\nschedule: "@every 1s"\nwebhook: {{url: "{url}"}}\n')
    code, text = on_a_terminal(tmp_path, signal.SIGINT, signal.SIGINT, seconds=3)
    assert code == 130
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_without_a_terminal_there_are_only_the_events(tmp_path: Path, server: HttpServer) -> None:
    from tests.cron.program import Cron

    url = f"{server.url}/status/200?{uuid4().hex}"
    write(tmp_path, f'name: pulse\nschedule: "@every 1s"\nwebhook: {{url: "{url}"}}\n')
    with Cron(tmp_path, "job.yaml", "--live") as cron:
        cron.wait_for("ended")
        assert cron.stop() == 0
        assert all(line.startswith("{") for line in cron.text.splitlines())
        assert "\x1b" not in cron.text
