#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On a terminal: progress is drawn and removed, names cannot drive it, and the
# passphrase is asked for without echo. In a pipe: none of that.
. "$(dirname "$0")/lib.sh"
command -v script >/dev/null || skip 'no script(1)'

export TERM=xterm
# on_tty COMMAND: runs the shell command on a terminal; what it shows goes to
# $T/screen. Input comes from our standard input.
on_tty() { script -q -e -c "$1" "$T/screen" >/dev/null; }
ESC=$(printf '\033')
CR=$(printf '\r')

make_vault
mkdir "$T/src"
evil=$(printf 'evil\033]0;title\007\302\233m\nend')
echo x >"$T/src/$evil"
echo y >"$T/src/plain"
echo z >"$T/src/$(printf 'gr\303\274n')"

step 'progress on a terminal, removed at the end'
on_tty "'$ABRI' backup '$T/src'" </dev/null || fail 'backup on a terminal'
grep -q "${CR}\[0:00\]" "$T/screen" || fail 'no progress was drawn'
grep -q "${CR}${ESC}\[K" "$T/screen" || fail 'the progress line was not removed'
grep -q 'snapshot .* saved' "$T/screen" || fail 'no summary'
# What is left of each line behind the last removal holds no progress.
sed "s/.*${ESC}\[K//" "$T/screen" | grep -q '^\[0:' && fail 'progress is left on the screen'

step 'problems are whole lines between two drawings'
expect_status 3 env LD_PRELOAD="${2:?}" ABRI_TEST_VANISH=plain ASAN_OPTIONS=verify_asan_link_order=0 \
    "$ABRI" backup -f "$T/src"
echo y >"$T/src/plain"
on_tty "LD_PRELOAD='$2' ABRI_TEST_VANISH=plain ASAN_OPTIONS=verify_asan_link_order=0 '$ABRI' backup -f '$T/src'" </dev/null &&
    fail 'the problem made no difference'
sed "s/.*${ESC}\[K//" "$T/screen" | grep -q "^abri: $T/src/plain: " || fail 'the problem is not a line of its own'

step 'none if it is unwanted'
for quiet in "'$ABRI' -q backup '$T/src'" "TERM=dumb '$ABRI' backup '$T/src'" \
    "'$ABRI' backup '$T/src' 2>/dev/null"; do
    on_tty "$quiet" </dev/null || fail "$quiet"
    grep -q "${CR}\[0:" "$T/screen" && fail "progress in spite of: $quiet"
done
expect_status 0 "$ABRI" backup "$T/src"
expect_no_grep "$ESC" "$T/out"
[ -s "$T/err" ] && fail 'words on stderr'

step 'a narrow terminal is not overrun'
on_tty "stty cols 20; '$ABRI' backup '$T/src'" </dev/null
tr '\r' '\n' <"$T/screen" | sed -n "s/^\(\[0:.*\)${ESC}\[K.*/\1/p" >"$T/drawn"
[ -s "$T/drawn" ] || fail 'nothing was drawn'
awk 'length($0) > 19 { exit 1 }' "$T/drawn" || fail 'wider than the terminal'

step 'names cannot drive the terminal'
on_tty "'$ABRI' ls 'latest:$T/src'" </dev/null
grep -q "$ESC" "$T/screen" && fail 'an escape reached the terminal'
grep -q 'evil\\x1b\]0;title\\x07\\xc2\\x9bm\\x0aend' "$T/screen" || fail 'the name is not shown escaped'
grep -q "$(printf 'gr\303\274n')" "$T/screen" || fail 'a harmless name was escaped'
expect_status 0 "$ABRI" ls "latest:$T/src"
grep -q "$ESC" "$T/out" || fail 'a pipe gets names as they are'

step 'the passphrase is asked for, without echo'
unset ABRI_PASSPHRASE
mkfifo "$T/keys"
# typed COMMAND ANSWER…: types an answer each time it is asked
typed() {
    command=$1
    shift
    : >"$T/screen"
    # What a shell starts in the background ignores SIGINT unless told otherwise.
    env --default-signal=INT script -q -e -f -c "trap : INT; $command; echo status=\$?" "$T/screen" >/dev/null <"$T/keys" &
    typist=$!
    exec 7>"$T/keys"
    asked=0
    for answer in "$@"; do
        asked=$((asked + 1))
        tries=0
        until [ "$(grep -o 'of the vault: \|new vault: \|passphrase again: ' "$T/screen" | wc -l)" -ge "$asked" ]; do
            tries=$((tries + 1))
            [ "$tries" -lt 20000 ] && kill -0 "$typist" 2>/dev/null || break
        done
        # Echo is off before the question is written.
        printf "$answer" >&7
    done
    wait "$typist"
    exec 7>&-
}
typed "'$ABRI' snapshots" 'correct horse\n'
grep -q '^status=0' "$T/screen" || { cat "$T/screen"; fail 'the right passphrase'; }
grep -q 'correct horse' "$T/screen" && fail 'the passphrase was echoed'

step 'three attempts'
typed "'$ABRI' snapshots" 'wrong\n' 'correct horse\n'
grep -q '^status=0' "$T/screen" || { cat "$T/screen"; fail 'the second attempt'; }
typed "'$ABRI' snapshots" 'wrong\n' 'wrong\n' 'wrong\n'
grep -q '^status=12' "$T/screen" || { cat "$T/screen"; fail 'after three attempts'; }

step 'a new vault asks twice'
typed "'$ABRI' -r '$T/v2' init --kdf-memory 1" 'secret\n' 'secret\n'
grep -q '^status=0' "$T/screen" || { cat "$T/screen"; fail 'init'; }
typed "'$ABRI' -r '$T/v3' init --kdf-memory 1" 'secret\n' 'sacred\n'
grep -q '^status=2' "$T/screen" || { cat "$T/screen"; fail 'two that differ'; }
grep -q differ "$T/screen" || fail 'nothing was said about the difference'

step 'interrupted at the prompt: the terminal echoes again'
typed "'$ABRI' snapshots; echo left=\$?; stty -a | grep -o -- '-\\?echo\\b'" '\003'
grep -q "^left=130" "$T/screen" || { cat "$T/screen"; fail 'status after an interruption'; }
grep -q "^echo" "$T/screen" || { cat "$T/screen"; fail 'echo is still off'; }
