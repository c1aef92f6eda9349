#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Replicas: made once with the passphrase, filled without any key; whole, under
# the same ids and dates; each keeper forgets for itself.
. "$(dirname "$0")/lib.sh"

A="$T/vault" B="$T/replica" S="$T/src"
without_key() { (unset ABRI_PASSPHRASE && "$@"); }
copy() { expect_status 0 without_key "$ABRI" copy --to "$B" "$@"; }
ids() { "$ABRI" -r "$1" --json snapshots 2>/dev/null | jq -r 'select(.message_type == "snapshot") | "\(.id) \(.time)"' | sort; }
count_ids() { ids "$1" | wc -l; }
saved() { sed -n 's/^snapshot \(.*\) saved/\1/p' "$T/out"; }
backup() {
    settle
    expect_status 0 "$ABRI" backup "$S" "$@"
}
vault_sum() { (cd "$1" && find . -type f ! -path './index/*' ! -path './tmp/*' -exec sha256sum {} + | sort | sha256sum); }

make_vault
mkdir -p "$S/deep/er"
head -c 3000000 /dev/urandom >"$S/large"
seq 1 20000 >"$S/deep/text"
ln -s text "$S/deep/link"
backup
first=$(saved)
rm "$S/large"
head -c 2000000 /dev/urandom >"$S/deep/er/other"
backup --tag nightly
second=$(saved)
mkdir "$T/second" && cp -a "$S/." "$T/second/"
expect_status 0 "$ABRI" tag "$first" --add moved

step 'making a replica'
expect_status 2 "$ABRI" copy
expect_one_error
expect_status 10 "$ABRI" copy --to "$B"
expect_one_error
expect_status 10 "$ABRI" init --replica-of "$T/nothing" -r "$B"
expect_status 12 env ABRI_PASSPHRASE=wrong "$ABRI" init --replica-of "$A" -r "$B"
expect_status 2 "$ABRI" init --replica-of "$A" -r "$B" --shared
expect_status 2 "$ABRI" init -r "$B" --new-passphrase
[ ! -e "$B" ] || fail 'a refused replica left something'
expect_status 0 "$ABRI" init --replica-of "$A" -r "$B"
expect_grep 'it is empty' "$T/out"
expect_status 1 "$ABRI" init --replica-of "$A" -r "$B"
expect_one_error
expect_status 0 "$ABRI" -r "$B" check

step 'a copy needs no key, and a dry run does nothing'
before=$(vault_sum "$B")
copy --dry-run
expect_grep 'would copy 2 snapshots' "$T/out"
expect_equal "$(vault_sum "$B")" "$before"
before=$(vault_sum "$A")
copy
expect_grep 'copied 2 snapshots' "$T/out"
expect_equal "$(vault_sum "$A")" "$before" 'the source changed'
expect_equal "$(ids "$B")" "$(ids "$A")" 'ids and dates'
expect_status 0 "$ABRI" -r "$B" check --read-data
expect_grep 'no damage was found' "$T/out"
expect_status 0 "$ABRI" -r "$B" snapshots
expect_grep "^$first.*moved" "$T/out"
expect_grep "^$second.*nightly" "$T/out"
expect_status 0 "$ABRI" -r "$B" restore "latest:$S" --target "$T/r1"
expect_same_tree "$T/second" "$T/r1"
expect_status 0 "$ABRI" -r "$B" restore "$first:$S" --target "$T/r2"
[ "$(stat -c %s "$T/r2/large")" = 3000000 ] || fail 'the first snapshot is not whole'

step 'what is there is not copied again'
copy
expect_grep 'copied 0 snapshots, 0 B; 2 were there already' "$T/out"
seq 1 100 >"$S/new"
backup
third=$(saved)
expect_status 0 without_key "$ABRI" --json copy --to "$B"
expect_equal "$(field copied short_id)" "$third"
expect_equal "$(field summary snapshots_copied)" 1
expect_equal "$(field summary snapshots_present)" 2
[ "$(field summary bytes)" -lt 300000 ] || fail "copied $(field summary bytes) bytes for a small file"

step 'choosing'
C="$T/third"
expect_status 0 "$ABRI" init --replica-of "$A" -r "$C"
expect_status 0 "$ABRI" copy --to "$C" --tag nightly
expect_equal "$(count_ids "$C")" 1
expect_status 0 "$ABRI" copy --to "$C" --host nobody
expect_equal "$(count_ids "$C")" 1
expect_status 1 "$ABRI" copy --to "$C" ffffffff
expect_one_error
expect_status 2 "$ABRI" copy --to "$C" latest --tag nightly
expect_status 0 "$ABRI" copy --to "$C" --newer
expect_grep 'copied 1 snapshot,' "$T/out"
expect_status 0 "$ABRI" -r "$C" restore "$third:$S" --target "$T/r3"
expect_same_tree "$S" "$T/r3"
expect_status 0 "$ABRI" -r "$C" check --read-data

step 'each keeper forgets for itself'
expect_status 0 "$ABRI" -r "$C" forget "$second"
expect_status 0 "$ABRI" copy --to "$C" "$second" # in its trash
expect_grep 'copied 0 snapshots' "$T/out"
expect_equal "$(count_ids "$C")" 1
expect_equal "$(count_ids "$A")" 3
expect_status 0 "$ABRI" -r "$C" undelete "$second"
expect_status 0 "$ABRI" forget --keep-last 1
expect_equal "$(count_ids "$A")" 1
expect_equal "$(count_ids "$B")" 3
expect_status 0 "$ABRI" undelete "$first" "$second"

step 'dates of copies count for the rules'
expect_status 0 "$ABRI" -r "$B" forget --keep-last 1 --dry-run
expect_grep "$third.*last 1 of 1" "$T/out"

