"""The certificates of far sides, as a loop that is looked at knows them."""

import datetime
import json
import ssl
from pathlib import Path
from typing import Any

import trustme

from tests.brokers.certificates import Identity
from tests.cron.program import Cron, wait_until
from tests.monitor.test_program import get
from tests.servers.web import server_context, serving

NAME = "chronos_certificate_expiry_timestamp_seconds"


def ends(site: str) -> dict[str, float]:
    """The series of the figure, by job."""
    lines = [line for line in get(f"{site}metrics")[1].splitlines() if line.startswith(NAME)]
    return {line.split('"')[1]: float(line.split()[-1]) for line in lines}


def context_until(folder: Path, authority: trustme.CA, name: str, days: int) -> ssl.SSLContext:
    """A server's context, with a certificate that ends in so many days."""
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    return server_context(
        Identity.write(folder, name, authority.issue_cert("127.0.0.1", not_after=end))
    )


def test_each_far_side_is_looked_at_once_and_after_a_reload(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = {"ca": str(tmp_path / "ca.pem")}

    def job(name: str, url: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "schedule": "@yearly", "webhook": {"url": url, **more}}

    with (
        serving(context=context_until(tmp_path, authority, "soon", 5)) as soon,
        serving(context=context_until(tmp_path, authority, "later", 50)) as later,
        serving() as plain,
    ):
        jobs = [
            job("soon", f"{soon.url}/a", tls=tls),
            job("also-soon", f"{soon.url}/{{{{ job.id }}}}", tls=tls),
            job("later", later.url, tls=tls),
            job("plain", plain.url),
            job("not-verified", later.url, tls={"insecure_skip_verify": True}),
            job("not-trusted", later.url),
            job("off", later.url, tls=tls) | {"enabled": False},
            job("gone", "https://127.0.0.1:1/"),
        ]
        (tmp_path / "jobs.yaml").write_text(json.dumps({"jobs": jobs}))
        with Cron(tmp_path, "jobs.yaml", "--listen", "127.0.0.1:0") as cron:
            site = cron.wait_for("listening")[0]["url"]
            wait_until(lambda: len(ends(site)) == 3)
            days = {name: round((end - now()) / 86400) for name, end in ends(site).items()}
            assert days == {"soon": 5, "also-soon": 5, "later": 50}
            (tmp_path / "jobs.yaml").write_text(json.dumps({"jobs": [jobs[3], jobs[2]]}))
            cron.send(1)  # SIGHUP
            wait_until(lambda: ends(site).keys() == {"later"})
            # What was seen of one far side is not told of another that cannot be reached.
            moved = {**jobs[2], "webhook": {**jobs[2]["webhook"], "url": "https://127.0.0.1:1/"}}
            (tmp_path / "jobs.yaml").write_text(json.dumps({"jobs": [jobs[3], moved]}))
            cron.send(1)
            wait_until(lambda: not ends(site))
            assert cron.stop() == 0
        assert [soon.seen, later.seen, plain.seen] == [[], [], []]


def now() -> float:
    return datetime.datetime.now(datetime.UTC).timestamp()
