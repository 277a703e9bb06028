"""From the words of the command line and chronos.yaml to a connection."""

from msgspec import structs

from chronos_cli.cluster.link import INBOX
from chronos_cli.cluster.names import Names
from chronos_cli.cluster.streams import Plan
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import StateError, UsageError
from chronos_cli.jobs.config import Cluster
from chronos_cli.protocols.nats.login import ConnectionOptions
from chronos_cli.protocols.nats.target import Nats, NatsTls

# What JetStream is spoken to by.
_PROTOCOL = "nats"


def connection_of(url: str, settings: Cluster) -> ConnectionOptions:
    """Return how to connect.

    Raises UsageError for servers that cannot be, StateError for a login and without the client
    library.
    """
    if missing := Registry().missing_client(_PROTOCOL):
        raise StateError(f"--cluster: {missing}")
    tls = settings.tls
    target = Nats(
        url=url,
        subject="chronos",
        user=settings.user,
        password=settings.password,
        token=settings.token,
        credentials=settings.credentials,
        nkey_seed=settings.nkey_seed,
        inbox_prefix=INBOX,
        tls=None if tls is None else NatsTls(**structs.asdict(tls)),
    )
    for flaw in target.flaws():
        if flaw.path[:1] in {(), ("url",)}:
            raise UsageError(f"--cluster: {flaw.message}")
        hint = f" ({flaw.hint})" if flaw.hint else ""
        raise StateError(f"chronos.yaml: scheduler.cluster: {flaw.message}{hint}")
    return ConnectionOptions.of(target)


def plan_of(settings: Cluster) -> Plan:
    """Return what a group needs on its servers; StateError for a group that has no good name."""
    names = Names.of(settings.group)
    return Plan(names, settings.ack_wait, settings.max_age, settings.replicas)
