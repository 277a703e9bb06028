"""Paths on the command line → the texts of job files."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from chronos_cli.errors import UsageError
from chronos_cli.jobs.document import MAX_BYTES

CONFIG_NAMES = frozenset({"chronos.yaml", "chronos.yml"})
_SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was read: its name for messages, and its bytes."""

    name: str
    raw: bytes


def find_files(paths: Iterable[str]) -> list[str]:
    """Return the files that the paths stand for, each once; directories are read recursively.

    `-` is standard input. Hidden folders and chronos.yaml are passed over in directories.
    Raises UsageError for a path that does not exist and for a directory without any YAML file.
    """
    found: dict[str, None] = {}
    for path in paths:
        if path != "-" and not Path(path).exists():
            raise UsageError(f"no such file or directory: {path}")
        if path != "-" and Path(path).is_dir():
            files = list(_in_directory(path))
            if not files:
                raise UsageError(f"no *.yaml or *.yml file in directory {path}")
            found.update(dict.fromkeys(files))
        else:
            found[path] = None
    return list(found)


def _in_directory(top: str) -> Iterator[str]:
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if Path(name).suffix in _SUFFIXES and name not in CONFIG_NAMES:
                yield str(Path(folder) / name)


def read_file(path: str, stdin: BinaryIO) -> SourceFile:
    """Read one file, or standard input for `-`; at most one byte over the limit is read.

    Raises UsageError when it cannot be read.
    """
    if path == "-":
        return SourceFile("<stdin>", stdin.read(MAX_BYTES + 1))
    try:
        with Path(path).open("rb") as stream:
            return SourceFile(path, stream.read(MAX_BYTES + 1))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
