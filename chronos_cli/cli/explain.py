"""`chronos explain`: what a key means."""

import shutil
from typing import Annotated

from chronos_cli.cli.arguments import argument
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.output import Output
from chronos_cli.cli.streams import streams
from chronos_cli.dispatch.registry import Registry
from chronos_cli.jobs.explain import find_key, top_keys
from chronos_cli.report.keys import key_lines, overview_lines


def command(
    key: Annotated[
        str | None,
        argument(words="keys", metavar="[KEY]", help="Its path. Without one: the keys there are."),
    ] = None,
) -> ExitCode:
    """Say what a key of the job file or of chronos.yaml means.

    Its type, its default, what it is for, an example, and the keys below it; those of plug-ins
    too.

    Exit codes: 0 told, 2 usage: there is no such key.

    Examples:
      chronos explain
      chronos explain kafka.sasl
      chronos explain scheduler.max_concurrent_jobs
    """
    registry = Registry()
    width = shutil.get_terminal_size().columns if streams.stdout.isatty() else None
    if key is None:
        Output().result(overview_lines(top_keys(registry), width))
    else:
        Output().result(key_lines(find_key(registry, key), width))
    for message in registry.broken.values():
        Output().note(f"left out: {message}")
    return ExitCode.SUCCESS
