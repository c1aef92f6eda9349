#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Machines watch the log of their server: one that is put back, cut, edited, signed anew or shown in two forms is
# found by the machines that it serves, at their next contact; what they back up is stored all the same.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
FORGE=${5:?the forger}

S="$T/src"
mkdir -p "$S"
seq 1 5000 >"$S/text"

# dir_of NAME: its identity; seen NAME: how many entries it saw
dir_of() { echo "$T/$1/servers"/*; }
seen() { sed -n 2p "$(dir_of "$1")/checkpoint"; }
evidence() { find "$(dir_of "$1")" -name 'log-evidence-*' | wc -l; }
# The same names and identities, another state of the server.
swap() { # AWAY BACK
    server_stop
    mv "$ROOT" "$T/$1"
    cp -a "$T/$2" "$ROOT"
    server_start
}
# caught NAME PATTERN: a backup is stored, and ends with the error and the evidence
caught() {
    before=$(evidence "$1")
    kept=$(cat "$(dir_of "$1")/checkpoint")
    expect_status 1 as "$1" backup "$S"
    expect_grep 'snapshot [0-9a-f]* saved' "$T/out"
    expect_one_error
    expect_grep "$2" "$T/err"
    [ "$(evidence "$1")" -gt "$before" ] || fail 'no new evidence'
    file=$(sed -n "s/.*Both sides are in '\([^']*\)'.*/\1/p" "$T/err")
    [ -s "$file" ] || fail 'the message does not name the evidence'
    expect_grep "$(sed -n 3p "$(dir_of "$1")/checkpoint" | cut -c1-20)" "$file"
    expect_equal "$(cat "$(dir_of "$1")/checkpoint")" "$kept" 'what was kept'
}

step 'an enrolled machine keeps what it saw, and its server has its signature'
server_with_tenant
enrol_machine web '"restore":true'
enrol_machine db '"restore":true'
first=$(seen web)
expect_status 0 as web backup "$S"
expect_status 0 as web backup "$S"
[ "$(seen web)" -gt "$first" ] || fail 'the kept checkpoint did not move on'
expect_equal "$(stat -c %a "$(dir_of web)/witness.key")" 600
grep -q '"log_key"' "$(dir_of web)/identity.json" || fail 'the key of the log is not pinned'
[ "$(grep -c '^— witness' "$(dir_of web)/checkpoint")" -ge 1 ] || fail 'not signed by this machine'
grep -q "$(sed -n 's/^— \(witness[^ ]*\) .*/\1/p' "$(dir_of web)/checkpoint" | head -n 1)" "$ROOT/log/cosigned" ||
    fail 'the server has not the cosignature'
for name in web db; do # an identity without what this needs learns and makes it
    jq 'del(.log_key)' "$(dir_of $name)/identity.json" >"$T/identity" && cp "$T/identity" "$(dir_of $name)/identity.json"
    rm "$(dir_of $name)/witness.key"
    expect_status 0 as $name snapshots
    [ ! -s "$T/err" ] || fail 'it did not mend'
    grep -q '"log_key"' "$(dir_of $name)/identity.json" || fail 'the key of the log was not learnt'
done
expect_status 0 as web log checkpoint
grep -q "$(sed -n 's/^— \(witness[^ ]*\) .*/\1/p' "$(dir_of web)/checkpoint" | tail -n 1)" "$ROOT/log/cosigned" ||
    fail 'the new key is not known'

step 'a server that was put back from a copy'
server_stop
cp -a "$ROOT" "$T/copy"
server_start
for i in 1 2 3; do expect_status 0 as web backup "$S"; done
expect_status 0 call GET /v1/tenants
swap later copy
caught web 'rolled back: it had [0-9]* entries with root'
caught web 'rolled back\|forked' # it grew meanwhile
expect_status 1 as web snapshots
expect_grep 'snapshots$' "$T/out"
expect_status 0 as web restore latest --target "$T/back"
expect_grep 'rolled back\|forked' "$T/err"
expect_same_tree "$S" "$T/back$S"
expect_status 1 as web --json backup "$S"
expect_equal "$(jq -r 'select(.message_type == "error") | .class' "$T/err")" damaged
expect_status 1 call GET /v1/tenants
expect_grep 'rolled back\|forked' "$T/err"

