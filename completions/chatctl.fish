# fish completion for chatctl: the candidates come from `chatctl __complete`.

function __chatctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l plain (string unescape -- $current 2>/dev/null)
    or set plain $current
    set -l found ($words[1] __complete $words[2..-1] "$plain" 2>/dev/null)
    if contains -- :files $found
        __fish_complete_path $current
    else
        printf '%s\n' $found
    end
end

complete -c chatctl -f -a '(__chatctl_complete)'
