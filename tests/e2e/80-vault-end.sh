#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The end of a whole vault: two people, time, and everything that protects a snapshot; called off by one; finished after a
# crash anywhere; and then its id is a tombstone.
. "$(dirname "$0")/lib.sh"
RACE=${2:?usage: $0 <abri> <race.so> <maketree> <falseclock.so>}
PRELOAD=$RACE
. "$(dirname "$0")/clocks.sh"

clean_upkeep() {
    upkeep
    expect_no_grep 'upkeep of vault' "$T/server.err"
}
# ask VAULT: officer asks, op agrees; $request
ask() {
    expect_status 0 admin officer --json request delete "$1" --role security-officer --reason 'asked for on 3 May'
    request=$(jq -r .request "$T/out")
    expect_status 0 admin op approve "$request"
}
said() { call GET '/v1/log/entries?from=0&count=1000' | jq -r "[.entries[].event | select(.kind == \"$1\" and .vault == \"$V\")] | length"; }
about() { call GET "/v1/vaults/$V" | jq -r "$1"; }
# described METHOD PATH FILE: the answer is as docs/api/openapi.yaml says
described() {
    (cd "$(dirname "$0")" && /usr/bin/python3 - "$@") <<'PY' || fail "not as described: $*"
import sys
from openapi import Document
method, path, answer = sys.argv[1:]
faults = Document("../../docs/api/openapi.yaml").faults(path, method, 200, "application/json", open(answer).read())
sys.exit("\n".join(faults) or 0)
PY
}
alarm() { call GET /v1/alarms | jq -r "[.alarms[] | select(.name == \"end\" and .vault == \"$V\" and .open)][0].text"; }
newest() { as "$1" --json snapshots | jq -s '[.[] | select(.message_type == "snapshot")] | length'; }
S="$T/src"
mkdir -p "$S"
backup() { # MACHINE TEXT
    echo "$2" >"$S/file"
    expect_status 0 as "$1" backup "$S"
}
# Certificates last for 30 days, and are renewed by who comes.
renew() {
    for who in officer op op2 admin foreign; do expect_status 0 admin $who call GET /v1/self; done
    for who in web kept; do expect_status 0 as $who snapshots; done
}
# anew: the same from the log alone
anew() {
    server_stop
    rm "$ROOT/catalog.sqlite"*
    server_start
}
refused() { # MACHINE WORDS: its backup ends with one line, and at once
    expect_status 13 timeout 60 env ABRI_CONFIG_DIR="$T/$1" ABRI_CACHE_DIR="$T/cache-$1" ABRI_VAULT="$URL" "$ABRI" backup "$S"
    expect_one_error
    expect_grep "$2" "$T/err"
}

server_with_tenant
OTHER=$(call POST /v1/tenants '{"name":"Other"}' | jq -r .tenant)
person officer security-officer
person op operator
person op2 operator
person admin tenant-admin "$TENANT"
person foreign tenant-admin "$OTHER"
# floor 14 days, trash 14 days, wait 7 days
enrol_machine web '"restore":true'
enrol_machine kept '"restore":true'
for machine in web kept; do
    backup "$machine" one
    backup "$machine" two
done
V=$(vault_of web)

step 'bad input: one line each'
for bad in 'request delete' 'request delete web 1' 'request delete nobody' 'request forget web 1 --reason x' 'keep' 'keep web1 web2'; do
    # shellcheck disable=SC2086 # words
    admin op $bad >"$T/out" 2>"$T/err" && fail "'$bad' was taken"
    expect_one_error
done
expect_status 2 admin op call POST /v1/requests "{\"role\":\"operator\",\"kind\":\"delete\",\"tenant\":\"$TENANT\"}"
expect_status 2 admin op call POST /v1/requests "{\"role\":\"operator\",\"kind\":\"delete\",\"vault\":\"$V\",\"parameters\":{\"reason\":1}}"
expect_status 1 admin op keep web # nothing to call off
expect_grep 'not ending' "$T/err"

step 'a foreign tenant learns nothing of it'
for id in "$V" 00112233445566778899aabbccddeeff; do
    admin foreign call POST /v1/requests "{\"role\":\"tenant-admin\",\"kind\":\"delete\",\"vault\":\"$id\"}" >"$T/out.$id" 2>&1 && fail 'a foreign tenant asked'
    admin foreign call POST "/v1/vaults/$id/keep" '{}' >>"$T/out.$id" 2>&1 && fail 'a foreign tenant kept it'
done
expect_equal "$(cat "$T/out.$V")" "$(cat "$T/out.00112233445566778899aabbccddeeff")"

