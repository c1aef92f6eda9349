#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Locks, holds, tags and the trash of a vault on a server: whatever one person does keeps more, what keeps less takes two, and
# time in which the server did not run ends no lock.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/clocks.sh"

S="$T/src"
mkdir -p "$S"
backup() {
    rm -f "$S/file"
    echo "$1" >"$S/file"
    expect_status 0 as web backup "$S"
}
# listed FILTER: numbers of the snapshots for which it holds.
listed() { admin op --json snapshots web | jq -s -c "[.[] | select(.message_type == \"admin_snapshot\") | select($1) | .sequence]"; }

server_with_tenant
person op operator
person auditor auditor
person customer tenant-admin "$TENANT"
person restorer tenant-restorer "$TENANT"
enrol_machine web '"restore":true'
for i in zero one two three four five; do backup $i; done

step 'a list that needs no right to read'
expect_equal "$(listed true)" '[1,2,3,4,5,6]'
expect_status 0 admin auditor snapshots web
expect_grep '^ *6  *[0-9a-f]\{8\}  20[0-9-]* [0-9:]*  web ' "$T/out"
expect_status 0 call GET "/v1/vaults/$(vault_of web)/snapshots?from=5"
expect_equal "$(jq -c '[[.snapshots[].sequence], .next]' "$T/out")" '[[5,6],null]'

step 'who may'
id=$(admin op --json snapshots web | jq -s -r '.[2].snapshot')
expect_status 0 admin customer lock web 2 --until 60d
expect_grep '1 snapshot locked' "$T/out"
expect_status 0 admin op hold web "$(echo "$id" | cut -c 1-10)" --reason 'file 4711'
for who in auditor restorer; do
    expect_status 13 admin $who lock web 2 --until 90d
    expect_status 13 admin $who hold web 2 --reason no
    expect_status 13 admin $who tag web 2 --tag no
done
expect_status 13 admin auditor undelete web 2
expect_status 13 env ABRI_CONFIG_DIR="$T/web" "$ABRI" --vault "$URL" admin call POST "/v1/vaults/$(vault_of web)/snapshots/lock" '{"sequences":[2],"until":"90d"}'
expect_status 0 call POST /v1/tenants '{"name":"Other"}'
person stranger tenant-admin "$(jq -r .tenant "$T/out")"
for verb in lock hold tag undelete; do
    expect_status 1 by stranger POST "/v1/vaults/$(vault_of web)/snapshots/$verb" '{"sequences":[2],"until":"90d","reason":"no","tag":"no"}'
done
expect_status 1 by stranger GET "/v1/vaults/$(vault_of web)/snapshots"

step 'what makes no sense'
expect_status 1 admin op lock web 2 9 --until 90d
expect_grep "'9'" "$T/err"
expect_status 2 admin op lock web 2 --until 10d
expect_grep 'can only be extended' "$T/err"
expect_status 2 admin op lock web 4 --until 2001-01-01
expect_status 2 admin op lock web 4 --until soon
expect_status 2 admin op lock web 4 --until 900y
expect_status 2 admin op hold web 4
expect_status 2 by op POST "/v1/vaults/$(vault_of web)/snapshots/lock" '{"sequences":[],"until":"90d"}'
expect_status 1 by op POST "/v1/vaults/$(vault_of web)/snapshots/lock" '{"sequences":[5,7],"until":"90d"}'
expect_equal "$(listed '.sequence == 5 and .locked_until')" '[]' 'none of them, or all'

step 'the machine sees it, and cannot change it'
as web --json snapshots | jq -s -c '[.[] | select(.message_type == "snapshot") | [.sequence, .locked_until != null, .held]]' >"$T/out"
expect_equal "$(cat "$T/out")" '[[1,false,null],[2,true,null],[3,false,"file 4711"],[4,false,null],[5,false,null],[6,false,null]]'
for verb in 'lock latest --until 30d' 'hold latest --reason x' 'undelete latest' 'tag latest --add x' 'forget latest'; do
    # shellcheck disable=SC2086
    expect_status 13 as web $verb
    expect_grep 'admin' "$T/err"
done

step 'a tag is there, for the machine, too'
expect_status 0 admin op tag web 6 --tag before-migration
as web snapshots --tag before-migration --json | jq -s -c '[.[] | select(.message_type == "snapshot") | .sequence]' >"$T/out"
expect_equal "$(cat "$T/out")" '[6]'

step 'rules forget neither what is locked nor what is held'
on_day 25
upkeep
expect_equal "$(listed '.trash_until')" '[4,5]'
expect_status 0 admin op snapshots web --trash
expect_equal "$(grep -c 'in the trash until' "$T/out")" 2

step 'what was forgotten comes back, and stays'
expect_status 0 admin restorer undelete web 4
expect_status 0 admin restorer undelete web 4
upkeep
expect_equal "$(listed '.trash_until')" '[5]'
expect_status 0 as web restore "$(admin op --json snapshots web | jq -s -r '.[3].snapshot')" --target "$T/r"
expect_equal "$(cat "$T/r$S/file")" three
on_day 45
upkeep
expect_equal "$(listed true)" '[1,2,3,4,6]' 'the window of number 5 is over'
expect_status 1 admin op undelete web 5

step 'time in which the server did not run ends no lock'
server_stop
on_day 70
server_start
upkeep
expect_equal "$(trusted)" true
expect_equal "$(listed '.trash_until')" '[]' 'by the clock the lock of number 2 is over, but 45 of its 60 days have passed'
on_day 84
upkeep
expect_equal "$(listed '.trash_until')" '[4]' 'of number 4 it is over'
on_day 87
upkeep
expect_equal "$(listed '.trash_until')" '[2,4]'

step 'one person does not release what is held; two do, after the time'
ask op operator release '{"sequences":[3]}' "\"vault\":\"$(vault_of web)\""
on_day 95
upkeep
expect_equal "$(state)" alone
person officer security-officer
approve officer security-officer
upkeep
expect_equal "$(state)" over
expect_equal "$(listed '.held')" '[]'
upkeep
expect_equal "$(listed '.trash_until' | jq 'index(3) != null')" true
expect_equal "$(entries protect release)" 1

step 'all of it is in the log'
expect_equal "$(entries protect lock)" 3
expect_equal "$(entries protect hold)" 1
expect_equal "$(entries protect tag)" 1
expect_equal "$(entries undelete)" 1
server_stop
