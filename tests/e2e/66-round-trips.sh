#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Far away every round trip counts: how many a command makes does not depend on how many snapshots there are.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
command -v /usr/bin/python3 >/dev/null || skip 'no python3'

TURNS_PID=
trap '[ -z "$TURNS_PID" ] || kill "$TURNS_PID"; cleanup_server' EXIT
# Everybody goes through the proxy from here on, under its port.
server_start
mkfifo "$T/port"
: >"$T/turns"
/usr/bin/python3 "$(dirname "$0")/turns.py" "$PORT" "$T/turns" >"$T/port" &
TURNS_PID=$!
read -r port <"$T/port"
expect_status 0 env ABRI_CONFIG_DIR="$OWNER" "$ABRI" enrol "$URL" "$(bootstrap_token)" --name chief
TENANT=$(call POST /v1/tenants '{"name":"Example"}' | jq -r .tenant)
token=$(machine_token '"restore":true')
FAR="https://127.0.0.1:$port"
URL=$FAR
expect_status 0 env ABRI_CONFIG_DIR="$T/web" "$ABRI" enrol "$URL" "$token" --name web --kdf-memory 1 --kdf-passes 1

S="$T/src"
mkdir "$S"
# turns COMMAND…: how many it made
turns() {
    before=$(wc -c <"$T/turns")
    timeout 60 env ABRI_CONFIG_DIR="$T/web" ABRI_CACHE_DIR="$T/cache-web" ABRI_VAULT="$URL" "$ABRI" "$@" >"$T/turns.out" 2>"$T/turns.err" ||
        { cat "$T/turns.err" >&2; fail "abri $* failed"; }
    echo $(($(wc -c <"$T/turns") - before))
}
backups() {
    i=0
    while [ $((i += 1)) -le "$1" ]; do
        echo "$1 $i" >"$S/file"
        turns backup "$S" >"$T/backup"
    done
    cat "$T/backup"
}

step 'few snapshots'
few=$(backups 3)
list=$(turns snapshots)
restore=$(turns restore latest --target "$T/r1")
echo "backup $few, snapshots $list, restore $restore turns"
[ "$few" -le 30 ] || fail "a small backup takes $few turns"
[ "$list" -le 16 ] || fail "a list of snapshots takes $list turns"

step 'many snapshots'
many=$(backups 40)
list_many=$(turns snapshots)
expect_equal "$(grep -c "$S" "$T/turns.out")" 43
restore_many=$(turns restore latest --target "$T/r2")
expect_equal "$(cat "$T/r1$S/file") $(cat "$T/r2$S/file")" '3 3 40 40'
echo "backup $many, snapshots $list_many, restore $restore_many turns"
[ "$many" -le $((few + 6)) ] || fail "a backup takes $many turns after 43 snapshots, $few after 3"
[ "$list_many" -le $((list + 6)) ] || fail "a list of 43 snapshots takes $list_many turns, one of three $list"
[ "$restore_many" -le $((restore + 8)) ] || fail "a restore takes $restore_many turns after 43 snapshots, $restore after 3"

step 'many files: a tree of many nodes is read in few turns'
/usr/bin/python3 - "$T/many" <<'PY'
import hashlib, os, sys
for i in range(20000):
    d = f"{sys.argv[1]}/{i // 1000:02}"
    os.makedirs(d, exist_ok=True)
    os.close(os.open(f"{d}/{hashlib.sha256(str(i).encode()).hexdigest()}", os.O_CREAT | os.O_WRONLY))
PY
turns backup "$T/many" >"$T/backup"
nodes=$(turns ls latest)
echo "ls of 20,000 files $nodes turns"
[ "$nodes" -le 24 ] || fail "a tree of 20,000 files takes $nodes turns"
