#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Backups, a collection, a check, a restore and a forget on one vault at once, from
# processes of their own; some are killed. All is correct, nothing has to be cleaned
# up, and nobody is told to wait for another.
. "$(dirname "$0")/lib.sh"
CLOCK=${4:?usage: $0 <abri> <race.so> <maketree> <falseclock.so>}
# The one that collects lives faster: else nothing in the trash would ever be over.
hours=0
later() { # HOURS WORD…
    hours=$((hours + $1))
    shift
    LD_PRELOAD="${LD_PRELOAD:-}${LD_PRELOAD:+:}$CLOCK" ASAN_OPTIONS=verify_asan_link_order=0 \
        ABRI_TEST_PASSED=$((hours * 3600)) "$ABRI" "$@"
}
gc() { later 2 gc --keep-swept 0 --max-unused 0%; }
ROUNDS=${ABRI_ROUNDS:-6}

make_vault
expect_status 0 "$ABRI" floor --trash-window 0
for who in a b; do
    mkdir "$T/$who"
    for i in 1 2 3 4 5 6 7 8; do head -c 200000 /dev/urandom >"$T/$who/f$i"; done
    expect_status 0 "$ABRI" backup "$T/$who"
done
cp -a "$T/a" "$T/fixed"
expect_status 0 "$ABRI" backup "$T/fixed"
expect_status 0 "$ABRI" hold latest --reason 'restored all the time'
expect_status 0 "$ABRI" --json snapshots
fixed=$(jq -r 'select(.message_type == "snapshot") | .short_id' "$T/out" | tail -n 1)

# Each does its part ROUNDS times, and says `failed:` if something does not succeed.
backups() { # NAME
    i=0
    while [ $i -lt "$ROUNDS" ]; do
        head -c 200000 /dev/urandom >"$T/$1/f$((i % 8 + 1))"
        "$ABRI" backup "$T/$1" || echo "failed: backup of $1"
        i=$((i + 1))
    done
}
collections() {
    i=0
    while [ $i -lt "$ROUNDS" ]; do
        later 2 forget --keep-last 2 >/dev/null || echo 'failed: forget'
        gc || echo 'failed: gc'
        i=$((i + 1))
    done
}
readers() {
    i=0
    while [ $i -lt "$ROUNDS" ]; do
        "$ABRI" check --read-data || echo 'failed: check'
        "$ABRI" restore "$fixed:$T/fixed" --target "$T/back$i" || echo 'failed: restore'
        diff -r "$T/fixed" "$T/back$i" || echo 'failed: differs'
        i=$((i + 1))
    done
}
victims() { # backups that are killed somewhere
    i=0
    while [ $i -lt "$ROUNDS" ]; do
        head -c 3000000 /dev/urandom >"$T/v"
        "$ABRI" backup "$T/v" &
        pid=$!
        n=0
        while kill -0 $pid 2>/dev/null && [ $n -lt $((i * 40)) ]; do n=$((n + 1)); done
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null
        i=$((i + 1))
    done
}

step 'all at once'
backups a >"$T/log.a" 2>&1 &
pids=$!
backups b >"$T/log.b" 2>&1 &
pids="$pids $!"
(collections; echo "$hours" >"$T/hours") >"$T/log.gc" 2>&1 &
pids="$pids $!"
readers >"$T/log.read" 2>&1 &
pids="$pids $!"
victims >"$T/log.victims" 2>&1 &
pids="$pids $!"
# shellcheck disable=SC2086
wait $pids
for log in "$T"/log.*; do
    if grep -q 'failed:\|Sanitizer\|runtime error' "$log"; then
        cat "$log" >&2
        fail "$(basename "$log")"
    fi
done
grep -h 'pack.* wait\|taken back\|^removed' "$T/log.gc"

step 'afterwards all is as it should be'
expect_status 0 "$ABRI" check --read-data
for who in a b fixed; do
    expect_status 0 "$ABRI" snapshots --path "$T/$who"
    expect_status 0 "$ABRI" restore "$("$ABRI" --json snapshots --path "$T/$who" | jq -r 'select(.message_type == "snapshot") | .short_id' | tail -n 1):$T/$who" --target "$T/last-$who"
    expect_same_tree "$T/$who" "$T/last-$who"
done

hours=$(cat "$T/hours")
step 'the dead left nothing that stands in the way'
expect_status 0 gc
expect_status 0 gc
expect_no_grep 'wait' "$T/out"
expect_equal "$(find "$T/vault/tmp" -name 'lease-*' | wc -l)" 0
expect_status 0 "$ABRI" check --read-data
