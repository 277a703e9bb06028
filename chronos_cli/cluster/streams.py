"""The streams, the bucket and the consumer: what they must be, and whether they are so."""

from typing import Any

import msgspec
from msgspec import Struct

from chronos_cli.cluster.api import NO_CONSUMER, NO_STREAM, Api, RefusedError
from chronos_cli.cluster.names import CONSUMER, Names
from chronos_cli.errors import StateError

_SECOND = 1_000_000_000
# Within it a tick that is published again by the same host is the same message.
_DUPLICATES = 120.0
_HISTORY_AGE, _HISTORY_BYTES = 30 * 86400, 1 << 30
# Of the whole cluster: more than its hosts carry out at the same time.
_MOST_PENDING = 20_000
_LONGEST_AGE = 7 * 86400
_ROOM = (
    "give JetStream 1 GiB and more on each server (max_file), or make the streams yourself with a "
    "smaller max_bytes ('chronos cluster init --print')"
)
# What to do about JetStream's refusals.
_HINTS = {
    10074: "these servers are no cluster of so many: set scheduler.cluster.replicas",
    10005: f"too few servers, or {_ROOM}",
    10023: _ROOM,
    10047: _ROOM,
    10039: "let this account have JetStream, or take another user",
}

Config = dict[str, Any]


class Plan(Struct, frozen=True):
    """What a group needs on its servers; times in seconds."""

    names: Names
    ack_wait: float
    max_age: float
    replicas: int

    def streams(self) -> dict[str, Config]:
        """Return the streams by name, as JetStream is asked for them."""
        names = self.names
        ticks = f"chronos.{names.group}.tick.>"
        found = {
            names.ticks: {
                "subjects": [ticks],
                "max_age": round(self.max_age * _SECOND),
                # One message for each tick, for as long as it is known: whoever comes first.
                "max_msgs_per_subject": 1,
                "discard": "new",
                "discard_new_per_subject": True,
                "duplicate_window": round(min(_DUPLICATES, self.max_age) * _SECOND),
                "republish": {"src": ticks, "dest": names.claimed(), "headers_only": True},
            },
            names.outcomes: {
                "subjects": [f"chronos.{names.group}.outcome.>"],
                "max_age": _HISTORY_AGE * _SECOND,
                "max_bytes": _HISTORY_BYTES,
                "discard": "old",
                "allow_direct": True,
            },
            names.bucket: {
                "subjects": [f"$KV.CHRONOS_{names.group}.>"],
                "max_msgs_per_subject": 1,
                "discard": "new",
                "allow_direct": True,
                "allow_rollup_hdrs": True,
                "deny_delete": True,
            },
        }
        common = {"retention": "limits", "storage": "file", "num_replicas": self.replicas}
        return {name: {"name": name, **common, **config} for name, config in found.items()}

    def consumer(self) -> Config:
        """Return the consumer that hands each tick to one host."""
        return {
            "durable_name": CONSUMER,
            "ack_policy": "explicit",
            "ack_wait": round(self.ack_wait * _SECOND),
            # A tick that is handed back counts as a delivery: starts are bounded by the hosts.
            "max_deliver": -1,
            "max_ack_pending": _MOST_PENDING,
            # With `all` every tick that is still known would come again.
            "deliver_policy": "new",
            "replay_policy": "instant",
        }

    def commands(self) -> str:
        """Return the commands by which an operator makes all of it, for a shell."""
        parts = ["set -e"]
        for name, config in self.streams().items():
            parts += [_file(name, config), f"nats stream add {name} --config {name}.json"]
        name = f"{self.names.ticks}.{CONSUMER}"
        parts += [_file(name, self.consumer())]
        parts += [f"nats consumer add {self.names.ticks} {CONSUMER} --config {name}.json"]
        return "\n".join(parts)


class Streams:
    """Looks at what is on the servers, and makes what is missing; changes nothing that is there."""

    def __init__(self, api: Api, plan: Plan) -> None:
        self._api = api
        self._plan = plan
        self.made: list[str] = []

    async def ensure(self) -> None:
        """Make what is missing; raises StateError where something is there, and is otherwise."""
        if self._plan.max_age > _LONGEST_AGE:
            raise StateError("chronos.yaml: scheduler.cluster.max_age: at most 7d")
        differences: list[str] = []
        for name, wanted in self._plan.streams().items():
            found = await self._stream(name)
            if found is None:
                found = await self._make(name, wanted)
            differences += _differences(name, wanted, found)
        differences += await self._ensure_consumer(makes=not differences)
        if differences:
            raise StateError(
                "what is on the servers was made with other settings: " + "; ".join(differences)
            )

    async def _stream(self, name: str) -> Config | None:
        try:
            answer = await self._api.call(f"STREAM.INFO.{name}")
        except RefusedError as error:
            if error.number == NO_STREAM:
                return None
            raise _said(name, error) from error
        config: Config = answer["config"]
        return config

    async def _make(self, name: str, wanted: Config) -> Config:
        try:
            answer = await self._api.call(f"STREAM.CREATE.{name}", wanted, limit=20)
        except RefusedError as error:
            raise _said(name, error) from error
        self.made.append(name)
        config: Config = answer["config"]
        return config

    async def _ensure_consumer(self, *, makes: bool) -> list[str]:
        """Return what is otherwise; one that is missing is made, or left to be made later."""
        ticks, wanted = self._plan.names.ticks, self._plan.consumer()
        name = f"{ticks}.{CONSUMER}"
        try:
            answer = await self._api.call(f"CONSUMER.INFO.{name}")
        except RefusedError as error:
            if error.number != NO_CONSUMER:
                raise _said(name, error) from error
            if not makes:
                return []
            body = {"stream_name": ticks, "config": wanted}
            try:
                answer = await self._api.call(f"CONSUMER.DURABLE.CREATE.{name}", body, limit=20)
            except RefusedError as refused:
                raise _said(name, refused) from refused
            self.made.append(name)
        return _differences(name, wanted, answer["config"])


def _differences(name: str, wanted: Config, found: Config) -> list[str]:
    """Return what is otherwise; a server leaves out what it does not know, and what is empty."""
    return [
        f"{name}: {key} is {_shown(found.get(key))}, not {_shown(value)}"
        for key, value in wanted.items()
        if key not in _FREE and not _is_same(value, found.get(key))
    ]


# Bounds that an operator may set otherwise.
_FREE = frozenset(("max_bytes", "max_ack_pending", "allow_direct", "allow_rollup_hdrs"))
_FREE |= {"deny_delete", "durable_name"}


def _is_same(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(_is_same(value, found.get(key)) for key, value in wanted.items())
    return bool(wanted == found)


def _shown(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= _SECOND:
        return f"{value / _SECOND:g}s"
    return msgspec.json.encode(value).decode()


def _file(name: str, config: Config) -> str:
    text = msgspec.json.format(msgspec.json.encode(config), indent=2).decode()
    return f"cat > {name}.json <<'END'\n{text}\nEND"


def _said(name: str, error: RefusedError) -> StateError:
    hint = f"; {_HINTS[error.number]}" if error.number in _HINTS else ""
    return StateError(f"{name}: {error.text} ({error.number}){hint}")
