"""What the help of a command says beside its options, from its docstring and its parameters.

A docstring may end with the paragraphs `Environment:` and `Examples:`, whose lines stay as they
are. The variables that options stand for are added.
"""

from inspect import cleandoc

from chronos_cli.cli.arguments import Command, parameters_of

_SECTIONS = ("Environment:", "Examples:")
_TRACES = (
    "  OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "                     where traces go; OTEL_EXPORTER_OTLP_PROTOCOL and",
    "                     OTEL_EXPORTER_OTLP_TRACES_PROTOCOL say how",
    "  OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER",
    "                     true, none: no traces",
)
# The variables that an option of this name stands for.
_VARIABLES = {
    "config": (
        "  CHRONOS_CONFIG     the chronos.yaml, where --config names none",
        "  XDG_CONFIG_HOME    has chronos/chronos.yaml, the last one that is looked for",
    ),
    "env_file": ("  any                what ${…} in job files and chronos.yaml names",),
    "state": (
        "  XDG_STATE_HOME     has chronos/state.sqlite; default: ~/.local/state",
        "  NO_COLOR           no colours on a terminal",
        "  FORCE_COLOR        colours off a terminal, too",
    ),
    "dry_run": (
        "  TRACEPARENT        a trace to continue, with TRACESTATE",
        "  GITHUB_ACTIONS     true: annotations, with paths from GITHUB_WORKSPACE on,",
        "                     and a table in the file of GITHUB_STEP_SUMMARY",
        *_TRACES,
    ),
    "grace": (
        "  JOURNAL_STREAM     set by systemd: lines begin with their priority",
        *_TRACES,
    ),
}


def text_of(command: Command) -> str:
    """Return what a command does, and its exit codes."""
    return "\n\n".join(one for one in _paragraphs(command) if not one.startswith(_SECTIONS))


def epilog_of(command: Command) -> str:
    """Return the variables that a command reads, and examples, for Typer: lines stay lines."""
    found = dict.fromkeys(_SECTIONS, "")
    for paragraph in _paragraphs(command):
        title, _, lines = paragraph.partition("\n")
        if title in _SECTIONS:
            found[title] = lines
    names = {parameter.name for parameter in parameters_of(command)}
    derived = [line for name, lines in _VARIABLES.items() if name in names for line in lines]
    found["Environment:"] = "\n".join([*derived, *filter(None, [found["Environment:"]])])
    return "\n\n".join(f"\b\n{title}\n{lines}" for title, lines in found.items() if lines)


def _paragraphs(command: Command) -> list[str]:
    return cleandoc(command.__doc__ or "").split("\n\n")
