"""The protocols that are installed, found by the entry-point group `chronos.dispatchers`.

An entry point's name is the key of the target block in a job file; its object is a `Plugin`. The
built-in protocols are registered in the same way as a stranger's.
"""

from collections.abc import Mapping
from functools import cached_property

from chronos_cli.dispatch.entry_points import EntryPoint, entry_points_of
from chronos_cli.dispatch.plugin import Plugin
from chronos_cli.jobs.model import Settings, Target

GROUP = "chronos.dispatchers"


class Registry:
    """Looks up protocols by the key of their target block; each is imported when asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Plugin[Target, Settings]] = {}

    @cached_property
    def _entries(self) -> dict[str, EntryPoint]:
        return entry_points_of(GROUP)

    def target_keys(self) -> list[str]:
        """Return the keys of all installed protocols, sorted."""
        return sorted(self._entries)

    def distribution(self, key: str) -> str:
        """Return the name and version of the package that brings a protocol."""
        distribution = self._entries[key].distribution(GROUP)
        return f"{distribution.name} {distribution.version}" if distribution else "unknown"

    def missing_client(self, key: str, further: Mapping[str, str] | None = None) -> str | None:
        """Return how to install the client library of a protocol when it is not installed.

        `further` are modules that a target needs besides, and the extras that bring them.
        """
        from importlib.util import find_spec  # for those who send

        plugin = self.kind(key)
        needed = dict.fromkeys(plugin.client_modules, plugin.extra) | dict(further or {})
        absent = [name for name in needed if find_spec(name) is None]
        if not absent:
            return None
        distribution = self._entries[key].distribution(GROUP)
        package = distribution.name if distribution else key
        extra = needed[absent[0]]
        wanted = f"{package}[{extra}]" if extra else package
        return f"'{absent[0]}' is not installed; run: pip install '{wanted}'"

    def kind(self, key: str) -> Plugin[Target, Settings]:
        """Return the protocol behind a key; ImportError, with a message, if it is broken."""
        if key not in self._loaded:
            self._loaded[key] = _load(key, self._entries[key])
        return self._loaded[key]


def _load(key: str, entry: EntryPoint) -> Plugin[Target, Settings]:
    """Import a plug-in. One that fails in whatever way must break no other job."""
    try:
        found = entry.load()
    except (Exception, SystemExit) as error:
        reason = str(error) if isinstance(error, Exception) else f"it exits with {error}"
        raise ImportError(f"the plug-in for '{key}' cannot be loaded: {reason}") from error
    if flaw := _flaw(key, found):
        raise ImportError(f"the plug-in for '{key}' cannot be loaded: {flaw}")
    assert isinstance(found, Plugin)
    return found


def _flaw(key: str, found: object) -> str | None:
    """Return what keeps an object from being the plug-in of a key."""
    if not isinstance(found, Plugin):
        return f"{found!r:.100} is not a chronos_cli.dispatch.plugin.Plugin"
    if found.key != key:
        return f"its key is '{found.key}'"
    for name, base in (("target", Target), ("settings", Settings)):
        struct = getattr(found, name)
        if not (isinstance(struct, type) and issubclass(struct, base)):
            return f"its {name} is not a {base.__name__}"
    if not callable(found.dispatcher):
        return "its dispatcher cannot be called"
    return None