step 'one person, or two of one role, are not enough; nor is a day'
expect_status 0 admin op --json request delete web
request=$(jq -r .request "$T/out")
expect_status 13 admin op approve "$request"
expect_status 13 admin op2 approve "$request"
expect_status 0 admin admin approve "$request" --role tenant-admin
call GET /v1/alarms | jq -r '.alarms[] | select(.name == "request") | .text' >"$T/out"
expect_grep "asks for the end of vault $V" "$T/out"
on_day 8
clean_upkeep
expect_equal "$(state)" alone
expect_equal "$(about .ending)" null
expect_status 0 admin admin cancel "$request" --reason 'no'
ask web
on_day 14
clean_upkeep
expect_equal "$(state)" waiting
expect_equal "$(said vault.end)" 0
server_stop
here() { env ABRI_CACHE_DIR="$T/cache-here" "$ABRI" -r "$ROOT/vaults/$V" "$@"; } # beside a server that does not run
here --json snapshots | jq -r 'select(.message_type == "snapshot") | .id' >"$T/ids"
expect_status 0 here hold "$(sed -n 1p "$T/ids")" --reason 'the police asked'
on_day 20 # while it does not run
expect_status 0 here lock "$(sed -n 2p "$T/ids")" --until 30d
server_start
clean_upkeep
expect_equal "$(state)" waiting 'time in which the server did not run does not count'
backup web three
on_day 27
renew
ask web # another one, in reserve
spare=$request
request=$(call GET /v1/requests | jq -r '[.requests[] | select(.kind == "delete" and .cancelled == null)][0].request')

step 'a clock in doubt carries out nothing'
on_day 28
call GET /v1/self >"$T/out" # its certificate is renewed before, not by that clock
echo 7200 >"$T/moved"
clean_upkeep
expect_equal "$(call GET /v1/upkeep | jq -r .clock.trusted)" false
expect_equal "$(state)" ready
expect_equal "$(said vault.end)" 0
echo 0 >"$T/moved"
expect_status 0 admin op --json request clock
clock=$(jq -r .request "$T/out")
expect_status 0 admin officer approve "$clock" --role security-officer
clean_upkeep
expect_equal "$(call GET /v1/upkeep | jq -r .clock.trusted)" true
clean_upkeep # the round before began in doubt

step 'it is ending: the machine hears it at once, once; reading goes on'
expect_equal "$(said vault.end)" 1
expect_equal "$(state)" over
expect_equal "$(about .ending.request)" "$request"
expect_grep 'is ending' "$T/server.err"
[ "$(alarm)" != null ] || fail 'no alarm tells that it is ending'
refused web 'this vault is ending since .* by request'
rm -rf "$T/r"
expect_status 0 as web restore latest --target "$T/r"
expect_same_tree "$S" "$T/r$S"
expect_status 0 admin officer grant op web --hours 2 --reason 'a last look'
expect_status 1 admin officer request delete web --role security-officer
expect_grep 'ending already' "$T/err"

step 'floor, lock and hold protect it, and that is said; also after a restart, and from the log alone'
protected() { about '.ending | [.snapshots, .trash, .floor, .lock, .hold, .damaged, (.latest != null)] | join(" ")'; }
expect_equal "$(protected)" '3 0 1 1 1 0 false'
expect_equal "$(said forget)" 0
expect_status 0 admin op vaults
expect_grep 'web .* ending$' "$T/out"
expect_grep "vault $(printf %.8s "$V") is ending since .*, by request $(printf %.8s "$request"): 3 snapshots live, 1 under the floor, 1 locked, 1 held; it stays until" "$T/out"
call GET "/v1/vaults/$V" >"$T/answer"
described GET '/v1/vaults/{vault}' "$T/answer"
anew
expect_equal "$(protected)" '3 0 1 1 1 0 false'
refused web 'this vault is ending'

step 'one person keeps it: nothing was lost, and what was asked for in reserve is off'
on_day 30
expect_status 0 admin op --json keep web --reason 'a mistake'
jq 'del(.message_type)' "$T/out" >"$T/answer"
described POST '/v1/vaults/{vault}/keep' "$T/answer"
expect_equal "$(jq -r '"\(.message_type) \(.back) \(.lost)"' "$T/out")" 'vault_kept 0 0'
expect_equal "$(about .ending)" null
expect_equal "$(alarm)" null
request=$spare
expect_equal "$(state)" over
on_day 36
clean_upkeep
expect_equal "$(said vault.end)" 1
backup web four
expect_status 1 admin op keep web

