"""squid, by plain requests and by tunnels, open and with a login."""

import getpass
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.certificates import Certificates
from tests.interop.load import Load, assert_held, fire
from tests.interop.servers import free_port, go_server, lines, need, running, version
from tests.protocols.webhook import run

pytestmark = pytest.mark.interop

_HELPER = Path("/usr/lib/squid/basic_ncsa_auth")
# `openssl passwd -apr1 -salt interop s3cret-word`: what htpasswd writes.
_USERS = "chronos:$apr1$interop$/v1dHh1oWVYNe0BA9OMW51\n"
_LOGIN = """
auth_param basic program {helper} {users}
auth_param basic realm tests
acl known proxy_auth REQUIRED
http_access deny !known
"""
_CONFIG = """
http_port 127.0.0.1:{port}
pid_filename none
cache_effective_user {user}
cache deny all
access_log none
cache_log {folder}/cache.log
coredump_dir {folder}
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
{login}
http_access allow localhost
http_access deny all
"""


@contextmanager
def squid(*, login: bool) -> Iterator[str]:
    """Run it in a folder that the user may read whom it becomes when root starts it."""
    program, port = need("squid"), free_port()
    user = "proxy" if os.geteuid() == 0 else getpass.getuser()
    with tempfile.TemporaryDirectory(prefix="chronos-squid-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.chown(folder, user)
        (folder / "users").write_text(_USERS)
        wanted = _LOGIN.format(helper=_HELPER, users=folder / "users") if login else ""
        names = {"port": port, "folder": folder, "login": wanted, "user": user}
        (folder / "squid.conf").write_text(_CONFIG.format(**names))
        # A name of its own: it is that of its shared memory too.
        command: list[str | Path] = [
            program,
            "-n",
            f"tests{port}",
            "-N",
            "-f",
            folder / "squid.conf",
        ]
        with running(command, port, folder / "squid.log"):
            yield f"127.0.0.1:{port}"


@pytest.mark.far_side(
    "squid",
    "plain requests and CONNECT, HTTP/1.1 and HTTP/2, open and with Basic",
    needs="`proxy: http://user:password@host:port`; `http_access` for the port of a CONNECT",
)
def test_ways(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    record_property("version", version(need("squid"), "-v"))
    identity = certificates.server
    files = ("-cert", str(identity.certificate), "-key", str(identity.key))
    tls = {"ca": str(certificates.ca)}
    with (
        go_server("http", tmp_path) as (plain, _),
        go_server("http", tmp_path, *files) as (secure, _),
        squid(login=False) as open_proxy,
        squid(login=True) as closed,
    ):
        ways: list[dict[str, Any]] = [
            {"url": f"http://127.0.0.1:{plain}/"},
            {"url": f"https://127.0.0.1:{secure}/", "tls": tls},
            {"url": f"https://127.0.0.1:{secure}/", "tls": tls, "http2": True},
        ]
        for way in ways:
            for proxy in (f"http://{open_proxy}", f"http://chronos:s3cret-word@{closed}"):
                result = run(proxy=proxy, **way)
                assert result.code == 0, result.out
            for proxy in (f"http://{closed}", f"http://chronos:wrong@{closed}"):
                result = run(proxy=proxy, **way)
                assert (result.code, result.only["code"]) == (4, "407"), result.out
                assert "wrong@" not in result.out
    record_property("held", "6 of 6; 6 with a wrong login or none rejected, 407")


@pytest.mark.far_side("squid", "jobs @every 1s: plain requests and CONNECT, with Basic")
def test_ticks(tmp_path: Path, certificates: Certificates, record_property: Any) -> None:
    record_property("version", version(need("squid"), "-v"))
    identity, load = certificates.server, Load(jobs=20, full_rounds=10)
    files = ("-cert", str(identity.certificate), "-key", str(identity.key), "-idle", "1s")
    with (
        go_server("http", tmp_path, "-idle", "1s") as (plain, one),
        go_server("http", tmp_path, *files) as (secure, other),
        squid(login=True) as address,
    ):
        proxy = {"proxy": f"http://chronos:s3cret-word@{address}"}
        tls = {"ca": str(certificates.ca)}
        targets = {
            "plain": {"webhook": {"url": f"http://127.0.0.1:{plain}/", **proxy}},
            "tls": {"webhook": {"url": f"https://127.0.0.1:{secure}/", "tls": tls, **proxy}},
        }
        found = fire(tmp_path, targets, load)
        held = assert_held(found, load)
        arrived = {line["id"] for process in (one, other) for line in lines(process)}
    assert arrived == {event["execution_id"] for events in found.values() for event in events}
    record_property("held", held)
