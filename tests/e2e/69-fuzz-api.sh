#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A machine that turned against its server, with a valid certificate: nothing that is stored changes. The number of messages is
# small here; bench/server --rows fuzz sends a million.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"
FUZZ=${6:?usage: $0 <abri> <race.so> <maketree> <falseclock.so> <forge_log> <fuzz_api>}
MESSAGES=${ABRI_TEST_MESSAGES:-6000}
SEED=${ABRI_TEST_SEED:-1}

S="$T/src"
mkdir "$S"
step 'two machines with a history'
server_with_tenant
for name in victim thief; do
    enrol_machine $name '"restore":true'
    for i in 1 2; do
        head -c 300000 /dev/urandom >"$S/random"
        echo "$i" >"$S/file"
        expect_status 0 as $name backup "$S"
    done
done
victim="$ROOT/vaults/$(vault_of victim)" thief="$ROOT/vaults/$(vault_of thief)"
sums() { (cd "$ROOT/vaults" && find . -type f ! -path '*/tmp/*' -print0 | sort -z | xargs -0 sha256sum); }
sums >"$T/before"

step "$MESSAGES messages, seed $SEED"
thief_id="$T/thief/servers/$(ls "$T/thief/servers")"
# What its own vault has, as the beginning of bodies.
timeout "${ABRI_TEST_SECONDS:-600}" "$FUZZ" "$PORT" "$thief_id" "$(vault_of thief)" "$SEED" "$MESSAGES" \
    $(find "$thief/snapshots" "$thief/sessions" "$thief/writers" "$thief/recipients" -type f | sort | head -n 12) \
    $(find "$thief/packs" -type f -size -60k | sort | head -n 4) >"$T/out" 2>"$T/err" ||
    { cat "$T/err" "$T/server.err" >&2; fail 'the server did not go on'; }
cat "$T/out"
expect_grep ' 200×' "$T/out"
expect_grep ' 404×' "$T/out"
expect_no_grep ' 500×' "$T/out"
check_server

step 'all that was there is there, byte for byte'
sums >"$T/after"
missing=$(comm -23 "$T/before" "$T/after" | wc -l)
[ "$missing" -eq 0 ] || { comm -23 "$T/before" "$T/after" >&2; fail "$missing objects went or changed"; }
find "$victim" -newer "$T/before" -type f ! -path '*/tmp/*' | grep -q . && fail "something was written to another machine's vault"
for name in victim thief; do
    expect_status 0 as $name check --read-data
    expect_status 0 as $name restore latest --target "$T/r-$name"
    expect_equal "$(cat "$T/r-$name$S/file")" 2
done
expect_status 0 as victim backup "$S"
as thief backup "$S" >"$T/out" 2>"$T/err" || expect_grep 'began more than 240 backups within an hour' "$T/err"
server_stop