step 'ending again: what nothing protects is in the trash, and comes back whole'
ask web
on_day 44
clean_upkeep
expect_equal "$(protected)" '3 1 1 1 1 0 false'
server_stop
expect_status 0 here hold --release "$(sed -n 1p "$T/ids")"
server_start
clean_upkeep
expect_equal "$(protected)" '2 2 1 1 0 0 true'
on_day 52
renew
clean_upkeep
expect_equal "$(protected)" '0 4 0 0 0 0 true'
expect_equal "$(said forget)" 4
anew
expect_equal "$(protected)" '0 4 0 0 0 0 true'
expect_equal "$(newest web)" 0
expect_status 0 admin op keep web
expect_grep '4 snapshots are back' "$T/out"
expect_equal "$(said undelete)" 4
expect_equal "$(newest web)" 4
as web --json snapshots | jq -r 'select(.message_type == "snapshot") | .id' >"$T/ids"
for n in 1 2 3 4; do
    rm -rf "$T/r"
    expect_status 0 as web restore "$(sed -n ${n}p "$T/ids")" --verify --target "$T/r"
    expect_equal "$(cat "$T/r$S/file")" "$(echo one two three four | cut -d' ' -f$n)"
done
expect_status 0 as web check --read-data
backup web five

step 'for good: the newest goes last, after its floor and its time in the trash, by the clock and in ticks'
ask web
on_day 61
clean_upkeep
expect_equal "$(protected)" '1 4 1 0 0 0 true'
on_day 68
clean_upkeep
expect_equal "$(protected)" '0 5 0 0 0 0 true'
on_day 77
renew
clean_upkeep
expect_equal "$(about '.ending | [.snapshots, .trash] | join(" ")')" '0 1'
expect_equal "$(said free)" 4
on_day 82 0
clean_upkeep
expect_equal "$(said vault.gone)" 0 'within the hour after its time'
server_stop
cp -a "$ROOT/vaults/$V" "$T/whole"
on_day 82 20
server_start
clean_upkeep
expect_equal "$(said vault.gone)" 0 'the server did not run for the last hours'
[ -d "$ROOT/vaults/$V/packs" ] || fail 'it was removed before the log says so'

