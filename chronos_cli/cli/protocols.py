"""`chronos protocols`: which protocols are installed."""

from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.output import Output
from chronos_cli.dispatch.registry import Registry


def command() -> ExitCode:
    """List the installed protocols: target block, protocol, package.

    Exit codes: 0 listed, 2 usage.

    Examples:
      chronos protocols
    """
    registry = Registry()
    rows = []
    for key in registry.target_keys():
        try:
            protocol = registry.kind(key).protocol
        except ImportError as error:
            protocol = f"broken: {error}"
        rows.append((key, protocol, registry.distribution(key)))
    for key, protocol, distribution in rows:
        Output().result(f"{key:<12} {protocol:<12} {distribution}\n")
    return ExitCode.SUCCESS
