"""Files that a command writes: all of them, or none where one would be lost."""

import os
from collections.abc import Mapping
from pathlib import Path

from chronos_cli.errors import UsageError
from chronos_cli.files import open_to_write

# Files that a message names.
_NAMED = 3


def write_files(folder: Path, files: Mapping[str, str], *, force: bool) -> None:
    """Write files by their names, making the folder.

    Raises UsageError when one cannot be written and, before any is, when one is there already;
    with `force`, it is overwritten.
    """
    taken = [str(folder / name) for name in files if os.path.lexists(folder / name)]
    if taken and not force:
        more = f" and {len(taken) - _NAMED} more" if len(taken) > _NAMED else ""
        verb, them = ("exist", "them") if len(taken) > 1 else ("exists", "it")
        names = ", ".join(taken[:_NAMED])
        raise UsageError(f"{names}{more} {verb} already; add --force to overwrite {them}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            with open(folder / name, "w", encoding="utf-8", opener=open_to_write) as stream:
                stream.write(text)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename or folder}: {error.strerror}") from error
