"""`chronos schema`: JSON Schema for editors and checkers."""

from typing import Annotated

import typer

from chronos_cli.cli.output import Output
from chronos_cli.dispatch.registry import Registry
from chronos_cli.jobs.schema import config_schema, job_schema


def command(
    config: Annotated[
        bool, typer.Option("--chronos-yaml", help="The schema of chronos.yaml, not of job files.")
    ] = False,
) -> None:
    """Print the JSON Schema (2020-12) of job files, with all installed protocols."""
    registry = Registry()
    Output().json(config_schema(registry) if config else job_schema(registry))
