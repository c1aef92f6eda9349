#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# manual.sh ABRI MAN-DIR BASH ZSH FISH: man pages and completions know exactly the
# commands and options that --help shows, and are well made.
set -u
ABRI=$(realpath "$1") MAN=$(realpath "$2") BASH_FILE=$(realpath "$3") ZSH_FILE=$(realpath "$4") FISH_FILE=$(realpath "$5")
here=$(cd "$(dirname "$0")" && pwd)
T=$(mktemp -d "${TMPDIR:-/tmp}/abri-manual-XXXXXX") || exit 99
trap 'rm -rf "$T"' EXIT
export LC_ALL=C.UTF-8
fail() { echo "FAILED: $*" >&2; exit 1; }
same() { cmp -s "$1" "$2" || { diff "$1" "$2" >&2; fail "$3"; }; }

# Names in the list of commands of a help text.
listed() { sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\( [a-z][a-z-]*\)\{0,1\}\)  .*/\1/p'; }
"$ABRI" help | listed >"$T/top"
: >"$T/commands"
while read -r name; do
    "$ABRI" help "$name" | listed >"$T/verbs"
    if [ -s "$T/verbs" ]; then cat "$T/verbs"; else echo "$name"; fi >>"$T/commands"
done <"$T/top"
[ "$(wc -l <"$T/commands")" -gt 10 ] || fail 'no commands?'

# Once for each command, in $T/options-key-add for "key add": the options of its help;
# and with "+off" those that switch off, which are what the program understands so.
file_of() { echo "$T/options-$(echo "$1" | tr ' ' '-')"; }
understood() { # shellcheck disable=SC2086
    "$ABRI" $1 "$2" --help >/dev/null 2>&1 && echo "$2"
}
# read_offs COMMAND: of a help text, what switches off its flags (that take no value).
read_offs() {
    while read -r option arg; do
        [ -z "$arg" ] || continue
        case $option in
        --no-*) understood "$1" "--${option#--no-}" ;;
        *) understood "$1" "--no-${option#--}" ;;
        esac
    done
}
as_options() { sed -n 's/^  \(-., \|    \)--\([a-z][a-z-]*\)\( [^ ].*\)\{0,1\}.*/--\2\3/p'; }
"$ABRI" help | as_options >"$T/global"
read_offs '' <"$T/global" >"$T/global+off"
read_options() {
    # shellcheck disable=SC2086
    "$ABRI" help $1 >"$T/help"
    as_options <"$T/help" | sed 's/ .*//' | LC_ALL=C sort -u >"$(file_of "$1")"
    sed -n '/^Options:/,/^Options of every/p' "$T/help" | as_options | read_offs "$1" |
        LC_ALL=C sort -u "$(file_of "$1")" "$T/global+off" - >"$(file_of "$1")+off"
}
while read -r name; do read_options "$name"; done <"$T/commands"
grep -qx -e --no-one-file-system "$T/options-backup+off" || fail 'backup understands no --no-one-file-system'

echo '- man pages'
ls "$MAN" | LC_ALL=C sort >"$T/pages"
{ echo abri.1; sed 's/ /-/; s/.*/abri-&.1/' "$T/commands"; } | LC_ALL=C sort >"$T/wanted"
same "$T/wanted" "$T/pages" 'pages and commands'
while read -r name; do
    page="$MAN/abri-$(echo "$name" | tr ' ' '-').1"
    sed -n '/^\.TP/{n;s/\\-/-/g;s/\\fB-.\\fR, //;s/^\\fB\(--[a-z-]*\)\\fR.*/\1/p;}' "$page" | LC_ALL=C sort -u >"$T/found"
    same "$(file_of "$name")" "$T/found" "options of $page"
    grep -q "^abri\\\\-$(echo "$name" | sed 's/[ -]/\\\\-/g') " "$page" || fail "name of $page"
    sed 's/\\-/-/g' "$MAN/abri.1" | grep -q "^\.B $name\$" || fail "abri.1 does not list $name"
