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
