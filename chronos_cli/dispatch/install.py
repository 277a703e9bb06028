"""How what is missing comes to the environment that the program runs in: a line to paste.

A package need not be on an index. Where it was installed from says its `direct_url.json` (PEP 610);
without one, what an extra brings is installed by its own name.
"""

import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

OWN_PACKAGE = "chronos-dispatch"


def install_command(package: str, extra: str | None, found: Distribution | None = None) -> str:
    """Return the command that brings a package's extra, or the package itself, here.

    `found` is the package as it is installed, if that is known already.
    """
    found = found or _distribution(package)
    needed = _requirements(found, extra) if found and extra else []
    if (Path(sys.prefix) / "pipx_metadata.json").is_file():
        return _command(
            ["pipx", "inject", Path(sys.prefix).name], needed or [_named(package, extra)]
        )
    origin = _origin(found, package, extra) if found else None
    return _command(_installer(), origin or needed or [_named(package, extra)])


def _command(words: list[str], arguments: list[str]) -> str:
    return " ".join([*words, *map(_quoted, arguments)])


def _quoted(argument: str) -> str:
    """Quote what is no option: brackets and `<` mean something to a shell."""
    is_plain = argument.startswith("-") or "'" in argument
    return shlex.quote(argument) if is_plain else f"'{argument}'"


def _installer() -> list[str]:
    """Return how to install into this environment: the pip on the path may be another's."""
    python = sys.executable or "python3"
    is_active = Path(shutil.which("pip") or "").parent == Path(python).parent
    if find_spec("pip") is None:  # as in the environments that uv makes
        python = shlex.quote(python)
        return ["uv", "pip", "install", *([] if is_active else ["--python", python])]
    return [*(["pip"] if is_active else [shlex.quote(python), "-m", "pip"]), "install"]


def _distribution(package: str) -> Distribution | None:
    try:
        return distribution(package)
    except PackageNotFoundError:
        return None


def _named(package: str, extra: str | None) -> str:
    return f"{package}[{extra}]" if extra else package


def _requirements(found: Distribution, extra: str) -> list[str]:
    """Return what an extra of a package requires."""
    marked = (line.partition(";") for line in found.requires or [])
    pattern = rf"""extra\s*==\s*['"]{re.escape(extra)}['"]"""
    return [wanted.strip() for wanted, _, marker in marked if re.search(pattern, marker)]


def _origin(found: Distribution, package: str, extra: str | None) -> list[str] | None:
    """Return the arguments that install from where a package came; None where that is gone."""
    try:
        came = json.loads(found.read_text("direct_url.json") or "{}")
    except ValueError:
        return None
    if not isinstance(came, dict):
        return None
    url = str(came.get("url", ""))
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.scheme == "file" and not Path(path).exists():
        return None
    if parts.scheme == "file" and "dir_info" in came:
        return [*_editable(came["dir_info"]), _named(path, extra)]
    if url and "vcs_info" in came:
        commit = came["vcs_info"].get("commit_id", "")
        url = f"{came['vcs_info'].get('vcs', 'git')}+{url}@{commit}"
    return [f"{_named(package, extra)} @ {url}"] if url else None


def _editable(info: dict[str, object]) -> Iterator[str]:
    if info.get("editable"):
        yield "-e"
