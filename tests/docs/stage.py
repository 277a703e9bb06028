"""A folder where the commands of a page run as pasted, in this process, at far sides of the tests.

Addresses of the pages are replaced by those of the far sides, and places of the machine by folders
below this one; nothing else is.
"""

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

from chronos_cli.cli.guard import guarded
from chronos_cli.receiver.http import HttpReceiver, ReceivedRequest, Reply
from chronos_cli.testing.program import Result, environment
from tests.docs.pages import Line

# Any server of the pages that speaks HTTP.
_HTTP = re.compile(r"https?://(127\.0\.0\.1:8080|[\w.-]+\.example\.com(?::\d+)?)")
_PLACES = ("/run/secrets/", "/etc/chronos", "/etc/crontab", "/usr/local/bin/")


class Receiver:
    """HTTP's far side: takes anything; what is below /down it refuses the first time."""

    def __init__(self) -> None:
        self.seen: list[ReceivedRequest] = []
        self.url = ""

    async def answer(self, request: ReceivedRequest) -> Reply:
        is_first = all(one.target != request.target for one in self.seen)
        self.seen.append(request)
        return Reply(status=503) if is_first and request.target.startswith("/down") else Reply()

    def bodies(self, path: str) -> list[str]:
        return [one.body.decode() for one in self.seen if one.target == path]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver beside the test."""
    loop, receiver = asyncio.new_event_loop(), Receiver()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = HttpReceiver(receiver.answer)
    try:
        started = asyncio.run_coroutine_threadsafe(server.start("127.0.0.1", 0), loop)
        host, port = started.result(10)
        receiver.url = f"http://{host}:{port}"
        yield receiver
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class Stage:
    """The folder of one page, or of one recipe, with the variables that it exports."""

    def __init__(
        self, folder: Path, receiver: Receiver, captured: pytest.CaptureFixture[str]
    ) -> None:
        self.folder = folder
        self.receiver = receiver
        self.variables = environment({"XDG_STATE_HOME": str(folder / ".state")})
        self.variables["PATH"] = f"{folder}/.bin:{self.variables['PATH']}"
        self._captured = captured
        # Other texts of the pages, and what stands for each.
        self.addresses: dict[str, str] = {}

    def replaced(self, text: str) -> str:
        """Return a text of the page as it is on this machine."""
        for address, ours in self.addresses.items():
            text = text.replace(address, ours)
        for place in _PLACES:
            text = text.replace(place, f"{self.folder}{place}")
        return _HTTP.sub(self.receiver.url, text)

    def write(self, name: str, text: str) -> None:
        path = Path(self.replaced(name)) if name.startswith("/") else self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.replaced(text))

    def run(self, line: Line) -> Result:
        """Carry one line out."""
        here = Line(line.where, self.replaced(line.text), line.output)
        if here.words[0] == "export":
            for word in here.words[1:]:
                name, _, value = word.partition("=")
                self.variables[name] = value
            return Result(0, "", "", 0)
        if here.chronos is None:
            return self._by_shell(here)
        return self._here(here)

    def _here(self, line: Line) -> Result:
        words = line.chronos
        assert words is not None
        argv = mock.patch.object(sys, "argv", ["chronos", *words])
        self._captured.readouterr()
        before = Path.cwd()
        with argv, mock.patch.dict(os.environ, self.variables, clear=True):
            os.chdir(self.folder)
            try:
                code = guarded()
            finally:
                os.chdir(before)
        told = self._captured.readouterr()
        if ">" in line.words:
            (self.folder / line.words[-1]).write_text(told.out)
        return Result(int(code), told.out, told.err, 0)

    def _by_shell(self, line: Line) -> Result:
        done = subprocess.run(
            ["sh", "-c", line.text],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr, 0)
