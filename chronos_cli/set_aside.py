"""Importing a library without a part that it imports, if there, and that we never need."""

import sys
from importlib import import_module
from types import ModuleType


def import_without(name: str, part: str) -> ModuleType:
    """Return a module, imported as if `part` were not installed.

    Only while it is imported: whoever needs the part later has it.
    """
    if name in sys.modules or part in sys.modules:
        return import_module(name)
    # None is Python's own sign for a module that is not to be found.
    sys.modules[part] = None  # type: ignore[assignment]
    try:
        return import_module(name)
    finally:
        del sys.modules[part]
