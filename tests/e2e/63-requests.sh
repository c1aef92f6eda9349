#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Early deletion on a server takes two people with different roles, a waiting time that no clock can
# shorten, and the tenant's signature where the tenant asks for it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/clocks.sh"

policy() { call GET "/v1/tenants/$TENANT/policy" | jq -r ".policy.$1"; }
S="$T/src"
mkdir -p "$S"

server_with_tenant
person officer security-officer
person op operator
person op2 operator
person admin tenant-admin "$TENANT"
less='{"policy":{"keep":{"daily":3},"floor":"14d","trash":"1d"}}'

step 'one person, or two of one role, are not enough'
expect_status 13 by op PUT "/v1/tenants/$TENANT/policy" '{"keep":{"daily":3},"floor":"14d","trash":"1d"}'
expect_status 2 by op POST /v1/requests "{\"role\":\"operator\",\"kind\":\"policy\",\"parameters\":{},\"tenant\":\"$TENANT\"}"
expect_status 13 by op POST /v1/requests "{\"role\":\"owner\",\"kind\":\"policy\",\"parameters\":$less,\"tenant\":\"$TENANT\"}"
ask op operator policy "$less" "\"tenant\":\"$TENANT\""
expect_equal "$(state)" alone
expect_status 13 by op POST "/v1/requests/$request/approve" '{"role":"operator"}'
expect_status 13 by op2 POST "/v1/requests/$request/approve" '{"role":"operator"}'
expect_status 13 by officer POST "/v1/requests/$request/approve" '{"role":"owner"}'
on_day 8
upkeep
expect_equal "$(state)" alone
expect_equal "$(policy keep.daily)" 30

step 'operator and tenant, without an owner or officer, are not enough either'
approve admin tenant-admin
upkeep
expect_equal "$(state)" alone
approve officer security-officer
upkeep
expect_equal "$(state)" over
expect_equal "$(policy keep.daily)" 3

step 'the time must pass, and nobody can set it forward'
ask officer security-officer policy '{"policy":{"keep":{"daily":2},"floor":"14d","trash":"1d"}}' "\"tenant\":\"$TENANT\""
approve op operator
upkeep
expect_equal "$(state)" waiting
server_stop
on_day 16 # while it did not run, by whatever clock
server_start
upkeep
expect_equal "$(state)" waiting 'time in which the server did not run does not count'
on_day 24
upkeep
expect_equal "$(state)" over
expect_equal "$(policy keep.daily)" 2

step 'anybody concerned can stop it'
ask officer security-officer policy '{"policy":{"keep":{"daily":1},"floor":"14d","trash":"1d"}}' "\"tenant\":\"$TENANT\""
approve op operator
expect_status 0 by admin POST "/v1/requests/$request/cancel" '{"reason":"no"}'
on_day 32
upkeep
expect_equal "$(policy keep.daily)" 2

step 'a tenant that asks for it signs, too'
/usr/bin/python3 - >"$T/keys" <<'PY'
from nacl.signing import SigningKey
k = SigningKey(bytes(range(32)))
print(k.verify_key.encode().hex())
PY
expect_status 0 by admin PUT "/v1/tenants/$TENANT/policy" \
    "{\"keep\":{\"daily\":2},\"floor\":\"14d\",\"trash\":\"1d\",\"tenant_key\":\"$(cat "$T/keys")\"}"
ask officer security-officer policy '{"policy":{"keep":{"daily":1},"floor":"14d","trash":"1d"}}' "\"tenant\":\"$TENANT\""
approve op operator
on_day 40
upkeep
expect_equal "$(state)" unsigned
expect_status 13 by op POST "/v1/requests/$request/sign" "{\"signature\":\"$(head -c 64 /dev/zero | base64 -w 0)\"}"
call GET '/v1/log/entries?from=0&count=1000' |
    jq -c "[.entries[].event | select(.kind == \"request.create\" and .request == \"$request\")][0]" >"$T/entry"
signature=$(/usr/bin/python3 - "$T/entry" <<'PY'
import base64, json, sys
from nacl.signing import SigningKey
e = json.load(open(sys.argv[1]))
def blob(b):
    n, out = len(b), b""
    while n > 127:
        out += bytes([n & 127 | 128]); n >>= 7
    return out + bytes([n]) + b
m = bytes.fromhex(e["request"]) + blob(e["name"].encode()) + blob(e["text"].encode())
print(base64.b64encode(SigningKey(bytes(range(32))).sign(b"abri:request\0" + m).signature).decode())
PY
)
expect_status 0 by op POST "/v1/requests/$request/sign" "{\"signature\":\"$signature\"}"
upkeep
expect_equal "$(policy keep.daily)" 1

step 'snapshots that are asked for go to the trash, but never below the floor'
enrol_machine web '"restore":true'
echo one >"$S/file"
expect_status 0 as web backup "$S"
echo two >"$S/file"
expect_status 0 as web backup "$S"
ask officer security-officer forget '{"sequences":[1]}' "\"vault\":\"$(vault_of web)\""
approve op operator
on_day 48
upkeep
expect_equal "$(state)" over
as web --json snapshots | jq -s -e '[.[] | select(.message_type == "snapshot")] | length == 2' >/dev/null || fail 'a snapshot below the floor went'
call GET '/v1/log/entries?from=0&count=1000' | jq -r '.entries[].event | select(.kind == "request.execute") | .text' >"$T/out"
expect_grep '0 of 1 snapshots' "$T/out"
server_stop
