# bash completion for chatctl: the candidates come from `chatctl __complete`.
# shellcheck shell=bash disable=SC2154

_chatctl() {
    local cur prev words cword line
    COMPREPLY=()
    declare -F _get_comp_words_by_ref >/dev/null || return 0
    _get_comp_words_by_ref -n =: cur prev words cword
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            [[ $cur == --*=* ]] && cur=${cur#*=}
            _filedir
            return 0
        fi
        line=${line%%$'\t'*}
        # inside of quotes a name stands as it is; else what is special is escaped
        if [[ $cur != [\'\"]* && $line == *[!A-Za-z0-9_.,:@%+=/-]* ]]; then
            printf -v line %q "$line"
        fi
        COMPREPLY+=("$line")
    done < <("$1" __complete --quoted "${words[@]:1:cword}" 2>/dev/null)
    # readline replaces only what stands behind the last = or :
    if [[ $cur == --*=* && $COMP_WORDBREAKS == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${cur%%=*}="}")
    else
        __ltrim_colon_completions "$cur"
    fi
}
complete -F _chatctl chatctl
