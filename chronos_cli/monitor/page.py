"""The page, in one piece, and the policy that keeps everything else out of it."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from msgspec import Struct

CONTENT_TYPE = "text/html; charset=utf-8"


class Page(Struct, frozen=True):
    """An HTML document; `policy` is its Content-Security-Policy (CSP level 3)."""

    body: bytes
    policy: str


@cache
def page() -> Page:
    """Return the page: style and script stand in it, and no others are carried out."""
    folder = files(__package__) / "page"
    html, style, script = (
        (folder / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")
    )
    body = html.replace("/* page.css */", style).replace("/* page.js */", script)
    return Page(
        body.encode(),
        f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    )


def _source(text: str) -> str:
    """Return how a policy allows an element of just this text."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
