#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# abrid.sh ABRID MANPAGE OPERATING CONFIG: the man page, --help, the guide and the configuration that is installed
# say the same, and each of them only what the program knows.
set -u
abrid=$1 page=$2 guide=$3 config=$4
T=$(mktemp -d "${TMPDIR:-/tmp}/abri-manual-XXXXXX") || exit 99
trap 'rm -rf "$T"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

"$abrid" --help >"$T/help" || fail 'help'
"$abrid" --manual | cmp - "$page" || fail 'the man page is not what the program says'
# Options, and keys of tables, of both.
grep -oE '^  (--)?[a-z][a-z-]*' "$T/help" | tr -d ' ' | LC_ALL=C sort >"$T/in-help"
sed -n 's/^\\fB\(.*\)/\1/p' "$page" | sed 's/\\-/-/g; s/\\fR.*//' | grep -E '^(--)?[a-z][a-z-]*$' | grep -vx abrid | LC_ALL=C sort >"$T/in-page"
[ "$(wc -l <"$T/in-help")" -ge 20 ] || fail 'too few options were found'
diff "$T/in-help" "$T/in-page" || fail '--help and the man page differ'
# Each option is taken: a word that is none is refused as such.
grep '^--' "$T/in-help" | while read -r option; do
    "$abrid" "$option=" --nonsense 2>&1 | grep -q "'$option=*' is no option" && fail "$option is not known"
done
! LC_ALL=C grep -n '.\{97\}' "$T/help" | LC_ALL=C.UTF-8 grep '.\{97\}' || fail 'long lines'
if command -v mandoc >/dev/null; then
    mandoc -T lint -W warning "$page" >"$T/lint" 2>&1
    [ ! -s "$T/lint" ] || { cat "$T/lint" >&2; fail 'mandoc complains'; }
fi
if command -v groff >/dev/null; then
    groff -man -Tutf8 -ww -Kutf8 "$page" 2>"$T/lint" >/dev/null
    [ ! -s "$T/lint" ] || { cat "$T/lint" >&2; fail 'groff complains'; }
fi
# What the guide names exists.
grep -oE '`abrid --[a-z-]+' "$guide" | grep -oE -- '--[a-z-]+' | sort -u | while read -r option; do
    grep -qx -- "$option" "$T/in-help" || fail "the guide names $option"
done || exit 1
# The installed configuration is right as it is, and with everything that stands in it as a comment.
cp "$config" "$T/abrid.toml"
"$abrid" --config "$T/abrid.toml" --check-config >"$T/out" || fail 'the installed configuration'
sed 's/^# \([a-z-]* = \|\[\)/\1/' "$config" >"$T/abrid.toml"
"$abrid" --config "$T/abrid.toml" --check-config >"$T/out" || fail 'the comments of the installed configuration'
grep -q 'listener-front' "$T/out" || fail 'no comment was opened'
