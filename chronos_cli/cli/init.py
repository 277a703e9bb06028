"""`chronos init`: a commented job file to start from."""

from pathlib import Path
from typing import Annotated

from chronos_cli.cli.arguments import argument, option
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.output import Output
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import UsageError
from chronos_cli.files import open_to_write
from chronos_cli.jobs.model import TargetKind, loadable
from chronos_cli.jobs.outline import slug
from chronos_cli.jobs.starter import SCHEMA_FILE, starter


def command(
    path: Annotated[
        str, argument(words="files", help="The file to write, or - for stdout.")
    ] = "job.yaml",
    protocol: Annotated[
        str,
        option(
            "--protocol", metavar="P", words="protocols", help="As `chronos protocols` lists them."
        ),
    ] = "http",
    force: Annotated[bool, option("--force", help="Overwrite the file.")] = False,
) -> ExitCode:
    """Write a commented job file to start from.

    Exit codes: 0 written, 2 usage: the file is there already, or cannot be written.

    Examples:
      chronos init
      chronos init jobs/audit.yaml --protocol kafka
    """
    if path in {name for one in loadable(Registry()).items() for name in (one[0], one[1].protocol)}:
        raise UsageError(f"write: chronos init --protocol {path} (a file of that name: ./{path})")
    key, kind = _find(protocol)
    name = "my-job" if path == "-" else slug(Path(path).stem) or "my-job"
    text = starter(key, kind, name)
    if path == "-":
        Output().result(text)
        return ExitCode.SUCCESS
    try:
        mode = "w" if force else "x"
        with open(path, mode, encoding="utf-8", opener=open_to_write) as stream:
            stream.write(text)
    except FileExistsError as error:
        raise UsageError(f"{path} exists already; add --force to overwrite it") from error
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    Output().note(
        f"wrote {path}; next: chronos run {path} --dry-run\n"
        f"for your editor: chronos schema > {Path(path).parent / SCHEMA_FILE}"
    )
    return ExitCode.SUCCESS


def _find(protocol: str) -> tuple[str, TargetKind]:
    """Return a protocol by its own name or by the key of its target block."""
    registry = Registry()
    kinds = loadable(registry)
    for key, kind in kinds.items():
        if protocol.lower() in {key, kind.protocol}:
            return key, kind
    if protocol in registry.broken:
        raise UsageError(registry.broken[protocol])
    known = ", ".join(sorted(kind.protocol for kind in kinds.values()))
    raise UsageError(f"no protocol '{protocol}'; installed are: {known}")
