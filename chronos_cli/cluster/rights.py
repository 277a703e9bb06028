"""Whether this host's user may do all that it will have to do: asked before it is due."""

from chronos_cli.cluster.api import EXPECTED, Api, RefusedError
from chronos_cli.cluster.link import INBOX, NoAnswerError, NoRightError
from chronos_cli.cluster.names import CONSUMER, PROBE, Names
from chronos_cli.errors import StateError

# No stream has come so far: what expects it is refused, and changes nothing.
_NEVER = str(2**53)
_NOWHERE = f"{INBOX}.nowhere"


async def require_rights(api: Api, names: Names) -> None:
    """Try every subject in a way that does nothing; raises StateError, naming one refused."""
    refused = await _refused(api, names)
    if refused:
        raise StateError(
            f"--cluster: this user lacks a right: {refused}; docs/cluster.md lists all"
        )


async def _refused(api: Api, names: Names) -> str | None:
    for subject in (names.probe("tick"), names.probe("outcome"), names.key("probe", "right")):
        try:
            await api.store(subject, b"", {EXPECTED: _NEVER}, limit=2.0)
        except NoRightError as error:
            return str(error)
        except (RefusedError, NoAnswerError):
            pass
    for stream in (names.ticks, names.outcomes, names.bucket):
        try:
            await api.last(stream, "none")
        except NoRightError as error:
            return str(error)
        except (RefusedError, NoAnswerError):
            pass
    await api.link.send(names.cancel(PROBE).replace("=3D", "="))
    await api.link.send(f"$JS.ACK.{names.ticks}.{CONSUMER}.{PROBE}")
    # A request that cannot be read is turned away, and hands nothing out.
    await api.link.send(f"$JS.API.CONSUMER.MSG.NEXT.{names.ticks}.{CONSUMER}", b"{", _NOWHERE)
    said = await api.link.refusals()
    return said[0].removeprefix("nats: ") if said else None
