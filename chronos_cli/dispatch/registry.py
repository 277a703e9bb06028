"""The protocols that are installed, found by the entry-point group `chronos.dispatchers`.

An entry point's name is the key of the target block in a job file; its object is a
`Dispatcher`. The built-in protocols are registered in the same way as a stranger's.
"""

from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, cast

from chronos_cli.dispatch.dispatcher import Dispatcher
from chronos_cli.jobs.model import Settings

GROUP = "chronos.dispatchers"


class Registry:
    """Looks up protocols by the key of their target block; each is imported when asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, type[Dispatcher]] = {}

    @cached_property
    def _entries(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=GROUP)}

    def target_keys(self) -> list[str]:
        """Return the keys of all installed protocols, sorted."""
        return sorted(self._entries)

    def distribution(self, key: str) -> str:
        """Return the name and version of the package that brings a protocol."""
        distribution = self._entries[key].dist
        return f"{distribution.name} {distribution.version}" if distribution else "unknown"

    def missing_client(self, key: str, further: Mapping[str, str] | None = None) -> str | None:
        """Return how to install the client library of a protocol when it is not installed.

        `further` are modules that a target needs besides, and the extras that bring them.
        """
        kind = self.kind(key)
        needed = dict.fromkeys(kind.client_modules, kind.extra) | dict(further or {})
        absent = [name for name in needed if find_spec(name) is None]
        if not absent:
            return None
        distribution = self._entries[key].dist
        package = distribution.name if distribution else key
        extra = needed[absent[0]]
        wanted = f"{package}[{extra}]" if extra else package
        return f"'{absent[0]}' is not installed; run: pip install '{wanted}'"

    def kind(self, key: str) -> type[Dispatcher]:
        """Return the protocol behind a key; ImportError, with a message, if it is broken."""
        if key not in self._loaded:
            entry = self._entries[key]
            try:
                self._loaded[key] = cast("type[Dispatcher]", entry.load())
            except Exception as error:  # a stranger's module may fail in any way at import
                raise ImportError(f"the plug-in for '{key}' cannot be loaded: {error}") from error
        return self._loaded[key]


class Dispatchers:
    """The dispatchers of one process, made when they are first needed and closed together."""

    def __init__(self, registry: Registry, settings: dict[str, Settings]) -> None:
        self._registry = registry
        self._settings = settings
        self._made: dict[str, Dispatcher] = {}

    def get(self, key: str) -> Dispatcher:
        """Return the dispatcher of a target block's key."""
        if key not in self._made:
            kind: Any = self._registry.kind(key)
            self._made[key] = kind(self._settings.get(kind.protocol) or kind.Settings())
        return self._made[key]

    async def close(self) -> None:
        """Close every dispatcher that was made."""
        for dispatcher in self._made.values():
            await dispatcher.close()
        self._made.clear()