done <"$T/commands"
if command -v mandoc >/dev/null; then
    mandoc -T lint "$MAN"/*.1 >"$T/lint" 2>&1 || true
    [ ! -s "$T/lint" ] || { head "$T/lint" >&2; fail 'mandoc complains'; }
fi
if command -v groff >/dev/null; then
    for page in "$MAN"/*.1; do
        groff -K utf8 -T utf8 -man -ww "$page" 2>&1 >/dev/null | head -n 3 >"$T/lint"
        [ ! -s "$T/lint" ] || { cat "$T/lint" >&2; fail "groff complains about $page"; }
    done
fi

echo '- bash'
offers_bash() { bash "$here/bash-complete.bash" "$BASH_FILE" "$@" | LC_ALL=C sort -u; }
bash -n "$BASH_FILE" || fail 'syntax'
offers_bash abri '' >"$T/found"
LC_ALL=C sort "$T/top" >"$T/wanted"
same "$T/wanted" "$T/found" 'commands in bash'
while read -r name; do
    # shellcheck disable=SC2086
    offers_bash abri -r /some/where $name --vault x -- >"$T/found"
    same "$(file_of "$name")+off" "$T/found" "bash, options of $name"
done <"$T/commands"
mkdir "$T/dir" && : >"$T/dir-file"
[ "$(cd "$T" && offers_bash abri restore --target dir)" = dir ] || fail 'bash: directories for --target'
[ "$(cd "$T" && offers_bash abri backup dir | tr '\n' ' ')" = 'dir dir-file ' ] || fail 'bash: paths'
[ "$(offers_bash abri restore --overwrite if- | tr '\n' ' ')" = 'if-changed if-newer ' ] || fail 'bash: choices'
offers_bash abri help exi | grep -qx exit-codes || fail 'bash: topics'
[ -z "$(offers_bash abri restore --threads '' | tr -d '\n')" ] || fail 'bash: a number has no completion'

if command -v fish >/dev/null; then
    echo '- fish'
    offers_fish() { HOME=$T fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$FISH_FILE" "$1" | cut -f 1 | LC_ALL=C sort -u; }
    offers_fish 'abri ' >"$T/found"
    LC_ALL=C sort "$T/top" >"$T/wanted"
    same "$T/wanted" "$T/found" 'commands in fish'
    while read -r name; do
        offers_fish "abri $name --" >"$T/found"
        same "$(file_of "$name")+off" "$T/found" "fish, options of $name"
    done <"$T/commands"
    [ "$(offers_fish 'abri restore --overwrite if-' | tr '\n' ' ')" = 'if-changed if-newer ' ] || fail 'fish: choices'
    (cd "$T" && offers_fish 'abri backup dir-') | grep -qx dir-file || fail 'fish: paths'
fi

if command -v zsh >/dev/null; then
    echo '- zsh'
    zsh -n "$ZSH_FILE" || fail 'syntax'
    mkdir "$T/hits"
    { echo 'abri .'; sed 's/.*/abri & --./' "$T/commands"; } >"$T/lines" # a dot ends each
    ZDOTDIR=$T zsh -f "$here/zsh-complete.zsh" "$(dirname "$ZSH_FILE")" "$T/lines" "$T/hits" </dev/null >"$T/zsh.log" 2>&1
    hits() { sed -n 's/^HIT:\(.*\):$/\1/p' "$T/hits/$1" | LC_ALL=C sort -u >"$T/found"; }
    hits 1
    LC_ALL=C sort "$T/top" >"$T/wanted"
    same "$T/wanted" "$T/found" "commands in zsh: $(cat "$T/zsh.log")"
    line=1
    while read -r name; do
        line=$((line + 1))
        hits "$line"
        same "$(file_of "$name")+off" "$T/found" "zsh, options of $name: $(cat "$T/zsh.log")"
    done <"$T/commands"
fi
