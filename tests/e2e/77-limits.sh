#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Alarms, floods, quotas, rates, what is not used, and what an invoice needs: limits alarm, and end no protection.
. "$(dirname "$0")/lib.sh"
command -v curl >/dev/null || skip 'needs curl'

. "$(dirname "$0")/clocks.sh"

S="$T/src"
mkdir -p "$S"
# passed SECONDS: from now on, so much time has passed since the beginning, for the server and for everybody.
# In steps in which the owner's certificate is renewed.
DAY=86400
passed() {
    while :; do
        next=$((${PASSED:-0} + 20 * DAY))
        [ "$next" -lt "$1" ] || next=$1
        PASSED=$next
        echo "$next" >"$T/passed" # while it runs, or no floor would end
        [ -z "$SERVER_PID" ] || server_stop
        server_start --metrics-socket "$T/metrics" --free-percent 1
        expect_status 0 call GET /v1/upkeep
        [ "$next" -lt "$1" ] || break
        upkeep # which also lets the clock be trusted
    done
}
backup() { # WHO TEXT
    echo "$2" >"$S/file"
    expect_status 0 as "$1" backup "$S"
}
entries_where() { call GET '/v1/log/entries?from=0&count=1000' | jq "[.entries[].event | select($1)] | length"; }
# open_alarms NAME: how many
open_alarms() { call GET '/v1/alarms?open=1' | jq "[.alarms[] | select(.name == \"$1\")] | length"; }
alarm_of() { call GET '/v1/alarms?open=1' | jq -r "[.alarms[] | select(.name == \"$1\")][0].$2"; }
usage() { call GET "/v1/tenants/$TENANT/usage${2:-}" | jq -r ".$1"; }
server_with_tenant --metrics-socket "$T/metrics" --free-percent 1
enrol_machine web '"restore":true'
enrol_machine mail
for n in 1 2; do backup web "$n"; done
backup mail 1
expect_equal "$(call GET /v1/alarms | jq '.alarms | length')" 0 'nothing is wrong yet'

