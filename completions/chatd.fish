# fish completion for chatd and chattui: the options come from `PROGRAM --list-options`.

function __chat_options
    set -l words (commandline -opc)
    set -l last (string replace -r '^--' '' -- $words[-1])
    set -l offers
    for line in ($words[1] --list-options 2>/dev/null)
        set -l fields (string split \t -- $line)
        test -n "$fields[6]"; or continue
        if test "$fields[1]" = "$last"; and test "$fields[3]" != bool
            switch $fields[3]
                case choice
                    string split '|' -- $fields[4]
                case '*'
                    test $fields[4] = FILE; and __fish_complete_path (commandline -ct)
            end
            return
        end
        set -a offers --$fields[1] $fields[6]
    end
    set -q offers[1]; and printf '%s\t%s\n' $offers
end

for program in chatd chattui
    complete -c $program -f -a '(__chat_options)'
end
