#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `abri selftest --attacks`: all of them on servers of its own, what machines can do on a given one; and sabotaged
# servers, to see that "held" is never what remains. (Unit tests in attack/ lie to those who judge.)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"

# A directory of its own for what selftest makes: it must be empty afterwards. Paths of sockets are short.
W=$(mktemp -d "${TMPDIR:-/tmp}/st-XXXXXX")
trap 'rm -rf "$W"; cleanup_server' EXIT
selftest() { env TMPDIR="$W" "$ABRI" "$@"; }
nothing_left() {
    [ -z "$(ls -A "$W")" ] || fail "selftest left $(ls -A "$W")"
}
verdict() { jq -r --arg id "$1" 'select(.message_type == "attack" and .id == $id) | .verdict' "$T/out"; }
text() { jq -r --arg id "$1" 'select(.message_type == "attack" and .id == $id) | .text' "$T/out"; }
expect_verdict() {
    [ "$(verdict "$1")" = "$2" ] || fail "$1 is '$(verdict "$1")', not '$2': $(text "$1")"
}

step 'bad input is told in one line'
for words in '' '--attacks --only A99' '--attacks --only A1,,A2' '--attacks --abrid /nonexistent' '--attacks --server https://127.0.0.1:1' \
    '--attacks --token abri-x' '--attacks --snapshots 0' '--attacks extra'; do
    # shellcheck disable=SC2086
    expect_status 2 selftest selftest $words
    expect_one_error
done
expect_status 0 selftest selftest --list
expect_equal "$(wc -l <"$T/out")" 24 'attacks'
expect_status 0 selftest --json selftest --list
expect_equal "$(jq -r 'select(.message_type == "attack_known") | .id' "$T/out" | sort -u | wc -l)" 24 'attacks'

step 'all of them hold'
expect_status 0 selftest --json selftest --attacks --seed 7 --snapshots 12 --days 16 --requests 20 --kills 4
for id in A1 A2 A4 A5 A6 A7 A9 A10 A11 A12 A13 A15 A16 A17 A18 A20 A21 A24; do
    expect_verdict $id held
done
for id in A14 A19 A22 A23; do
    expect_verdict $id not_played
done
for id in A3 A8; do
    case $(verdict $id) in held | partly) ;; *) fail "$id: $(text $id)" ;; esac
done
jq -e 'select(.message_type == "attack" and .verdict == "held") | .rpo_seconds >= 0 and .rto_seconds > 0' "$T/out" | grep -q false && fail 'a recovery without figures'
expect_equal "$(jq -r 'select(.message_type == "selftest_summary") | .broke + .not_known' "$T/out")" 0
nothing_left

step 'one line each for people'
expect_status 0 selftest selftest --attacks --only a7,A20 --seed 7
expect_equal "$(grep -c '^A[0-9]* *held  .*RPO [0-9].* RTO [0-9.]* s$' "$T/out")" 2 'lines'
nothing_left

# saboteur NAME: a program that does what its standard input says, then is abrid; "$root" is the server's directory.
saboteur() {
    {
        printf '#!/bin/sh\nroot=$3\n'
        cat
        printf 'exec "%s" "$@"\n' "$(realpath "$ABRID")"
    } >"$T/$1"
    chmod +x "$T/$1"
}

step 'what does not hold is told: packs that go, agents that forget what they saw, keys that never expire, replicas that rot'
saboteur thief <<'S'
(until [ "$(ls "$root"/vaults/*/sessions | wc -l)" -ge 3 ] || ! [ -d "$(dirname "$root")" ]; do :; done; rm "$root"/vaults/*/packs/*/*) >/dev/null 2>&1 &
S
expect_status 1 selftest --json selftest --attacks --only A1 --requests 40 --abrid "$T/thief"
expect_verdict A1 broke
saboteur forgetful <<'S'
rm -f "$(dirname "$root")"/*/servers/*/checkpoint
S
expect_status 1 selftest --json selftest --attacks --only A13,A21 --abrid "$T/forgetful"
expect_verdict A13 broke
expect_verdict A21 broke
saboteur generous <<'S'
set -- "$@" --certificate-days 90
S
expect_status 1 selftest --json selftest --attacks --only A15,A20 --abrid "$T/generous"
expect_verdict A15 broke
expect_verdict A20 held
saboteur rot <<'S'
dir=$(dirname "$root")
(until [ "$(ls "$dir"/replica/snapshots | wc -l)" -ge 2 ] || ! [ -d "$dir" ]; do :; done; rm "$dir"/replica/packs/*/*) >/dev/null 2>&1 &
S
expect_status 1 selftest --json selftest --attacks --only A11,A24 --abrid "$T/rot"
expect_verdict A11 broke
[ "$(verdict A24)" != held ] || fail 'A24 was healed from a replica without packs'
nothing_left

step 'what could not be played is not held'
saboteur dead <<'S'
exit 1
S
expect_status 1 selftest --json selftest --attacks --only A4,A17 --abrid "$T/dead"
expect_verdict A4 not_known
expect_verdict A17 not_known
nothing_left

step 'a server that dies has not held'
saboteur brief <<'S'
(until [ "$(ls "$root"/vaults/*/snapshots | wc -l)" -ge 3 ] || ! [ -d "$(dirname "$root")" ]; do :; done; kill $$) >/dev/null 2>&1 &
S
expect_status 1 selftest --json selftest --attacks --only A5 --abrid "$T/brief"
expect_verdict A5 broke
nothing_left

