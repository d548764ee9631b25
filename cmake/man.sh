#!/bin/sh
# man.sh SCDOC PAGE.scd OUT [PROGRAM]: makes a man page. A line @PART@ in it becomes what
# `PROGRAM --man-part=PART` prints: what a page says of a table comes from the table. The builder's own settings don't
# count.
set -eu
scdoc=$1 page=$2 out=$3 program=${4-}

while IFS= read -r line; do
    case $line in
    @*@)
        part=${line#@}
        HOME=/nonexistent XDG_CONFIG_HOME=/nonexistent "$program" --man-part="${part%@}"
        ;;
    *) printf '%s\n' "$line" ;;
    esac
done <"$page" >"$out.scd"
"$scdoc" <"$out.scd" >"$out"
