"""The target block `rabbitmq`."""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal

from msgspec import Meta

from chronos_cli.jobs.cloudevents import Mode
from chronos_cli.jobs.cloudevents import header_flaws as event_header_flaws
from chronos_cli.jobs.model import Settings, Target
from chronos_cli.jobs.template import Template
from chronos_cli.problems import Flaw
from chronos_cli.protocols.checks import with_scheme
from chronos_cli.protocols.rabbitmq.address import (
    Address,
    AmqpUrl,
    Login,
    parse_host,
    parse_hosts,
    parse_url,
)
from chronos_cli.protocols.rabbitmq.message import header_flaws, short_flaw
from chronos_cli.protocols.tls import Tls
from chronos_cli.redact import mask_urls
from chronos_cli.units import Duration

_DEFAULT_VHOST, _DEFAULT_USER = "/", "guest"
_LONGEST_EXPIRATION = (2**32 - 1) / 1000
_LONGEST_HEARTBEAT = 65_535
_SHORT_TEXTS = (
    "exchange routing_key queue content_type content_encoding message_id correlation_id "
    "reply_to type app_id user_id"
).split()
_LOGIN_TEXTS = ("username", "password", "vhost")

Priority = Annotated[int, Meta(ge=0, le=255)]


class Rabbitmq(Target, kw_only=True, frozen=True):
    """Where an AMQP message goes, what it carries, and what counts as taken."""

    url: Annotated[
        str | None,
        Meta(
            description="amqp:// or amqps://, with name, password and virtual host",
            examples=["amqp://127.0.0.1:5672/%2F"],
        ),
    ] = None
    hosts: Annotated[
        list[str] | None,
        Meta(description="Instead of url: host or host:port, tried in turn"),
    ] = None
    username: Annotated[str | None, Meta(description="Default: the url's, else guest")] = None
    password: Annotated[str | None, Meta(description="Default: the url's, else guest")] = None
    vhost: Annotated[str | None, Meta(description="Virtual host. Default: the url's, else /")] = (
        None
    )
    queue: Annotated[
        str | None,
        Meta(
            description="Straight to this queue: default exchange, its name as key",
            examples=["jobs"],
        ),
    ] = None
    exchange: Annotated[str, Meta(description="Default: the default exchange")] = ""
    routing_key: Annotated[str | None, Meta(description="Default: empty")] = None
    confirm_mode: Annotated[
        bool, Meta(description="false: do not wait for the broker to confirm that it has stored it")
    ] = True
    mandatory: Annotated[
        bool, Meta(description="false: a message that no queue gets counts as delivered")
    ] = True
    persistent: Annotated[bool, Meta(description="Survives a restart in a durable queue")] = True
    priority: Annotated[Priority | None, Meta(description="For priority queues")] = None
    expiration: Annotated[
        Duration | None, Meta(description="The broker drops the message after this time")
    ] = None
    content_type: Annotated[
        str | None, Meta(description="Default: the job's, or by the payload's kind")
    ] = None
    content_encoding: Annotated[str | None, Meta(description="gzip, for instance")] = None
    message_id: Annotated[str | None, Meta(description="Default: the execution ID")] = None
    correlation_id: Annotated[str | None, Meta(description="What a reply refers to")] = None
    reply_to: Annotated[str | None, Meta(description="The queue that a reply is wanted on")] = None
    type: Annotated[str | None, Meta(description="Name of the message's kind")] = None
    app_id: Annotated[str | None, Meta(description="Name of the sending application")] = None
    user_id: Annotated[
        str | None, Meta(description="The broker checks that it is the name we logged in with")
    ] = None
    headers: Annotated[
        dict[str, Any],
        Meta(description="Text, numbers, booleans, null, lists and mappings keep their types"),
    ] = {}
    cloudevents_prefix: Annotated[
        Literal["cloudEvents:", "cloudEvents_", "ce-"],
        Meta(description="Of a binary CloudEvent's headers; Knative reads ce-"),
    ] = "cloudEvents:"
    heartbeat: Annotated[
        Duration | None,
        Meta(description="Whole seconds; 0 for none. Default: what the broker proposes"),
    ] = None
    tls: Tls | None = None

    def flaws(self) -> Iterator[Flaw]:
        """Yield what contradicts itself or cannot be sent."""
        yield from self._address_flaws()
        yield from self._route_flaws()
        for name in _SHORT_TEXTS:
            yield from short_flaw((name,), getattr(self, name))
        if self.expiration is not None and self.expiration > _LONGEST_EXPIRATION:
            yield Flaw(("expiration",), "RabbitMQ takes at most 49 days")
        if self.heartbeat is not None and not _is_heartbeat(self.heartbeat):
            yield Flaw(("heartbeat",), f"must be whole seconds, at most {_LONGEST_HEARTBEAT}")
        yield from header_flaws(self.headers)
        if self.tls is not None:
            yield from self.tls.flaws()

    @classmethod
    def other_names(cls) -> Mapping[str, str]:
        """Return the names of the protocol."""
        return dict.fromkeys(("amqp", "amqps", "rabbit"), "")

    @classmethod
    def advice(cls) -> Mapping[str, str]:
        """Return the keys of other clients."""
        return {
            **dict.fromkeys(("topic", "key", "binding_key", "routingKey"), "routing_key: {value}"),
            **dict.fromkeys(("server", "host", "address"), "url: amqp://{value}/"),
            **dict.fromkeys(("user", "login"), "username: {value}"),
        }

    def event_flaws(self, mode: Mode, extensions: Collection[str]) -> Iterator[Flaw]:  # noqa: ARG002
        """Yield what would make another event of the message, or none."""
        yield from event_header_flaws(self.headers, mode, self.cloudevents_prefix)
        if self.content_type is not None and mode == "structured":
            yield Flaw(("content_type",), "a structured CloudEvent has its own", "set the job's")

    def describe(self) -> str:
        """Return the queue or exchange, and the servers without who we are there."""
        where = _shown(self.url or "")
        if self.hosts is not None:
            vhost = f" ({self.vhost})" if self.vhost not in {None, _DEFAULT_VHOST} else ""
            where = ", ".join(host.rpartition("@")[2] for host in self.hosts) + vhost
        if self.exchange:
            return f"exchange {self.exchange} key '{self.routing_key or ''}' at {where}"
        return f"queue {self.queue or self.routing_key} at {where}"

    @property
    def key(self) -> str:
        """Return the routing key that the message gets."""
        return str(self.queue if self.queue is not None else self.routing_key or "")

    def login(self) -> tuple[Login, tuple[Address, ...]]:
        """Return who we are and where; for a target without flaws."""
        if self.url is not None:
            url = parse_url(self.url)
            return self._login(url, is_tls=url.is_tls), (url.address,)
        is_tls = self._is_tls
        return self._login(None, is_tls=is_tls), parse_hosts(self.hosts or [], is_tls=is_tls)

    @property
    def _is_tls(self) -> bool:
        return self.tls is not None and self.tls.enabled is not False

    def _login(self, url: AmqpUrl | None, *, is_tls: bool) -> Login:
        username = self.username or (url.username if url else None)
        password = self.password or (url.password if url else None)
        vhost = self.vhost or (url.vhost if url else None)
        return Login(
            username=str(username or _DEFAULT_USER),
            # The well-known password goes with the well-known name only.
            password=str(password or ("" if username else _DEFAULT_USER)),
            vhost=str(vhost or _DEFAULT_VHOST),
            heartbeat=None if self.heartbeat is None else int(self.heartbeat),
            tls=(self.tls or Tls()) if is_tls else None,
        )

    def _address_flaws(self) -> Iterator[Flaw]:
        if self.hosts is not None and not self.hosts:
            yield Flaw(("hosts",), "no host is listed")
        if (self.url is None) == (self.hosts is None):
            message = "neither 'url' nor 'hosts'" if self.url is None else "both 'url' and 'hosts'"
            hint = "for example url: amqp://guest:guest@localhost:5672/"
            yield Flaw(("hosts",) if self.hosts is not None else (), message, hint)
        if self.url is not None and not isinstance(self.url, Template):
            yield from self._url_flaws(self.url)
        for index, host in enumerate(self.hosts or []):
            if not isinstance(host, Template):
                try:
                    parse_host(host, is_tls=self._is_tls)
                except ValueError as error:
                    yield Flaw(("hosts", index), str(error), "for example rabbit-1:5672")

    def _url_flaws(self, text: str) -> Iterator[Flaw]:
        try:
            url = parse_url(text)
        except ValueError as error:
            meant = with_scheme(text, "amqp")
            hint = "for example amqp://user:password@localhost:5672/vhost"
            if meant is not None and "must begin" in str(error):
                hint = f"write: url: {meant}"
            yield Flaw(("url",), str(error), hint)
            return
        for name in _LOGIN_TEXTS:
            if getattr(self, name) is not None and getattr(url, name) is not None:
                yield Flaw((name,), f"'{name}' stands in the url as well", "keep one of the two")
        enabled = self.tls.enabled if self.tls is not None else None
        if url.is_tls and enabled is False:
            yield Flaw(("tls", "enabled"), "amqps:// is TLS", "write amqp://")
        if not url.is_tls and self.tls is not None and enabled is not False:
            yield Flaw(("tls",), "amqp:// is without TLS", "write amqps://")

    def _route_flaws(self) -> Iterator[Flaw]:
        if self.queue is None:
            if not self.exchange and not self.routing_key:
                hint = "queue: jobs, or exchange: events"
                yield Flaw((), "neither 'queue' nor 'exchange' nor 'routing_key'", hint)
            return
        if self.exchange:
            yield Flaw(("queue",), "both 'queue' and 'exchange'", "keep one of them")
        if self.routing_key is not None and self.routing_key != self.queue:
            hint = "keep one of them"
            yield Flaw(("queue",), "both 'queue' and another 'routing_key'", hint)
        if not self.queue:
            yield Flaw(("queue",), "must not be empty")


class RabbitmqSettings(Settings, kw_only=True, frozen=True):
    """RabbitMQ has no settings beside the defaults of its target block."""


@lru_cache(maxsize=256)  # each outcome names its target
def _shown(url: str) -> str:
    return mask_urls(url)


def _is_heartbeat(seconds: float) -> bool:
    return seconds == int(seconds) and seconds <= _LONGEST_HEARTBEAT
