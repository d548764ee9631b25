# bash completion for chatctl: the candidates come from `chatctl __complete`.
# shellcheck shell=bash disable=SC2154

# A candidate as it must stand behind that quote; without one, what is special in it is escaped.
_chatctl_quoted() {
    case $1 in
    \') REPLY=${2//\'/\'\\\'\'} ;;
    \")
        REPLY=${2//\\/\\\\}
        REPLY=${REPLY//\"/\\\"}
        REPLY=${REPLY//\$/\\\$}
        REPLY=${REPLY//\`/\\\`}
        ;;
    *) REPLY=$2 && [[ $2 != *[!A-Za-z0-9_.,:@%+=/-]* ]] || printf -v REPLY %q "$2" ;;
    esac
}

_chatctl() {
    local cur prev words cword line REPLY value
    COMPREPLY=()
    declare -F _get_comp_words_by_ref >/dev/null || return 0
    _get_comp_words_by_ref -n =: cur prev words cword
    value=$cur # where a quote may be open: behind --option= too
    [[ $cur == --*=* ]] && value=${cur#*=}
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            [[ $cur == --*=* ]] && cur=${cur#*=}
            _filedir
            return 0
        fi
        line=${line%%$'\t'*}
        _chatctl_quoted "${value:0:1}" "$line"
        COMPREPLY+=("$REPLY")
    done < <("$1" __complete --quoted "${words[@]:1:cword}" 2>/dev/null)
    # readline replaces only what stands behind the last = or :
    if [[ $cur == --*=* && $COMP_WORDBREAKS == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${cur%%=*}="}")
    else
        __ltrim_colon_completions "$cur"
    fi
}
complete -F _chatctl chatctl
