"""Whoever collects traces, as the environment names him; imported only where it does."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from chronos_cli.clock import Clock
from chronos_cli.redact import Redactor

if TYPE_CHECKING:
    from chronos_cli.dispatch.telemetry import Telemetry

# The one that the extra brings.
_PROTOCOL = "http/protobuf"


def open_telemetry(
    environment: Mapping[str, str], clock: Clock, redactor: Redactor, warn: Callable[[str], None]
) -> "Telemetry | None":
    """Return what passes spans on; None, and a warning why, where that cannot be.

    `warn` is called once at most, now or later, in the event loop that runs now.
    """
    asked = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
    asked = asked or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL") or _PROTOCOL
    if asked != _PROTOCOL:
        advice = f"set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL={_PROTOCOL}, and the endpoint for it"
        warn(f"traces are not collected: they leave by {_PROTOCOL}, not by {asked}; {advice}")
        return None
    try:
        from chronos_cli.dispatch.telemetry import Telemetry

        return Telemetry(clock, redactor, warn)
    except ModuleNotFoundError as error:
        from chronos_cli.dispatch.install import OWN_PACKAGE, install_command

        command = install_command(OWN_PACKAGE, "otel")
        warn(f"traces are not collected: '{error.name}' is not installed; run: {command}")
    except Exception as error:  # noqa: BLE001 - a variable that the SDK cannot read, for example
        warn(f"traces are not collected: {type(error).__name__}: {error}")
    return None
