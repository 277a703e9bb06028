"""Takes the pictures of the page for the documents: ``python -m tests.browser.pictures``."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.browser.driver import chromium
from tests.cron.program import Cron
from tests.support import ROOT, HttpServer

_WIDTH, _HEIGHT = 1100, 800
# Executions that have ended before the picture is taken.
_ENDED = 25


def main() -> int:
    """Write docs/status-light.png and docs/status-dark.png."""
    server = HttpServer()
    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "jobs.yaml").write_text(json.dumps({"jobs": _jobs(server.url)}))
            with Cron(Path(folder), "jobs.yaml", "--listen", "127.0.0.1:0") as cron:
                cron.wait_for("ended", _ENDED, limit=120)
                _take(cron.events("listening")[0]["url"])
    finally:
        server.stop()
    return 0


def _take(url: str) -> None:
    with chromium() as browser:
        browser.resize(_WIDTH, _HEIGHT)
        browser.open(f"{url}#currency-rates")
        browser.wait_for("document.querySelectorAll('#runs > li').length > 2")
        for scheme in ("light", "dark"):
            browser.prefer(scheme)
            (ROOT / f"docs/status-{scheme}.png").write_bytes(browser.picture())


def _jobs(url: str) -> list[dict[str, Any]]:
    quick = {"max_attempts": 3, "initial_interval": "100ms"}
    often = "@every 3s"
    return [
        _job("currency-rates", f"{url}/flaky/8/rates", often, finance=True, retry_policy=quick),
        _job("cache-refresh", f"{url}/status/200", often),
        _job("search-index", f"{url}/status/404", "@every 5s"),
        _job("export-orders", f"{url}/silent/orders", often, concurrency="forbid"),
        _job("daily-report", f"{url}/status/200", "0 9 * * 1-5", finance=True),
    ]


def _job(
    name: str, url: str, schedule: str, *, finance: bool = False, **more: Any
) -> dict[str, Any]:
    tags = {"team": "finance" if finance else "shop"}
    job = {"name": name, "schedule": schedule, "tags": tags, "webhook": {"url": url}}
    return {**job, "timezone": "Europe/Berlin", **more}


if __name__ == "__main__":
    sys.exit(main())
