#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a server does with vaults by itself: policies that can only keep more, floors, floods of
# snapshots, false clocks, damage.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/clocks.sh"

S="$T/src"
mkdir -p "$S"
backup() {
    echo "$1" >"$S/file"
    expect_status 0 as web backup "$S"
}
count() { as web --json snapshots | jq -s '[.[] | select(.message_type == "snapshot")] | length'; }

step 'a policy may only keep more'
server_with_tenant
enrol_machine web '"restore":true'
expect_status 0 call GET "/v1/tenants/$TENANT/policy"
expect_equal "$(jq -r .policy.floor "$T/out")" 14d
for less in '{"keep":{"last":1},"floor":"14d","trash":"14d"}' '{"keep":{"daily":30,"weekly":12,"monthly":12},"floor":"1d","trash":"14d","silence":"36h","snapshots_a_day":200}' \
    '{"keep":{"daily":30,"weekly":12,"monthly":12},"floor":"14d","trash":"1d","silence":"36h","snapshots_a_day":200}'; do
    expect_status 13 call PUT "/v1/tenants/$TENANT/policy" "$less"
    expect_grep 'keeps less' "$T/err"
done
expect_status 2 call PUT "/v1/tenants/$TENANT/policy" '{"keep":{"dayly":1}}'
expect_grep "'dayly'" "$T/err"
expect_status 0 call PUT "/v1/tenants/$TENANT/policy" \
    '{"keep":{"daily":40,"weekly":12,"monthly":12},"floor":"14d","trash":"14d","silence":"36h","snapshots_a_day":200}'

step 'a flood evicts nothing'
backup one
upkeep # also of a server that is younger than every floor
[ "$(entries scrub)" -ge 1 ] || { cat "$T/server.err" >&2; fail 'nothing was verified'; }
expect_no_grep 'upkeep of vault' "$T/server.err"
on_day 1
backup two
on_day 2
backup three
i=0
while [ $((i += 1)) -le 12 ]; do
    rm -f "$S/file"
    expect_status 0 as web backup "$S"
done
upkeep
expect_equal "$(entries forget)" 0
expect_equal "$(count)" 15
on_day 15
upkeep
expect_equal "$(count)" 15 'below the floor nothing goes'
on_day 25
upkeep
[ "$(entries forget)" -ge 10 ] || fail 'the flood should be thinned out by now'
forgotten=$(entries forget)
on_day 38
upkeep
expect_equal "$(entries free)" 0 'in its trash window nothing goes'
on_day 40
upkeep
expect_equal "$(entries free)" "$forgotten" 'and after it everything, each said once'
upkeep
expect_equal "$(entries free)" "$forgotten"
expect_status 0 as web restore latest --target "$T/r"
as web --json snapshots | jq -r 'select(.message_type == "snapshot") | .id' >"$T/ids"
found=
while read -r id; do
    rm -rf "$T/r"
    expect_status 0 as web restore "$id" --target "$T/r"
    [ ! -e "$T/r$S/file" ] || found="$found $(cat "$T/r$S/file")"
done <"$T/ids"
case $found in
*one*two*) ;;
*) fail "what was there before the flood is gone: $found" ;;
esac
[ "$(entries alarm)" -ge 1 ] || fail 'a machine was silent for days, and nobody was told'

step 'a clock that jumped frees nothing'
server_stop
moved 7200
server_start
freed=$(entries free) forgotten=$(entries forget)
backup after
upkeep
expect_equal "$(entries free)" "$freed"
expect_equal "$(entries forget)" "$forgotten"
call GET '/v1/log/entries?from=0&count=1000' | jq -e '[.entries[].event | select(.kind == "alarm" and .name == "clock")] | length > 0' >/dev/null ||
    fail 'no alarm about the clock'
server_stop
moved 0
server_start

step 'damage is found, mended, and named'
head -c 3000000 /dev/urandom >"$S/large"
expect_status 0 as web backup "$S"
pack=$(find "$ROOT/vaults/$(vault_of web)/packs" -type f -size +1M | head -n 1)
before=$(sha256sum <"$pack")
chmod u+w "$pack"
printf 'XXXX' | dd of="$pack" bs=1 seek=100000 conv=notrunc 2>/dev/null
upkeep
expect_equal "$(sha256sum <"$pack")" "$before" 'the pack'
call GET '/v1/log/entries?from=0&count=1000' | jq -r '.entries[].event | select(.kind == "alarm" and .name == "damage mended") | .text' >"$T/out"
expect_grep "$(basename "$pack")" "$T/out"
expect_status 0 as web check --read-data

step 'what parity cannot mend is named by machine and snapshot'
server_stop
chmod u+w "$pack" "$ROOT/vaults/$(vault_of web)/parity/packs"/*/* 2>/dev/null
find "$ROOT/vaults/$(vault_of web)/parity" -name "*$(basename "$pack")*" -delete
head -c 500000 /dev/urandom | dd of="$pack" bs=1000 seek=500 conv=notrunc 2>/dev/null
server_start
upkeep
call GET '/v1/log/entries?from=0&count=1000' | jq -r '.entries[].event | select(.kind == "alarm" and .name == "damage") | .text' >"$T/out"
expect_grep 'touching snapshots: number [0-9]* of web' "$T/out"
expect_grep "$(basename "$pack")" "$T/out"
server_stop