step 'the server as it was is believed again; an honest copy by removing what was kept'
swap copied later
expect_status 0 as web backup "$S"
expect_status 0 call GET /v1/tenants
server_stop
cp -a "$ROOT" "$T/good"
server_start

step 'the tail of the log is cut'
server_stop
expect_status 0 "$FORGE" "$ROOT" keep=18
server_start
caught web 'rolled back'
rm "$(dir_of web)/checkpoint"
expect_status 0 as web backup "$S"

step 'one byte of an entry is another, and everything is signed anew'
server_stop && rm -rf "$ROOT" && cp -a "$T/good" "$ROOT" && server_start
rm "$(dir_of web)/checkpoint"
expect_status 0 as web backup "$S"
server_stop
expect_status 0 "$FORGE" "$ROOT" edit=15
server_start
caught web 'forked'

step 'a log of another key'
server_stop && rm -rf "$ROOT" && cp -a "$T/good" "$ROOT" && server_start
rm "$(dir_of web)/checkpoint"
expect_status 0 as web backup "$S"
server_stop
expect_status 0 "$FORGE" "$ROOT" key=new add=20
server_start
caught web 'not the one of its enrolment'

step 'two logs, shown in turn to two machines'
server_stop && rm -rf "$ROOT" && cp -a "$T/good" "$ROOT"
cp -a "$T/good" "$T/other"
expect_status 0 "$FORGE" "$T/other" edit=14 add=40
for name in web db; do rm -f "$(dir_of $name)/checkpoint"; done
rm -f "$OWNER"/servers/*/checkpoint
server_start
expect_status 0 as web backup "$S"
swap one other
expect_status 0 as db backup "$S"
caught web 'forked'
swap two one
caught db 'rolled back\|forked'
expect_status 0 as web backup "$S"

step 'an entry that was changed on the disk alone is never proved'
server_stop && rm -rf "$ROOT" && cp -a "$T/good" "$ROOT" && server_start
rm -f "$(dir_of web)/checkpoint"
expect_status 0 as web log prove latest -o "$T/before"
entry=$(sed -n 's/^index //p' "$T/before")
server_stop
bundle=$(find "$ROOT/log" -path '*entries*' -type f | head -n 1)
[ -n "$bundle" ] || bundle=$(grep -rl '"kind":"snapshot"' "$ROOT/log" | head -n 1)
for file in $(grep -rl '"kind":"snapshot"' "$ROOT/log"); do sed -i 's/"sequence":\([0-9]\)/"sequence":9/g' "$file"; done
if "$ABRID" --root "$ROOT" --listen 127.0.0.1:1 >"$T/out" 2>"$T/err"; then fail 'it serves a log that does not hash'; fi
[ -n "$entry" ] || fail 'no entry'

step 'a server that cannot be asked is no reason to fail'
rm -rf "$ROOT" && cp -a "$T/good" "$ROOT" && server_start
rm -f "$(dir_of web)/checkpoint"
expect_status 0 as web backup "$S"
for tile in $(find "$ROOT/log/tile" -type f -not -path '*entries*'); do : >"$tile"; done
expect_status 0 as web backup "$S"
: >"$(dir_of web)/checkpoint"
expect_status 0 as web backup "$S"
expect_grep 'could not be looked at' "$T/err"
expect_grep 'does not hold what this machine saw' "$T/err"
rm "$(dir_of web)/checkpoint"
kill -9 "$SERVER_PID"
wait "$SERVER_PID" 2>/dev/null
SERVER_PID=
expect_status 14 as web backup "$S"
expect_grep 'trying again for up to' "$T/err" # it may be starting
expect_equal "$(grep -c '^abri: .*cannot be reached' "$T/err")" 2
