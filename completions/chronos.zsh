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
