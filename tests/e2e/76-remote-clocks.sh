#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The clock of a server: time in which it did not run ends nothing; a clock that jumps, drifts or is false at the start
# ends nothing either, in no vault, over restarts, until two people have confirmed it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/clocks.sh"

S="$T/src"
mkdir -p "$S"
backup() {
    rm -f "$S/file"
    echo "$1" >"$S/file"
    expect_status 0 as web backup "$S"
}

server_with_tenant
enrol_machine web '"restore":true'
expect_equal "$(trusted)" true
backup one
on_day 1
for i in 1 2 3 4 5 6; do backup $i; done
on_day 2
backup two

step 'time in which the server did not run ends no floor'
server_stop
on_day 22
server_start
expect_equal "$(trusted)" true 'the start of the machine explains it'
upkeep
expect_equal "$(entries forget)" 0 'by the clock the floor of 14 days is over, but the server ran for 2'
on_day 30
upkeep
expect_equal "$(entries forget)" 0
on_day 37
upkeep
[ "$(entries forget)" -ge 5 ] || fail 'now it has run for longer than the floor'
forgotten=$(entries forget)

step 'nor a window of the trash'
server_stop
on_day 55
server_start
upkeep
expect_equal "$(entries free)" 0 'by the clock the window of 14 days is over'

step 'a false clock at the start: doubt, an alarm, once'
server_stop
moved 7200
server_start
expect_grep "alarm: clock: the server's clock: it was moved by" "$T/server.err"
expect_equal "$(trusted)" false
expect_equal "$(entries clock suspect)" 1
expect_equal "$(entries alarm clock)" 1
on_day 56
upkeep
expect_equal "$(entries clock suspect)" 1

step 'that the clock is right again does not end the doubt, nor does a restart'
server_kill
moved 0
server_start
expect_grep 'in doubt since an earlier run' "$T/server.err"
on_day 75
upkeep
expect_equal "$(trusted)" false
expect_equal "$(entries free)" 0 'the window is over by clock and ticks, but nobody has confirmed'
expect_equal "$(entries forget)" "$forgotten"
expect_equal "$(entries clock suspect)" 1

step 'one person, or two of one role, do not confirm; two do'
person op operator
person op2 operator
person officer security-officer
expect_status 13 by op POST /v1/requests '{"role":"owner","kind":"clock"}'
expect_status 2 by op POST /v1/requests "{\"role\":\"operator\",\"kind\":\"clock\",\"tenant\":\"$TENANT\"}"
expect_status 2 by op POST /v1/requests '{"role":"operator","kind":"forget","parameters":{"sequences":[1]}}'
expect_status 0 by op POST /v1/requests '{"role":"operator","kind":"clock"}'
request=$(jq -r .request "$T/out")
expect_status 13 by op POST "/v1/requests/$request/approve" '{"role":"operator"}'
expect_status 13 by op2 POST "/v1/requests/$request/approve" '{"role":"operator"}'
upkeep
expect_equal "$(state)" alone
expect_equal "$(trusted)" false
approve officer security-officer
upkeep
expect_equal "$(state)" over
expect_equal "$(trusted)" true
expect_equal "$(entries clock confirmed)" 1
call GET '/v1/log/entries?from=0&count=1000' | jq -r '.entries[].event | select(.kind == "request.execute") | .text' >"$T/out"
expect_grep 'confirmed, in 1 of 1 vaults' "$T/out"
upkeep
[ "$(entries free)" -ge 5 ] || fail 'what waited is free to go now'

step 'an hour a day is too much within a month'
n=0
while [ "$(trusted)" = true ] && [ $n -lt 40 ]; do
    n=$((n + 1))
    on_day $((75 + n))
    moved $((n * 3500))
    upkeep
done
[ $n -gt 20 ] && [ $n -lt 31 ] || fail "doubted after $n days"
expect_equal "$(entries clock suspect)" 2
expect_grep 'alarm: clock: .*in sum' "$T/server.err"
confirm() {
    expect_status 0 env ABRI_CONFIG_DIR="$OWNER" "$ABRI" --vault "$URL" admin request clock --role owner
    request=$(sed -n 's/^asked for: request //p' "$T/out")
    approve officer security-officer
    upkeep
    expect_equal "$(trusted)" true
}
confirm

step 'what was known of the clock is gone, or damaged: doubt'
for harm in rm corrupt; do
    server_stop
    if [ $harm = rm ]; then rm "$ROOT/ticks"; else printf 'X' | dd of="$ROOT/ticks" bs=1 seek=20 conv=notrunc 2>/dev/null; fi
    server_start
    expect_equal "$(trusted)" false "$harm"
    confirm
done

step 'a clock that is earlier than the last entry of the log: doubt, even without any other knowledge'
server_stop
rm "$ROOT/ticks"
moved $(($(cat "$T/moved") - 86400))
server_start
expect_equal "$(trusted)" false
enrol_machine late
expect_status 0 as late backup "$S" # doubt ends nothing; nor does it hinder anybody
server_stop
