function __chronos_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (env _CHRONOS_COMPLETE=fish $words[1] $words[2..-1] "$current" 2>/dev/null)
    if test "$lines[1]" = files
        __fish_complete_path "$current"
    else
        printf '%s\n' $lines[2..-1]
    end
end

complete --command chronos --no-files --arguments '(__chronos_complete)'
