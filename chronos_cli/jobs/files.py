"""Paths on the command line → the texts of job files."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from chronos_cli.errors import FileTooLargeError, UnreadableFileError, UsageError
from chronos_cli.files import check_readable, read_bytes
from chronos_cli.jobs.document import MAX_BYTES, ParsedFile, parse
from chronos_cli.jobs.lines import Lines
from chronos_cli.problems import Position, Problem

# What standard input is called as a file.
STDIN = "<stdin>"
CONFIG_NAMES = frozenset({"chronos.yaml", "chronos.yml"})
_SUFFIXES = frozenset({".yaml", ".yml"})


class SourceFile(Struct, frozen=True):
    """A file: its name for messages, and its bytes; `problem` is why they could not be read."""

    name: str
    raw: bytes
    problem: Problem | None = None


def find_files(paths: Iterable[str]) -> list[str]:
    """Return the files that the paths stand for, each once; directories are read recursively.

    `-` is standard input. Hidden folders and chronos.yaml are passed over in directories; what
    cannot be read in them is returned all the same, so that it has its message.
    Raises UsageError for a path that does not exist or is no file, and for a directory without
    any YAML file.
    """
    found: dict[str, None] = {}
    for path in paths:
        if path != "-" and Path(path).is_dir():
            files = list(_in_directory(path))
            if not files:
                raise UsageError(f"no *.yaml or *.yml file in directory {path}")
            found.update(dict.fromkeys(files))
        else:
            if path != "-":
                check_named(path)
            found[path] = None
    return list(found)


def check_named(path: str) -> None:
    """Raise UsageError when a path of the command line is no file that can be read."""
    try:
        check_readable(path, pipes=True)
    except UnreadableFileError as error:
        if not os.path.lexists(path):
            raise UsageError(f"no such file or directory: {path}") from error
        hint = "; to read from a pipe, name -" if "FIFO" in str(error) else ""
        raise UsageError(f"cannot read {path}: {error}{hint}") from error


def _in_directory(top: str) -> Iterator[str]:
    unreadable: list[str] = []
    for folder, folders, names in os.walk(top, onerror=lambda e: unreadable.append(e.filename)):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if Path(name).suffix in _SUFFIXES and name not in CONFIG_NAMES:
                yield str(Path(folder) / name)
    yield from unreadable


def read_file(path: str, stdin: BinaryIO) -> SourceFile:
    """Read one file, or standard input for `-`; what cannot be read has its problem."""
    if path == "-":
        raw = stdin.read(MAX_BYTES + 1)
        return SourceFile(STDIN, raw) if len(raw) <= MAX_BYTES else _too_large(STDIN)
    try:
        return SourceFile(path, read_bytes(path, MAX_BYTES, pipes=True))
    except FileTooLargeError:
        return _too_large(path)
    except UnreadableFileError as error:
        return SourceFile(path, b"", Problem(Position(path), f"cannot read the file: {error}"))


def parse_file(source: SourceFile) -> ParsedFile:
    """Return the documents of a file; what was wrong with reading it is among its problems."""
    if source.problem is not None:
        return ParsedFile(source.name, [], [source.problem], Lines(b""))
    return parse(source.name, source.raw)


def _too_large(name: str) -> SourceFile:
    message = f"the file is larger than {MAX_BYTES // 2**20} MiB"
    return SourceFile(name, b"", Problem(Position(name), message, hint="split it"))