step 'a machine that is silent is an alarm, once, until it is known or over'
passed $((2 * DAY))
upkeep
upkeep
expect_equal "$(open_alarms silence)" 2 'two machines'
curl -sS --unix-socket "$T/metrics" http://local/metrics >"$T/scrape"
expect_grep '^abri_alarms{name="silence",tenant="Example"} 2$' "$T/scrape"
/usr/bin/python3 "$(dirname "$0")/openmetrics.py" "$T/scrape" || fail 'not OpenMetrics'
expect_equal "$(entries_where '.kind == "alarm" and .name == "silence"')" 2 'one entry each, however many rounds'
expect_equal "$(alarm_of silence tenant)" "$TENANT"
expect_equal "$(as web admin call GET /v1/alarms | jq '[.alarms[].id] | unique | length')" 1 'a machine sees its own'
expect_equal "$(as web admin call GET /v1/alarms | jq -r '.alarms[0].id')" "$(id_of web)"
backup web 3
expect_equal "$(open_alarms silence)" 1 'the cause is gone at once'
expect_equal "$(entries_where '.kind == "alarm.close" and .by == null')" 1
id=$(alarm_of silence alarm)
expect_equal "$(alarm_of silence id)" "$(id_of mail)"
expect_status 2 call POST "/v1/alarms/$id/close" '{}'
expect_status 13 as web admin call POST "/v1/alarms/$id/close" '{"reason":"x"}'
admin() { ABRI_CONFIG_DIR="$OWNER" "$ABRI" --vault "$URL" "$@"; }
expect_status 0 admin admin alarms
expect_equal "$(wc -l <"$T/out")" 1
expect_grep 'silence  *mail: no snapshot for 48 hours' "$T/out"
short=$(awk '{ print $1 }' "$T/out")
expect_status 2 admin admin close-alarm "$short"
expect_grep 'why?' "$T/err"
expect_status 2 admin admin close-alarm x --reason y
expect_status 0 admin admin close-alarm "$short" --reason 'it is in repair'
expect_status 0 admin admin alarms
expect_equal "$(cat "$T/out")" 'no alarm is open'
expect_status 0 admin --json admin alarms --all
expect_equal "$(jq -r 'select(.message_type == "alarm" and .closed_by != null) | .alarm' "$T/out")" "$id"
expect_status 0 admin admin alarms --all
expect_grep 'closed: it is in repair' "$T/out"
expect_equal "$(open_alarms silence)" 0
expect_status 1 call POST "/v1/alarms/$id/close" '{"reason":"again"}'
expect_grep 'closed already: it is in repair' "$T/err"
expect_status 1 call POST /v1/alarms/00000000000000000000000000ffffff/close '{"reason":"none"}'
upkeep
expect_equal "$(open_alarms silence)" 0 'what is known is not raised again'
expect_equal "$(call GET /v1/alarms | jq -r "[.alarms[] | select(.alarm == \"$id\")][0] | .reason, .open, .over")" "$(printf 'it is in repair\nfalse\nnull')"
backup mail 2
passed $((5 * DAY))
upkeep
expect_equal "$(open_alarms silence)" 2 'the cause came anew'
backup web 4
backup mail 3
expect_equal "$(open_alarms silence)" 0

step 'alarms last over the loss of the catalogue'
call GET /v1/alarms >"$T/before"
call GET "/v1/tenants/$TENANT/usage" >"$T/usage-before"
server_stop
rm -f "$ROOT"/catalog.sqlite*
server_start
call GET /v1/alarms | diff - "$T/before" >&2 || fail 'alarms changed with the catalogue'
call GET "/v1/tenants/$TENANT/usage" | diff - "$T/usage-before" >&2 || fail 'usage changed with the catalogue'

step 'a disk that is nearly full is an alarm of the installation, until there is room'
expect_equal "$(open_alarms space)" 0
server_stop
server_start --free-percent 100
upkeep
upkeep
expect_equal "$(open_alarms space)" 1
expect_equal "$(alarm_of space tenant)" null
expect_equal "$(as web admin call GET /v1/alarms | jq '[.alarms[] | select(.name == "space")] | length')" 0 "nobody else's business"
server_stop
server_start --free-percent 1
upkeep
expect_equal "$(open_alarms space)" 0

step 'a flood is an alarm, once, and refused in the end, but for one an hour'
policy='"keep":{"daily":30,"weekly":12,"monthly":12},"floor":"14d","trash":"14d","silence":"36h"'
expect_status 13 call PUT "/v1/tenants/$TENANT/policy" "{$policy,\"snapshots_a_day\":200,\"snapshots_limit\":30}"
expect_grep 'lower limit of snapshots' "$T/err"
expect_status 0 call PUT "/v1/tenants/$TENANT/policy" "{$policy,\"snapshots_a_day\":3}"
i=0
while [ $((i += 1)) -le 29 ]; do backup web "flood $i"; done
expect_equal "$(open_alarms flood)" 1
expect_equal "$(alarm_of flood id)" "$(id_of web)"
expect_equal "$(entries_where '.kind == "alarm" and .name == "flood"')" 1
echo more >"$S/file"
expect_status 11 as web backup "$S"
expect_grep 'one an hour is taken' "$T/err"
expect_one_error
expect_status 11 as web backup "$S"
backup mail 'not me'
expect_equal "$(as web --json snapshots | jq -s '[.[] | select(.message_type == "snapshot" and .machine == "web")] | length')" 33 'none is gone, none is new'
passed $((5 * DAY + 3700))
backup web 'the one of an hour'
echo more >"$S/file"
expect_status 11 as web backup "$S"
[ "$(call GET '/v1/log/entries?from=0&count=1000' | jq '[.entries[].event | select(.kind == "refusal" and (.text | test("too_many_snapshots")))] | length')" -ge 1 ] ||
    fail 'refusals are in the log'
passed $((6 * DAY + 7200))
backup web 'next day'
expect_equal "$(open_alarms flood)" 0 'over'

step 'what is used, by months'
STAYS=$TENANT
LEFT=$(call POST /v1/tenants '{"name":"Leaves"}' | jq -r .tenant)
TENANT=$LEFT
enrol_machine left
for n in first second 'last words'; do backup left "$n"; done
[ "$(usage stored)" -gt 0 ] || fail 'nothing is stored?'
expect_status 0 call POST "/v1/tenants/$LEFT/close" '{"reason":"the contract ended"}'
expect_status 13 as left backup "$S"
TENANT=$STAYS
[ "$(usage stored)" -gt 0 ] || fail 'nothing is stored?'
expect_equal "$(usage machines)" 2
expect_equal "$(usage 'months | length')" 1
expect_equal "$(usage 'months[0].machines')" 2
stored=$(find "$ROOT/vaults/$(vault_of web)/packs" "$ROOT/vaults/$(vault_of mail)/packs" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
expect_equal "$(usage stored)" "$stored" 'as the directories have it'
expect_equal "$(usage 'months[0].peak')" "$stored"
expect_equal "$(usage 'months | length' '?from=2020-01&to=2020-12')" 12
expect_equal "$(usage 'months[11].stored' '?from=2020-01&to=2020-12')" 0
for query in '?from=2020-13' '?from=20-01' '?from=x' '?from='; do
    expect_status 2 call GET "/v1/tenants/$TENANT/usage$query"
    expect_grep 'no month' "$T/err"
done
expect_status 1 call GET "/v1/tenants/$TENANT/usage?from=2020-02&to=2020-01"
expect_status 1 call GET "/v1/tenants/$TENANT/usage?from=1970-01&to=2030-01"

step 'a quota alarms, and refuses nothing'
expect_status 0 call PUT "/v1/tenants/$TENANT/quota" "{\"bytes\":$((stored + 100000)),\"count\":5,\"reason\":\"contract\"}"
expect_equal "$(open_alarms quota)" 0
head -c 400000 /dev/urandom >"$S/large"
backup web 'above the quota'
expect_equal "$(open_alarms quota)" 1
expect_equal "$(usage over_quota)" true
head -c 400000 /dev/urandom >"$S/large"
backup web 'far above'
expect_equal "$(open_alarms quota)" 1 'once'
quota=$(alarm_of quota alarm)

step 'unless somebody decides it, which the tenant sees; then restores go on, and sessions survive'
expect_status 2 call POST "/v1/tenants/$TENANT/quota/enforce" '{"enforce":true}'
expect_status 0 call POST "/v1/tenants/$TENANT/quota/enforce" '{"enforce":true,"reason":"three unpaid invoices"}'
expect_status 11 call POST "/v1/tenants/$TENANT/quota/enforce" '{"enforce":true,"reason":"twice"}'
expect_equal "$(open_alarms enforced)" 1
expect_equal "$(usage quota.reason)" 'three unpaid invoices'
head -c 400000 /dev/urandom >"$S/large"
expect_status 1 as web backup "$S"
expect_grep 'no space: quota' "$T/err"
expect_grep 'three unpaid invoices' "$T/err"
expect_status 0 as web restore latest --target "$T/r"
expect_equal "$(cat "$T/r$S/file")" 'far above'
expect_status 0 as web check
expect_status 0 call POST "/v1/tenants/$TENANT/quota/enforce" '{"enforce":false,"reason":"paid"}'
expect_equal "$(open_alarms enforced)" 0
expect_status 0 as web backup "$S"
expect_status 0 call PUT "/v1/tenants/$TENANT/quota" '{"bytes":null,"count":1}'
expect_equal "$(alarm_of quota alarm)" "$quota" 'still the same alarm'
expect_status 0 call PUT "/v1/tenants/$TENANT/quota" '{}'
expect_equal "$(open_alarms quota)" 0

step 'sessions and attempts to enrol are bounded'
urls=
i=0
while [ $((i += 1)) -le 65 ]; do urls="$urls $URL/v1/enrol"; done
token=$(machine_token)
bad=$(printf '%s' "$token")
expect_status 0 env ABRI_CONFIG_DIR="$T/third" "$ABRI" enrol "$URL" "$token" --name third --kdf-memory 1 --kdf-passes 1
for u in $urls; do printf 'next\nurl=%s\nhttp2\ninsecure\nsilent\noutput=/dev/null\nwrite-out=%%{http_code}\\n\ndata=@%s\n' "$u" "$T/enrol.json"; done | sed 1d >"$T/curl.config"
printf '{"token":"%s","request":"x","name":"guess"}' "$bad" >"$T/enrol.json"
curl -K "$T/curl.config" >"$T/codes"
expect_equal "$(grep -c 403 "$T/codes")" 60 'refused tokens'
expect_equal "$(grep -c 423 "$T/codes")" 5 'refused attempts'
expect_status 11 env ABRI_CONFIG_DIR="$T/fourth" "$ABRI" enrol "$URL" "$(machine_token)" --name fourth --kdf-memory 1 --kdf-passes 1
expect_grep 'too many attempts' "$T/err"
backup mail 'others go on'

step 'what nobody uses is told'
call POST /v1/tokens "{\"type\":\"machine\",\"tenant\":\"$TENANT\",\"name\":\"forgotten\"}" >/dev/null
passed $((45 * DAY))
upkeep
[ "$(open_alarms unused)" -ge 3 ] || fail 'machines that were not used for a month, and a token'
call GET '/v1/alarms?open=1' | jq -r '.alarms[] | select(.name == "unused") | .text' >"$T/out"
expect_grep 'its certificate has ended' "$T/out"
expect_grep "'forgotten'" "$T/out"
expect_status 1 as third backup "$S"
expect_grep 'certificate has expired' "$T/err"
call GET /v1/identities >"$T/out"
jq -e ".identities[] | select(.id == \"$(id_of third)\") | .seen != null and .last_snapshot == null and .roles == [] and .vault == \"$(vault_of third)\"" "$T/out" >/dev/null ||
    fail 'the inventory'
jq -e '.identities[] | select(.name == "chief") | .roles == ["owner"] and .vault == null' "$T/out" >/dev/null || fail 'the inventory of people'
expect_status 0 call POST "/v1/identities/$(id_of third)/revoke" '{"reason":"gone"}'
before=$(open_alarms unused)
upkeep
[ "$(open_alarms unused)" -lt "$before" ] || fail 'who was revoked is expected nothing of'

step 'who leaves can be restored through the grace'
[ "$(entries_where '.kind == "forget"')" -ge 1 ] || fail 'of those who stay, rules thin out what is old'
expect_equal "$(entries_where ".kind == \"forget\" and .vault == \"$(vault_of left)\"")" 0
passed $((6 * DAY + 7200 + 179 * DAY))
upkeep
expect_equal "$(entries_where ".kind == \"forget\" and .vault == \"$(vault_of left)\"")" 0
expect_equal "$(call GET '/v1/alarms?open=1' | jq "[.alarms[] | select(.tenant == \"$LEFT\")] | length" | tee "$T/out")" 0 'nothing is expected of a tenant that was closed'
chief=$(call GET /v1/identities | jq -r '.identities[] | select(.name == "chief") | .id')
expect_status 0 call POST /v1/grants "{\"vault\":\"$(vault_of left)\",\"to\":\"$chief\",\"hours\":2,\"reason\":\"they asked\"}"
expect_status 0 env ABRI_CONFIG_DIR="$OWNER" ABRI_CACHE_DIR="$T/cache-owner" "$ABRI" --vault "$URL/$(vault_of left)" restore latest --target "$T/left-restored"
expect_equal "$(cat "$T/left-restored$S/file")" 'last words'
passed $((6 * DAY + 7200 + 181 * DAY))
upkeep
[ "$(entries_where ".kind == \"forget\" and .vault == \"$(vault_of left)\"")" -ge 1 ] || fail 'then rules apply again'
server_stop