step 'what cannot be read cannot be judged, and keeps it'
record=$(ls "$ROOT/vaults/$V/snapshots"/* | tail -n 1)
cp "$record" "$T/record"
find "$ROOT/vaults/$V/parity" -name "$(basename "$record")*" -delete
chmod u+w "$record"
printf 'X' | dd of="$record" bs=1 seek=100 conv=notrunc 2>/dev/null
on_day 83 1
upkeep
expect_equal "$(said vault.gone)" 0
expect_grep "upkeep of vault $V" "$T/server.err"
: >"$T/server.err"
expect_equal "$(about '.ending | [.damaged, .latest] | map(tostring) | join(" ")')" '1 null'
cp "$T/record" "$record"

step 'a session that began before holds it as long as it lives'
mkfifo "$T/held" "$T/until"
/usr/bin/python3 - "$ROOT/vaults/$V/tmp/lease-session-00112233445566778899aabbccddeeff" "$T/held" "$T/until" <<'PY' &
import fcntl, sys
f = open(sys.argv[1], "w")
fcntl.flock(f, fcntl.LOCK_EX)
until = open(sys.argv[3])
open(sys.argv[2], "w").write("held")
until.read()
PY
holder=$!
exec 9>"$T/until" # it ends with this shell, however that ends
expect_equal "$(cat "$T/held")" held
clean_upkeep
expect_equal "$(said vault.gone)" 0
exec 9>&-
wait "$holder"

step 'gone: the log first; a crash on each side of the removal is finished'
server_stop
export ABRI_TEST_DIE=before
server_start
on_day 83 2
expect_status 0 call POST /v1/upkeep
wait "$SERVER_PID"
expect_equal "$?" 137 'the death of abrid'
[ -d "$ROOT/vaults/$V" ] || fail 'it died too late'
export ABRI_TEST_DIE=after
"$ABRID" --root "$ROOT" --listen "127.0.0.1:$PORT" >"$T/server.out" 2>>"$T/server.err"
expect_equal "$?" 137 'the death of abrid'
[ ! -e "$ROOT/vaults/$V" ] && [ -d "$ROOT/ended/$V" ] || fail 'it died elsewhere'
unset ABRI_TEST_DIE
is_removed() {
    while [ -e "$ROOT/vaults/$V" ] || [ -e "$ROOT/ended/$V" ]; do kill -0 "$SERVER_PID" || fail 'abrid ended'; done
}
rm "$ROOT/catalog.sqlite"*
server_start
is_removed
expect_equal "$(said vault.gone)" 1
expect_equal "$(call GET '/v1/log/entries?from=0&count=1000' | jq -c '.entries[].event | select(.kind == "vault.gone") | [.count, .vault, .request]')" "[5,\"$V\",\"$request\"]"
server_stop
cp -a "$T/whole" "$ROOT/ended/$V"
rm -rf "$ROOT/ended/$V/snapshots" "$ROOT/ended/$V/vault"
cp -a "$T/whole" "$ROOT/vaults/$V" # what a file system check may bring
cp -a "$T/whole" "$ROOT/ended/00112233445566778899aabbccddeeff"
server_start
is_removed
until grep -q 'ended/0011.* is left alone' "$T/server.err"; do kill -0 "$SERVER_PID" || fail 'abrid ended'; done
[ -d "$ROOT/ended/00112233445566778899aabbccddeeff" ] || fail 'what the log does not call gone was removed'
clean_upkeep
expect_equal "$(said vault.gone)" 1

step 'its id is a tombstone, and its machine is told'
after() {
    refused web 'this vault was ended on .* by request .* new token'
    expect_status 13 as web restore latest --target "$T/r"
    expect_status 13 admin op keep web
    expect_grep 'this vault was ended' "$T/err"
    expect_status 13 admin officer request delete "$V" --role security-officer
    expect_status 13 admin op grant op "$V" --hours 2 --reason 'a look'
    expect_status 0 admin op vaults
    expect_no_grep web "$T/out"
    expect_status 0 admin op vaults --all
    expect_grep 'web .* gone$' "$T/out"
    expect_equal "$(about '.gone != null')" true
    call GET /v1/vaults >"$T/answer"
    described GET /v1/vaults "$T/answer"
    admin foreign call GET "/v1/vaults/$V" >"$T/out" 2>&1 && fail 'a foreign tenant sees it'
    expect_grep 'nothing of that name for you' "$T/out"
}
after
anew
after
expect_grep 'gone for ever' "$T/server.err"
expect_equal "$(alarm | grep -c 'is gone for ever')" 1
expect_status 0 call POST /v1/tokens "{\"type\":\"machine\",\"tenant\":\"$TENANT\",\"vault\":\"$(vault_of kept)\"}"
expect_status 13 call POST /v1/tokens "{\"type\":\"machine\",\"tenant\":\"$TENANT\",\"vault\":\"$V\"}"
again=$(machine_token "\"machine\":\"$(id_of web)\"")
mv "$T/web" "$T/web.old"
env ABRI_CONFIG_DIR="$T/web" "$ABRI" enrol "$URL" "$again" --name web --kdf-memory 1 --kdf-passes 1 >"$T/out" 2>"$T/err" </dev/null
expect_grep 'this vault was ended' "$T/err"
rm -rf "$T/web" "$T/cache-web"
enrol_machine web '"restore":true'
backup web six

step 'who left, and asked: the grace ends with the request; the others keep theirs'
V=$(vault_of kept)
expect_equal "$(about .ending)" null
expect_status 0 as kept restore latest --target "$T/r2"
expect_equal "$(cat "$T/r2$S/file")" two
expect_status 0 env "$ABRI" -q admin tenant-key "$T/tenant.key"
expect_status 0 admin admin policy --vault-only "$V" --tenant-key "$(cat "$T/out")"
ask "$V"
asked=$request
enrol_machine empty
ask "$(vault_of empty)" # in which nothing ever was: it waits as well
request=$asked
expect_status 0 call POST "/v1/tenants/$TENANT/close" '{"reason":"left"}'
on_day 91
clean_upkeep
expect_equal "$(state)" unsigned
expect_status 0 admin op sign "$request" --key "$T/tenant.key"
clean_upkeep
expect_equal "$(about '.ending | [.snapshots, .trash] | join(" ")')" '0 2'
on_day 104
clean_upkeep
V=$(vault_of empty)
expect_equal "$(said vault.end) $(said vault.gone)" '1 0'
on_day 106
clean_upkeep
expect_equal "$(said vault.gone)" 1
[ ! -e "$ROOT/vaults/$V" ] || fail 'the empty one is still there'
V=$(vault_of kept)
expect_equal "$(said vault.gone)" 1
[ ! -e "$ROOT/vaults/$V" ] || fail 'it is still there'
server_stop
[ -d "$ROOT/vaults/$(vault_of web)" ] || fail 'another vault went, too'
