#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How somebody becomes the first owner: who sees the token, and how long it lies where.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"

enrol() { ABRI_CONFIG_DIR="$1" "$ABRI" enrol "$URL" "$2" --name "$3"; }

step 'without a terminal: in a file for its user alone, never in the output'
server_start
first=$(bootstrap_token)
[ -n "$first" ] || fail 'no token'
expect_equal "$(stat -c %a "$ROOT/bootstrap-token")" 600
expect_equal "$(stat -c %a "$ROOT/control")" 600
expect_equal "$(stat -c %a "$ROOT")" 700
expect_grep "'$ROOT/bootstrap-token'" "$T/server.out"
! grep -q "$first" "$T/server.out" "$T/server.err" || fail 'the token is in the output'

step 'a restart makes a new one; the old one is good for nothing'
server_stop
rm "$T/bootstrap"
server_start
second=$(bootstrap_token)
[ "$first" != "$second" ] || fail 'the same token'
expect_status 13 enrol "$T/thief" "$first" thief

step 'abrid --new-owner-token asks the one that runs; the file goes'
expect_status 0 "$ABRID" --new-owner-token --root "$ROOT"
third=$(sed -n 's/^abri enrol https:[^ ]* \(abri-.*\)$/\1/p' "$T/out")
[ -n "$third" ] || fail 'no token'
[ ! -e "$ROOT/bootstrap-token" ] || fail 'the old token is still in its file'
expect_status 13 enrol "$T/thief" "$second" thief
expect_grep 'a new token for the first owner was made' "$T/server.err"
! grep -q "$third" "$T/server.err" || fail 'the token is in the log'
expect_status 2 "$ABRID" --new-owner-token

step 'who else asks is not heard'
if [ "$IS_ROOT" = yes ] && command -v setpriv >/dev/null; then
    chmod 711 "$T" "$ROOT"
    chmod 666 "$ROOT/control" # the mode alone would stop them; who calls is asked, too
    cp "$ABRID" "$T/abrid-copy"
    LSAN_OPTIONS=detect_leaks=0 expect_status 1 setpriv --reuid 65534 --regid 65534 --clear-groups "$T/abrid-copy" --new-owner-token --root "$ROOT"
    expect_grep 'only root and its own user may ask' "$T/err"
    chmod 600 "$ROOT/control"
    chmod 700 "$ROOT"
fi

step 'used: the file goes, and there is no other'
server_stop
rm -f "$T/bootstrap"
server_start
last=$(bootstrap_token)
expect_status 0 enrol "$OWNER" "$last" chief
until [ ! -e "$ROOT/bootstrap-token" ]; do kill -0 "$SERVER_PID" || fail 'abrid ended'; done
expect_status 13 "$ABRID" --new-owner-token --root "$ROOT"
expect_grep 'there is an owner' "$T/err"
server_stop
touch "$ROOT/bootstrap-token"
server_start
[ ! -e "$ROOT/bootstrap-token" ] || fail 'an old file of a token is left'
server_stop
expect_status 14 "$ABRID" --new-owner-token --root "$ROOT"
expect_grep 'no abrid serves' "$T/err"

step 'on a terminal: there, and nowhere else'
cat >"$T/on-terminal.sh" <<X
"$ABRID" --root "$T/tty-root" --listen 127.0.0.1:0 & echo \$! >"$T/tty-pid"; wait
X
: >"$T/tty-out"
script -qfec "sh $T/on-terminal.sh" "$T/tty-out" >/dev/null 2>&1 </dev/null &
script=$!
until grep -q 'abri enrol' "$T/tty-out"; do kill -0 "$script" || fail 'script ended'; done
grep -q 'abri enrol https://127.0.0.1:[0-9]* abri-' "$T/tty-out" || fail 'no token on the terminal'
[ ! -e "$T/tty-root/bootstrap-token" ] || fail 'and in a file, too'
kill "$(cat "$T/tty-pid")"
wait "$script"

step 'a root with a long path'
long=$T/$(head -c 100 /dev/zero | tr '\0' x)/$(head -c 100 /dev/zero | tr '\0' y)
mkdir -p "$long"
ROOT=$long/root PORT=0
server_start
expect_status 0 "$ABRID" --new-owner-token --root "$ROOT"
expect_grep '^abri enrol ' "$T/out"
server_stop
