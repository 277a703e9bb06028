_chronos() {
    local lines
    mapfile -t lines < <(_CHRONOS_COMPLETE=bash "$1" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    COMPREPLY=("${lines[@]:1}")
    if [[ ${lines[0]} == files ]]; then
        compopt -o default
    fi
}

complete -F _chronos chronos
