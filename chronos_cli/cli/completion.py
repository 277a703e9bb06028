"""`chronos completion`: the script that lets a shell complete the command line."""

from enum import StrEnum
from typing import Annotated

from chronos_cli.cli.arguments import argument
from chronos_cli.cli.exit_codes import ExitCode
from chronos_cli.cli.output import Output


class Shell(StrEnum):
    """The shells that are known."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


# The first line that the program prints says whether names of files are wanted, or the words below
# it. Bash hands over the line, because it takes words apart at `=` and `:`.
_BASH = """\
_chronos() {
    local lines
    mapfile -t lines < <(_CHRONOS_COMPLETE=bash "$1" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    COMPREPLY=("${lines[@]:1}")
    if [[ ${lines[0]} == files ]]; then
        compopt -o default
    fi
}

complete -F _chronos chronos
"""
_ZSH = """\
#compdef chronos

_chronos() {
    local -a lines
    lines=("${(@f)$(_CHRONOS_COMPLETE=zsh $words[1] "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ $lines[1] == files ]]; then
        _files
    elif (( $#lines > 1 )); then
        shift lines
        _describe chronos lines
    fi
}

if [[ $funcstack[1] == _chronos ]]; then
    _chronos "$@"
else
    compdef _chronos chronos
fi
"""
_FISH = """\
function __chronos_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (env _CHRONOS_COMPLETE=fish $words[1] $words[2..-1] "$current" 2>/dev/null)
    if test "$lines[1]" = files
        __fish_complete_path "$current"
    else
        printf '%s\\n' $lines[2..-1]
    end
end

complete --command chronos --no-files --arguments '(__chronos_complete)'
"""
_SCRIPTS = {Shell.BASH: _BASH, Shell.ZSH: _ZSH, Shell.FISH: _FISH}


def command(
    shell: Annotated[Shell, argument(help="The shell to write the script for.")],
) -> ExitCode:
    """Print the completion script of a shell, for its completion folder.

    Exit codes: 0 printed, 2 usage.

    Examples:
      chronos completion bash > ~/.local/share/bash-completion/completions/chronos
      chronos completion zsh > ~/.zfunc/_chronos
      chronos completion fish > ~/.config/fish/completions/chronos.fish
    """
    Output().result(_SCRIPTS[shell])
    return ExitCode.SUCCESS
