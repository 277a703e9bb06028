"""Entry points of installed packages, read from their files.

`importlib.metadata` does the same and costs 30 to 60 ms of every start, for the message parser
that it brings along. It is asked where packages are not plain folders on `sys.path`.
"""

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_SUFFIXES = (".dist-info", ".egg-info")


class EntryPoint(Struct, frozen=True):
    """An object that a package offers: `value` is `module:attribute`.

    `folder` is where the package's metadata is; None where only importlib.metadata knows.
    """

    name: str
    value: str
    folder: str | None = None

    def load(self) -> object:
        """Import the object; raises what its module raises."""
        module, _, attributes = self.value.partition("[")[0].partition(":")
        found: object = import_module(module.strip())
        for attribute in filter(None, attributes.strip().split(".")):
            found = getattr(found, attribute)
        return found

    def distribution(self, group: str) -> "Distribution | None":
        """Return the package that offers it in a group."""
        from importlib.metadata import Distribution, entry_points  # for the few who ask

        if self.folder is not None:
            return Distribution.at(self.folder)
        return next(iter(entry_points(group=group, name=self.name))).dist


def entry_points_of(group: str) -> dict[str, list[EntryPoint]]:
    """Return the entry points of a group by name; several where packages have one in common."""
    if not _are_plain_folders():
        return _of_importlib(group)
    found: dict[str, list[EntryPoint]] = {}
    for folder in _metadata_folders():
        for name, value in _lines(folder, group):
            found.setdefault(name, []).append(EntryPoint(name, value, folder))
    return found


def _are_plain_folders() -> bool:
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_distributions")]
    return finders == [PathFinder] and not any(map(os.path.isfile, sys.path))


def _of_importlib(group: str) -> dict[str, list[EntryPoint]]:
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=group):
        found.setdefault(entry.name, []).append(EntryPoint(entry.name, entry.value))
    return found


def _metadata_folders() -> Iterator[str]:
    """Yield the folder of each package; of two with one name the first on the path counts."""
    seen: set[str] = set()
    for place in sys.path:
        try:
            names = os.listdir(place or ".")  # noqa: PTH208 - as text, fast
        except OSError:
            continue
        for name in names:
            if not name.endswith(_SUFFIXES):
                continue
            package = name.rpartition(".")[0].partition("-")[0].lower()
            package = package.replace(".", "_").replace("-", "_")
            if package not in seen:
                seen.add(package)
                yield f"{place or '.'}/{name}"


def _lines(folder: str, group: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values that a package has in a group."""
    try:
        with open(f"{folder}/entry_points.txt", encoding="utf-8") as stream:  # noqa: PTH123 - fast
            text = stream.read()
    except OSError:
        return
    is_wanted = False
    for line in map(str.strip, text.splitlines() if group in text else ()):
        if line.startswith("["):
            is_wanted = line == f"[{group}]"
        elif is_wanted and line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()