step 'interrupted: nothing is left'
env TMPDIR="$W" "$ABRI" selftest --attacks --only A2 --days 1000 >"$T/out" 2>"$T/err" &
pid=$!
until [ -n "$(find "$W" -name control 2>/dev/null)" ]; do kill -0 $pid || fail 'it ended'; done
kill -TERM $pid # a shell makes what it starts in the background deaf to SIGINT
wait $pid
expect_equal "$?" 130 'the status'
nothing_left

step 'a given server: what machines alone can do'
server_with_tenant
one=$(machine_token '"restore":true') two=$(machine_token '"restore":true')
before=$(cd "$ROOT" && find . -name packs | wc -l)
expect_status 0 selftest --json selftest --attacks --server "$URL" --token "$one" --token "$two" --requests 10
for id in A1 A4 A6 A7; do
    expect_verdict $id held
done
case $(verdict A8) in held | partly) ;; *) fail "A8: $(text A8)" ;; esac
for id in A2 A3 A5 A9 A10 A13 A15 A18 A21 A24; do
    expect_verdict $id not_played
    [ "$(text $id)" = 'needs a server of its own' ] || fail "$id: $(text $id)"
done
[ "$(cd "$ROOT" && find . -name packs | wc -l)" = $((before + 2)) ] || fail 'other vaults than two new ones'
expect_status 13 selftest selftest --attacks --server "$URL" --token "$one"
expect_grep 'used already' "$T/err"
expect_status 0 selftest --json selftest --attacks --server "$URL" --token "$(machine_token)" --requests 5 --only A1,A6,A7
expect_verdict A1 held
expect_verdict A6 held
expect_verdict A7 not_played
jq -e 'select(.message_type == "attack" and .id == "A1") | has("rto_seconds")' "$T/out" | grep -q true && fail 'a restore that was not allowed'
person=$(call POST /v1/tokens '{"type":"person","role":"auditor"}' | jq -r .token)
expect_status 2 selftest selftest --attacks --server "$URL" --token "$person"
expect_one_error
expect_grep 'for a person' "$T/err"
nothing_left

step 'a server in earnest has no clock to move, and never becomes one for trials'
call GET /v1/server >"$T/out"
jq -e 'has("trial") | not' "$T/out" >/dev/null || fail 'a server in earnest says that it is for trials'
/usr/bin/python3 - "$ROOT/control" >"$T/out" <<'PY'
import socket, sys
for line in (b"clock wall 9999999\n", b"clock pass 1\n", b"clock boot\n", b"upkeep\n"):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(line)
    print(s.makefile().readline(), end="")
PY
expect_equal "$(grep -c '^error .*in earnest' "$T/out")" 4 'refusals'
server_stop
expect_status 2 "$ABRID" --trial --root "$ROOT" --listen 127.0.0.1:0
expect_grep 'in earnest' "$T/err"
"$ABRID" --trial --root "$T/trial" --listen 127.0.0.1:0 >"$T/server.out" 2>>"$T/server.err" &
SERVER_PID=$!
until grep -q 'trials alone' "$T/server.out"; do kill -0 "$SERVER_PID" || fail 'it did not start'; done
curl -sk --http2 "$(sed -n 's/.*serving at \(https.*\)$/\1/p' "$T/server.out")/v1/server" | jq -e '.trial == true' >/dev/null ||
    fail 'a server for trials does not say so'
server_stop
expect_status 2 "$ABRID" --root "$T/trial" --listen 127.0.0.1:0
expect_grep 'made with --trial' "$T/err"
