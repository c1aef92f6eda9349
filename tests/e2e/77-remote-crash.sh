#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a crash of the server may leave half done is finished at the next start, from the vaults and the log; and what is derived
# from them is made anew where it cannot be trusted.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
S="$T/src"
mkdir -p "$S"
backup() {
    echo "$1" >"$S/file-$1"
    expect_status 0 as web --json backup "$S"
    snapshot=$(field summary snapshot_id)
}
count() { call GET /v1/vaults | jq "[.vaults[] | select(.vault == \"$(vault_of web)\")][0].snapshots"; }
entries() { call GET '/v1/log/entries?from=0&count=1000' | jq "[.entries[].event | select(.kind == \"$1\")] | length"; }

identities() { call GET /v1/identities | jq "del(.identities[].seen)"; }

server_with_tenant
enrol_machine web '"restore":true'
backup one
backup two
expect_equal "$(count)" 2

step 'a snapshot that was received, but whose entry of the log a crash took, is entered'
server_stop
cp -r "$ROOT/log" "$T/log"
server_start
backup three
lost=$snapshot
server_kill
rm -rf "$ROOT/log" "$ROOT/catalog.sqlite"*
cp -r "$T/log" "$ROOT/log"
server_start
until grep -q '1 snapshots were received, but not in the log' "$T/server.err"; do kill -0 "$SERVER_PID" || fail 'abrid ended'; done
expect_equal "$(count)" 3
call GET '/v1/log/entries?from=0&count=1000' | jq -c '[.entries[].event | select(.kind == "snapshot")] | last' >"$T/entry"
expect_grep "$lost" "$T/entry"
expect_grep "\"id\":\"$(id_of web)\"" "$T/entry"
expect_no_grep '"by"' "$T/entry"
expect_equal "$(entries snapshot)" 3

step '… once'
server_stop
server_start
backup four
expect_equal "$(count)" 4
expect_equal "$(entries snapshot)" 4
expect_status 0 as web restore latest --target "$T/r"
expect_same_tree "$S" "$T/r$S"

step 'a bit that fell over in a row of the catalogue is noticed, and the catalogue made anew'
before=$(identities)
server_stop
sqlite=$(/usr/bin/python3 - "$ROOT/catalog.sqlite" "$(id_of web)" <<'PY'
import sqlite3, sys
path, machine = sys.argv[1:]
data = bytearray(open(path, "rb").read())
at = data.find(b"web", data.find(bytes.fromhex(machine)))
assert at > 0
data[at] ^= 1
open(path, "wb").write(data)
print(sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone()[0])
PY
)
expect_equal "$sqlite" ok 'SQLite itself sees nothing'
server_start
expect_grep 'the catalogue is made anew from' "$T/server.err"
expect_equal "$(identities)" "$before"
server_stop

step 'without its catalogue: the same'
rm "$ROOT/catalog.sqlite"*
server_start
expect_equal "$(count)" 4
expect_equal "$(identities)" "$before"
backup five
server_stop

