"""The protocols that are installed, found by the entry-point group `chronos.dispatchers`.

An entry point's name is the key of the target block in a job file; its object is a `Plugin`. The
built-in protocols are registered in the same way as a stranger's.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial

from msgspec import Struct

from chronos_cli.dispatch import foreign
from chronos_cli.dispatch.entry_points import EntryPoint, entry_points_of
from chronos_cli.dispatch.plugin import Plugin
from chronos_cli.jobs.model import Settings, Target
from chronos_cli.jobs.read import type_info

GROUP = "chronos.dispatchers"


class Missing(Struct, frozen=True):
    """A module that is not installed, and the command that brings it."""

    module: str
    command: str


class Registry:
    """Looks up protocols by the key of their target block; each is imported when asked for.

    `broken` says what is wrong with those that were asked for and cannot be used.
    """

    def __init__(self) -> None:
        self._loaded: dict[str, Plugin[Target, Settings]] = {}
        self.broken: dict[str, str] = {}

    @cached_property
    def _entries(self) -> dict[str, list[EntryPoint]]:
        return entry_points_of(GROUP)

    def target_keys(self) -> list[str]:
        """Return the keys of all installed protocols, sorted."""
        return sorted(self._entries)

    def distribution(self, key: str) -> str:
        """Return the name and version of the package that brings a protocol, or of several."""
        return ", ".join(map(_distribution, self._entries[key]))

    def missing_client(self, key: str, further: Mapping[str, str] | None = None) -> str | None:
        """Return how to install the client library of a protocol when it is not installed.

        `further` are modules that a target needs besides, and the extras that bring them.
        """
        found = self.missing(key, further)
        return f"'{found.module}' is not installed; run: {found.command}" if found else None

    def missing(self, key: str, further: Mapping[str, str] | None = None) -> "Missing | None":
        """Return the first module that a protocol lacks, `further` as in `missing_client`."""
        plugin = self.kind(key)
        needed = dict.fromkeys(plugin.client_modules, plugin.extra) | dict(further or {})
        absent = [name for name in needed if _is_absent(name)]
        if not absent:
            return None
        from chronos_cli.dispatch.install import install_command  # only where something is missing

        found = self._entries[key][0].distribution(GROUP)
        command = install_command(found.name if found else key, needed[absent[0]], found)
        return Missing(absent[0], command)

    def kind(self, key: str) -> Plugin[Target, Settings]:
        """Return the protocol behind a key; ImportError, with a message, if it is broken."""
        if key in self.broken:
            raise ImportError(self.broken[key])
        if key not in self._loaded:
            try:
                self._loaded[key] = _load(key, self._entries[key])
            except ImportError as error:
                self.broken[key] = str(error)  # so that it is not run once for every job
                raise
        return self._loaded[key]


def _distribution(entry: EntryPoint) -> str:
    distribution = entry.distribution(GROUP)
    return f"{distribution.name} {distribution.version}" if distribution else "unknown"


def _is_absent(module: str) -> bool:
    """Whether a module is not installed; one that fails is, and is told of where it is used."""
    from importlib.util import find_spec  # for those who send

    try:
        return foreign.call(lambda: find_spec(module)) is None
    except foreign.PluginError as error:  # of a parent, which is imported for that
        return isinstance(error.error, ModuleNotFoundError)


def _load(key: str, entries: Sequence[EntryPoint]) -> Plugin[Target, Settings]:
    """Import a plug-in. One that fails in whatever way must break no other job."""
    if len(entries) > 1:
        packages = " and ".join(map(_distribution, entries))
        raise ImportError(f"two plug-ins are installed for '{key}': {packages}; remove one")
    try:
        found = foreign.call(entries[0].load)
    except foreign.PluginError as failure:
        error = failure.error
        reason = f"it exits with {error}" if isinstance(error, SystemExit) else str(error)
        reason = reason or type(error).__name__
        raise ImportError(f"the plug-in for '{key}' cannot be loaded: {reason}") from error
    for flaw in _flaws(key, found):
        raise ImportError(f"the plug-in for '{key}' cannot be loaded: {flaw}")
    assert isinstance(found, Plugin)
    return found


def _flaws(key: str, found: object) -> Iterator[str]:
    """Yield what keeps an object from being the plug-in of a key; only the first one holds."""
    if not isinstance(found, Plugin):
        yield f"{found!r:.100} is not a chronos_cli.dispatch.plugin.Plugin"
        return
    if found.key != key:
        yield f"its key is '{found.key}'"
    for name, base in (("target", Target), ("settings", Settings)):
        struct = getattr(found, name)
        if not (isinstance(struct, type) and issubclass(struct, base)):
            yield f"its {name} is not a {base.__name__}"
        try:
            foreign.call(partial(type_info, struct))
        except foreign.PluginError as error:
            yield f"its {name} cannot be read: {error}"
    try:
        foreign.call(found.settings)
    except foreign.PluginError as error:
        yield f"its settings have no defaults: {error}"
    if not callable(found.dispatcher):
        yield "its dispatcher cannot be called"
    if found.check is not None and not callable(found.check):
        yield "its check cannot be called"
