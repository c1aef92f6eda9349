#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What switches protection off, or uses it up, is told to whose it is: a machine that somebody revoked, a machine that floods the server with bytes.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"

S="$T/src"
mkdir -p "$S"
upkeep() {
    rounds=$(call POST /v1/upkeep | jq .rounds)
    until now=$(call GET /v1/upkeep | jq .rounds) && [ "${now:-fail}" -gt "$rounds" ]; do [ -n "$now" ] || fail 'no upkeep'; done
}
backup() { # WHO TEXT
    echo "$2" >"$S/file"
    expect_status 0 as "$1" backup "$S"
}
# open_alarms NAME: how many
open_alarms() { call GET '/v1/alarms?open=1' | jq "[.alarms[] | select(.name == \"$1\")] | length"; }
alarm_of() { call GET '/v1/alarms?open=1' | jq -r "[.alarms[] | select(.name == \"$1\")][0].$2"; }
server_with_tenant
enrol_machine mail
backup mail 1

step 'who revokes a machine is told of, and the machine is listed until somebody knows'
unprotected() { call GET "/v1/tenants/$TENANT/usage" | jq -c '[.unprotected[] | [.name, .why]]'; }
expect_status 0 call POST /v1/tokens '{"type":"person","role":"operator"}'
expect_status 0 env ABRI_CONFIG_DIR="$T/thief" "$ABRI" enrol "$URL" "$(jq -r .token "$T/out")" --name mallory
expect_status 0 call POST /v1/tokens "{\"type\":\"person\",\"role\":\"tenant-admin\",\"tenant\":\"$TENANT\"}"
expect_status 0 env ABRI_CONFIG_DIR="$T/customer" "$ABRI" enrol "$URL" "$(jq -r .token "$T/out")" --name customer
customer() { ABRI_CONFIG_DIR="$T/customer" "$ABRI" --vault "$URL" "$@"; }
enrol_machine gone
expect_equal "$(unprotected)" '[["gone","never"]]'
backup gone 1
expect_equal "$(unprotected)" '[]'
gone=$(id_of gone)
expect_status 0 env ABRI_CONFIG_DIR="$T/thief" "$ABRI" --vault "$URL" admin revoke gone --reason 'spring cleaning'
expect_equal "$(unprotected)" '[["gone","revoked"]]'
expect_status 0 customer admin alarms
expect_grep 'revoked  *machine gone was revoked by mallory, and is not backed up any more: spring cleaning' "$T/out"
expect_status 0 customer admin usage Example
expect_grep '^not protected: gone, which somebody revoked$' "$T/out"
upkeep
expect_equal "$(open_alarms revoked)" 1 'no round ends it'
expect_equal "$(alarm_of revoked id)" "$gone"
expect_status 13 as mail admin call POST "/v1/identities/$gone/revoke" '{"reason":"x"}'
expect_equal "$(as mail admin call GET /v1/alarms | jq '[.alarms[] | select(.name == "revoked")] | length')" 0 "nobody else's business"
expect_status 0 customer admin close-alarm "$(alarm_of revoked alarm | sed 's/^0*//')" --reason 'it was ours'
expect_equal "$(unprotected)" '[]'
upkeep
expect_equal "$(open_alarms revoked)" 0
thief=$(id_of thief)
expect_status 0 call POST "/v1/identities/$thief/revoke" '{"reason":"stolen"}'
expect_equal "$(alarm_of revoked tenant)" null 'a person of the installation: not the tenant'"'"'s'
expect_equal "$(alarm_of revoked text)" 'person mallory was revoked by chief: stolen'
expect_equal "$(customer admin call GET '/v1/alarms?open=1' | jq '[.alarms[] | select(.name == "revoked")] | length')" 0
expect_status 0 call POST "/v1/alarms/$(alarm_of revoked alarm)/close" '{"reason":"known"}'

step 'a machine that uploads more than is expected is told of, and refused nothing'
policy='"keep":{"daily":30,"weekly":12,"monthly":12},"floor":"14d","trash":"14d","silence":"36h","snapshots_a_day":200'
put() { call PUT "/v1/tenants/$TENANT/policy" "{$policy$1}"; }
noise() { # WHO BYTES
    head -c "$2" /dev/urandom >"$S/noise"
    expect_status 0 as "$1" backup "$S"
}
noise mail 300000
upkeep
expect_equal "$(open_alarms bytes)" 0 'the first days are nothing unusual'
for value in -1 1.5 '"1G"' '"unlimited"' null; do
    expect_status 2 put ",\"bytes_a_day\":$value"
    expect_grep 'bytes_a_day' "$T/err"
done
expect_status 0 put ',"bytes_a_day":500000'
upkeep
expect_equal "$(open_alarms bytes)" 0
noise mail 300000
upkeep
upkeep
expect_equal "$(open_alarms bytes)" 1
expect_equal "$(alarm_of bytes id) $(alarm_of bytes tenant) $(alarm_of bytes count)" "$(id_of mail) $TENANT 1"
call GET '/v1/log/entries?from=0&count=1000' | jq "[.entries[].event | select(.kind == \"upload\" and .id == \"$(id_of mail)\") | .bytes] | add" >"$T/sum"
stored=$(find "$ROOT/vaults/$(vault_of mail)/packs" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
expect_equal "$(cat "$T/sum")" "$stored" 'what the log says was uploaded'
alarm_of bytes text >"$T/text"
expect_grep "^mail: $stored bytes uploaded on 20.*expects no more than 500000. They were taken$" "$T/text"
noise mail 3000000 # goes on
customer admin alarms >"$T/out"
expect_grep 'bytes  *mail: ' "$T/out"

step '… and to want to hear less of it takes two'
for value in ',"bytes_a_day":500001' ',"bytes_a_day":0' ''; do
    expect_status 13 put "$value"
    expect_grep 'a later alarm for floods of bytes' "$T/err"
done
expect_status 0 put ',"bytes_a_day":400000'
expect_status 0 env ABRI_CONFIG_DIR="$OWNER" "$ABRI" --vault "$URL" admin policy Example --bytes-a-day 300K
expect_equal "$(call GET "/v1/tenants/$TENANT/policy" | jq .policy.bytes_a_day)" 307200
expect_status 0 call POST /v1/requests "{\"role\":\"owner\",\"kind\":\"policy\",\"parameters\":{\"policy\":{$policy,\"bytes_a_day\":0}},\"tenant\":\"$TENANT\"}"

step 'what was uploaded is known without the catalogue, too'
server_stop
rm "$ROOT"/catalog.sqlite*
server_start
upkeep
expect_equal "$(open_alarms bytes)" 1
expect_status 0 call POST "/v1/alarms/$(alarm_of bytes alarm)/close" '{"reason":"a film"}'
upkeep
expect_equal "$(open_alarms bytes)" 0 'what is known is not raised again'
server_stop
