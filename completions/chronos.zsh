#compdef chronos

_chronos_completion() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _CHRONOS_COMPLETE=complete_zsh chronos)
}

compdef _chronos_completion chronos