step 'a machine may back up to both'
settle
expect_status 0 "$ABRI" -r "$B" backup "$S"
direct=$(saved)
expect_status 0 "$ABRI" -r "$B" copy --to "$A"
expect_grep "copied $direct" "$T/out"
echo more >>"$S/new"
backup
copy
expect_status 0 "$ABRI" check --read-data
expect_status 0 "$ABRI" -r "$B" check --read-data
expect_equal "$(ids "$B")" "$(ids "$A")"

step 'a passphrase of its own'
D="$T/fourth"
printf 'another one\n' >"$T/another"
expect_status 0 "$ABRI" init --replica-of "$A" -r "$D" --new-passphrase-file "$T/another" --kdf-memory 1 --kdf-passes 1
expect_status 0 "$ABRI" copy --to "$D"
expect_status 12 "$ABRI" -r "$D" ls latest
expect_status 0 "$ABRI" -r "$D" --passphrase-file "$T/another" restore "latest:$S" --target "$T/r4"
expect_same_tree "$S" "$T/r4"
expect_status 0 "$ABRI" -r "$D" --passphrase-file "$T/another" check --read-data

step 'keys that were changed go along'
printf 'the new one\n' >"$T/new"
expect_status 0 "$ABRI" key rotate --new-passphrase-file "$T/new" --kdf-memory 1 --kdf-passes 1
echo again >>"$S/new"
backup
copy
export ABRI_PASSPHRASE='the new one'
expect_status 0 "$ABRI" -r "$B" check --read-data
expect_status 0 "$ABRI" -r "$B" restore "$first:$S/large" --target "$T/r5"
expect_status 0 "$ABRI" -r "$B" key reseal
sealed=$(find "$B/sessions" "$B/resealed" -type f | sort)
copy # originals that were sealed anew there stay away
expect_equal "$(find "$B/sessions" "$B/resealed" -type f | sort)" "$sealed"
printf 'a third one\n' >"$T/new"
expect_status 0 "$ABRI" -r "$B" key rotate --new-passphrase-file "$T/new" --kdf-memory 1 --kdf-passes 1
echo and again >>"$S/new"
backup
copy # the source has an older list: fine
ABRI_PASSPHRASE='a third one'
expect_status 0 "$ABRI" -r "$B" check --read-data
ABRI_PASSPHRASE='the new one'
expect_status 0 "$ABRI" key rotate --new-passphrase-file "$T/another" --kdf-memory 1 --kdf-passes 1
ABRI_PASSPHRASE='another one'
expect_status 2 "$ABRI" copy --to "$B"
expect_one_error
expect_grep 'have parted' "$T/err"

step 'strangers'
expect_status 0 "$ABRI" init -r "$T/stranger" --kdf-memory 1 --kdf-passes 1
expect_status 2 "$ABRI" copy --to "$T/stranger"
expect_one_error
expect_grep 'is no replica' "$T/err"
cp -r "$A" "$T/plain"
expect_status 2 "$ABRI" copy --to "$T/plain"
expect_one_error
expect_status 2 "$ABRI" copy --to "$A"

step 'a killed copy goes on'
E="$T/fifth"
head -c 60000000 /dev/urandom >"$S/bulk"
backup
expect_status 0 "$ABRI" init --replica-of "$A" -r "$E"
"$ABRI" copy --to "$E" >/dev/null 2>&1 &
pid=$!
until [ -n "$(find "$E/packs" -type f 2>/dev/null | head -n 1)" ] || ! kill -0 "$pid" 2>/dev/null; do :; done
kill -9 "$pid" 2>/dev/null
wait "$pid" 2>/dev/null
expect_status 0 "$ABRI" -r "$E" check
expect_status 0 "$ABRI" copy --to "$E"
expect_equal "$(ids "$E")" "$(ids "$A")"
expect_status 0 "$ABRI" -r "$E" check --read-data
expect_status 0 "$ABRI" -r "$E" gc
[ -z "$(find "$E/tmp" -type f)" ] || fail "leftovers in tmp: $(ls -l "$E/tmp")"

step 'damage costs those that need it'
F="$T/sixth"
big=$(find "$A/packs" -type f -printf '%s %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)
dd if=/dev/zero of="$big" bs=4096 seek=1000 count=2000 conv=notrunc 2>/dev/null
expect_status 0 "$ABRI" init --replica-of "$A" -r "$F"
expect_status 3 "$ABRI" copy --to "$F"
expect_grep 'not copied' "$T/err"
expect_equal "$(($(count_ids "$F") + 1))" "$(count_ids "$A")"
expect_status 0 "$ABRI" -r "$F" check --read-data

if [ "$IS_ROOT" = yes ] && mkdir "$T/small" && mount -t tmpfs -o size=8m none "$T/small" 2>/dev/null; then
    MOUNTS="$T/small"
    step 'a replica on a disk that fills'
    expect_status 0 "$ABRI" init --replica-of "$E" -r "$T/small/replica"
    expect_status 1 "$ABRI" -r "$E" copy --to "$T/small/replica"
    expect_grep 'No space left' "$T/err"
    expect_status 0 "$ABRI" -r "$T/small/replica" check
    mount -o remount,size=300m "$T/small"
    expect_status 0 "$ABRI" -r "$E" copy --to "$T/small/replica"
    expect_equal "$(ids "$T/small/replica")" "$(ids "$E")"
    step 'a source that cannot be written'
    mount -o remount,ro "$T/small"
    expect_status 0 "$ABRI" init --replica-of "$T/small/replica" -r "$T/seventh"
    expect_status 0 "$ABRI" -r "$T/small/replica" copy --to "$T/seventh"
    expect_equal "$(ids "$T/seventh")" "$(ids "$E")"
fi