# An enrolment is several entries: the token is used, somebody comes to be, has a role, gets a certificate, may join. Whoever shows the token and the
# same key again gets what is missing, wherever it was cut off; nobody with another key does.
FORGE=${5:?usage: $0 <abri> <race.so> <maketree> <falseclock.so> <forge_log>}
command -v curl >/dev/null && command -v openssl >/dev/null || skip 'needs curl and openssl'
as_owner() { # METHOD PATH [JSON]: past abri, which keeps what it saw of the log, and would be right to say that it is shorter now
    at=$(echo "$OWNER"/servers/*)
    curl --http2 -sS --cert "$at/certificate.pem" --key "$at/key.pem" --cacert "$at/authority.pem" -X "$1" ${3:+-d "$3"} "$URL$2"
}
kinds() { as_owner GET '/v1/log/entries?from=0&count=1000' | jq -r "[.entries[] | select(.index >= $1)] | map(.event.kind) | join(\" \")"; }
key_pair() { # FILE: a request for a certificate of a new key
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x -keyout "$1.key" -out "$1" 2>/dev/null
}
# enrol_with REQUEST: the status; the answer is in $T/answer
enrol_with() {
    jq -n --arg token "$token" --rawfile request "$1" '{token: $token, request: $request, name: "cut"}' >"$T/body"
    curl --http2 -sSk -o "$T/answer" -w '%{http_code}' --data-binary "@$T/body" "$URL/v1/enrol"
}
# cut_at KEPT: the server comes back with so many entries of its log
cut_at() {
    server_kill
    expect_status 0 "$FORGE" "$ROOT" "keep=$1"
    server_start
}
key_pair "$T/mine" && key_pair "$T/other"
server_start
web=$(id_of web)
for what in "{\"type\":\"machine\",\"tenant\":\"$TENANT\",\"restore\":true}" '{"type":"person","role":"operator"}' \
    "{\"type\":\"person\",\"role\":\"tenant-admin\",\"tenant\":\"$TENANT\"}" "{\"type\":\"machine\",\"tenant\":\"$TENANT\",\"machine\":\"$web\"}"; do
    step "an enrolment that a crash cut off anywhere: $(echo "$what" | jq -c 'del(.tenant)')"
    as_owner POST /v1/tokens "$what" >"$T/made"
    token=$(jq -r .token "$T/made")
    first=$(as_owner GET '/v1/log/entries?from=0&count=1' | jq .size)
    expect_equal "$(enrol_with "$T/mine")" 201
    cp "$T/answer" "$T/whole"
    all=$(kinds "$first")
    last=$((first + $(echo "$all" | wc -w)))
    kept=$last
    while [ $((kept -= 1)) -gt "$first" ]; do # what is cut off at once is in no log, so the shorter ones come last
        cut_at "$kept"
        expect_equal "$(enrol_with "$T/other")" 403 "another key after $(kinds "$first")"
        expect_equal "$(jq -r .error.code "$T/answer")" token_used
        expect_equal "$(enrol_with "$T/mine")" 201 "the same after $(kinds "$first")"
        jq -S 'del(.certificate, .checkpoint)' "$T/whole" >"$T/a"
        jq -S 'del(.certificate, .checkpoint)' "$T/answer" >"$T/b"
        cmp "$T/a" "$T/b" || fail "another answer after $kept entries"
        for kind in token.use identity.create role.give; do
            expect_equal "$(kinds "$first" | tr ' ' '\n' | grep -c "^$kind$")" "$(echo "$all" | tr ' ' '\n' | grep -c "^$kind$")" "$kind after $kept"
        done
        jq -r .certificate "$T/answer" >"$T/certificate"
        expect_equal "$(curl --http2 -sSk --cert "$T/certificate" --key "$T/mine.key" "$URL/v1/self" | jq -r .id)" "$(jq -r .id "$T/whole")"
    done
done

step 'a revocation whose alarm a crash took is told all the same'
revoked() { as_owner GET '/v1/alarms?open=1' | jq -c '[.alarms[] | select(.name == "revoked") | .text]'; }
gone=$(jq -r .id "$T/whole") # web, enrolled again
first=$(as_owner GET '/v1/log/entries?from=0&count=1' | jq .size)
expect_equal "$(as_owner POST "/v1/identities/$gone/revoke" '{"reason":"stolen"}')" '{}'
expect_equal "$(revoked)" '["machine web was revoked by chief, and is not backed up any more: stolen"]'
cut_at $((first + 1))
expect_equal "$(kinds "$first")" identity.revoke
rounds=$(as_owner POST /v1/upkeep | jq .rounds)
until [ "$(as_owner GET /v1/upkeep | jq .rounds)" -gt "$rounds" ]; do kill -0 "$SERVER_PID" || fail 'abrid ended'; done
expect_equal "$(revoked)" '["machine web was revoked; the log says by whom"]'
server_stop
