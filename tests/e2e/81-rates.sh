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
server_stop
