"""Web servers that others run: nginx and Apache, each in a folder and on a port of its own."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

import pytest

from tests.brokers.certificates import Certificates
from tests.brokers.provision import find_program

_NGINX = Template("""
daemon off; master_process off; pid $folder/pid; error_log $folder/error.log;
events {}
http {
  access_log off;
  client_body_temp_path $folder/body; proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi; uwsgi_temp_path $folder/uwsgi; scgi_temp_path $folder/scgi;
  server {
    listen 127.0.0.1:$port$listen;
    ssl_certificate $certificate; ssl_certificate_key $key;
    $settings
    location / { return 200 "http $$server_protocol"; }
    location /small/ { client_max_body_size 1k; proxy_pass http://127.0.0.1:9/; }
  }
}
""")

_APACHE = Template("""
ServerRoot $folder
ServerName localhost
PidFile pid
ErrorLog error.log
DefaultRuntimeDir $folder
Listen 127.0.0.1:$port
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule ssl_module $modules/mod_ssl.so
LoadModule http2_module $modules/mod_http2.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule alias_module $modules/mod_alias.so
Protocols h2 http/1.1
DocumentRoot $folder/pages
SSLEngine on
SSLCertificateFile $certificate
SSLCertificateKeyFile $key
SSLCACertificateFile $ca
SSLSessionCache none
<Location /private>
  SSLVerifyClient require
</Location>
$settings
""")
_APACHE_MODULES = Path("/usr/lib/apache2/modules")


@contextmanager
def nginx(
    folder: Path, certificates: Certificates, settings: str = "", *, listen: str = ""
) -> Iterator[str]:
    """Run nginx; `settings` belong to its server, `listen` is `` ssl http2`` and the like."""
    program = find_program("nginx")
    if program is None:
        pytest.skip("nginx is not installed; run: python -m tests.brokers.provision")
    port = _free_port()
    names = {"folder": folder, "port": port, "listen": listen, "settings": settings}
    identity = certificates.server
    files = {"certificate": identity.certificate, "key": identity.key}
    (folder / "conf").write_text(_NGINX.substitute(names, **files))
    with _running([str(program), "-p", str(folder), "-c", str(folder / "conf")], port, folder):
        yield f"http{'s' if 'ssl' in listen else ''}://127.0.0.1:{port}"


@contextmanager
def apache(folder: Path, certificates: Certificates, settings: str = "") -> Iterator[str]:
    """Run Apache over TLS; `/private` wants a client's certificate."""
    program = find_program("apache2")
    if program is None or not (_APACHE_MODULES / "mod_ssl.so").exists():
        pytest.skip("apache2 is not installed; run: python -m tests.brokers.provision")
    port = _free_port()
    (folder / "pages" / "private").mkdir(parents=True)
    for page in ("index.html", "private/index.html"):
        (folder / "pages" / page).write_text("welcome")
    identity = certificates.server
    names = {"folder": folder, "port": port, "settings": settings, "modules": _APACHE_MODULES}
    files = {"certificate": identity.certificate, "key": identity.key, "ca": certificates.ca}
    (folder / "conf").write_text(_APACHE.substitute(names, **files))
    with _running([str(program), "-X", "-f", str(folder / "conf")], port, folder):
        yield f"https://127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
    try:
        end = time.monotonic() + 20
        while not _listens(port):
            assert process.poll() is None, (folder / "output").read_text()
            assert time.monotonic() < end, (folder / "output").read_text()
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        number: int = taken.getsockname()[1]
    return number
