"""Chromium, driven over WebDriver (W3C): a dozen requests need no package of 40 MB."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chronos_cli.testing.ports import closed_port

_ARGUMENTS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars "
    "--no-first-run --disable-background-networking --lang=en-GB"
).split()
# A script that has an effect on the page runs anyway; it returns what JSON can carry.
_LIMIT = 20.0


class Browser:
    """One window. What a script returns is JSON-like."""

    def __init__(self, url: str, session: dict[str, Any]) -> None:
        self._url = url
        self._session: str = _ask(f"{url}/session", {"capabilities": session})["sessionId"]

    def open(self, url: str) -> None:
        self._do("url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function in the page; return what it returns."""
        return self._do("execute/sync", {"script": script, "args": list(arguments)})

    def wait_for(self, condition: str, *arguments: Any) -> Any:
        """Wait until an expression of JavaScript is true; return its value."""
        end = time.monotonic() + _LIMIT
        while not (found := self.run(f"return {condition}", *arguments)):
            assert time.monotonic() < end, f"not so: {condition}\n{self.text('body')[:1500]}"
            time.sleep(0.05)
        return found

    def text(self, selector: str) -> str:
        """Return what is to be read in the first element of a selector."""
        read: str = self.run("return document.querySelector(arguments[0]).innerText", selector)
        return read

    def texts(self, selector: str) -> list[str]:
        every = "return [...document.querySelectorAll(arguments[0])].map(one => one.innerText)"
        read: list[str] = self.run(every, selector)
        return read

    def click(self, selector: str) -> None:
        """Click as a person does, on what can be seen and is not covered."""
        self._do(f"element/{self._find(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        self._do(f"element/{self._find(selector)}/value", {"text": text})

    def resize(self, width: int, height: int) -> None:
        """Make the page so large, in pixels of CSS, as a telephone or a screen is."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", **metrics)

    def prefer(self, scheme: str) -> None:
        """Prefer the colours `light` or `dark`."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.command("Emulation.setEmulatedMedia", features=[feature])

    def command(self, name: str, **parameters: Any) -> Any:
        """Give a command of Chromium's own protocol."""
        return self._do("goog/cdp/execute", {"cmd": name, "params": parameters})

    def picture(self) -> bytes:
        """Return what is seen, as PNG."""
        encoded = _ask(f"{self._url}/session/{self._session}/screenshot")
        return base64.b64decode(encoded)

    def console(self) -> list[str]:
        """Return what went wrong in the page since the last call, refusals of its policy too."""
        entries = self._do("se/log", {"type": "browser"})
        return [entry["message"] for entry in entries]

    def close(self) -> None:
        _ask(f"{self._url}/session/{self._session}", method="DELETE")

    def _find(self, selector: str) -> str:
        found = self._do("element", {"using": "css selector", "value": selector})
        (number,) = found.values()
        return str(number)

    def _do(self, command: str, body: dict[str, Any]) -> Any:
        return _ask(f"{self._url}/session/{self._session}/{command}", body)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser, in a folder of its own, until the block ends."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert program, "there is no chromium; make browser brings it"
    assert driver, "there is no chromedriver; make browser brings it"
    port = closed_port()
    with tempfile.TemporaryDirectory(prefix="chronos-browser-") as folder:
        null = subprocess.DEVNULL
        process = subprocess.Popen([driver, f"--port={port}"], stdout=null, stderr=null)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url)
            browser = Browser(url, _session(program, Path(folder)))
            try:
                yield browser
            finally:
                browser.close()
        finally:
            process.terminate()
            process.wait(timeout=20)


def _session(program: str, folder: Path) -> dict[str, Any]:
    options = {"binary": program, "args": [*_ARGUMENTS, f"--user-data-dir={folder}/profile"]}
    wanted = {"browserName": "chrome", "goog:chromeOptions": options}
    return {"alwaysMatch": {**wanted, "goog:loggingPrefs": {"browser": "ALL"}}}


def _wait_for(url: str) -> None:
    end = time.monotonic() + _LIMIT
    while True:
        try:
            _ask(f"{url}/status")
        except OSError:
            assert time.monotonic() < end, "chromedriver does not answer"
            time.sleep(0.05)
        else:
            return


def _ask(url: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(json.load(error)["value"]["message"]) from error
