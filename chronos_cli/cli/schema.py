"""`chronos schema`: JSON Schema for editors and checkers."""

from enum import StrEnum
from typing import Annotated

from chronos_cli.cli.arguments import option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.output import Output
from chronos_cli.dispatch.registry import Registry
from chronos_cli.jobs.reference import reference
from chronos_cli.jobs.schema import config_schema, job_schema


class SchemaFormat(StrEnum):
    """How the keys are described."""

    JSON = "json"
    MARKDOWN = "markdown"


def command(
    config: Annotated[
        bool, option("--chronos-yaml", help="The schema of chronos.yaml, not of job files.")
    ] = False,
    output: Annotated[
        SchemaFormat, option("--output", "-o", help="JSON Schema, or tables of all keys.")
    ] = SchemaFormat.JSON,
) -> ExitCode:
    """Print the JSON Schema (2020-12) of job files, with all installed protocols.

    Exit codes: 0 printed, 2 usage.

    Examples:
      chronos schema > job.schema.json
      chronos schema --chronos-yaml > chronos.schema.json
    """
    registry = Registry()
    if output is SchemaFormat.MARKDOWN:
        Output().result(reference(registry))
    else:
        Output().json(config_schema(registry) if config else job_schema(registry))
    for message in registry.broken.values():
        Output().note(f"left out: {message}")
    return ExitCode.SUCCESS
