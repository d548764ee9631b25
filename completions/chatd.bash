# bash completion for chatd and chattui: the options come from `PROGRAM --list-options`.
# shellcheck shell=bash disable=SC2154

_chat_options() {
    local cur prev words cword name type arg
    COMPREPLY=()
    declare -F _get_comp_words_by_ref >/dev/null || return 0
    _get_comp_words_by_ref -n =: cur prev words cword
    local wanted=$prev
    [[ $cur == --*=* ]] && wanted=${cur%%=*} cur=${cur#*=}
    while IFS=$'\t' read -r name type arg; do
        if [[ $wanted == "--$name" && $type != bool ]]; then
            COMPREPLY=()
            case $type in
            choice) mapfile -t COMPREPLY < <(compgen -W "${arg//|/ }" -- "${cur#[\"\']}") ;;
            *) [[ $arg != FILE ]] || _filedir ;;
            esac
            return 0
        fi
        [[ "--$name" != "$cur"* ]] || COMPREPLY+=("--$name")
    done < <("$1" --list-options 2>/dev/null | awk -F'\t' '$6 != "" { print $1 "\t" $3 "\t" $4 }')
}
complete -F _chat_options chatd chattui
