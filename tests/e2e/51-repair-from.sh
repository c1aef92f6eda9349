#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# repair --from takes from a replica what parity cannot mend; what neither has is
# named file by file.
. "$(dirname "$0")/lib.sh"

A="$T/vault" B="$T/replica" S="$T/src"
make_vault
mkdir "$S"
head -c 5000000 /dev/urandom >"$S/large-a"
head -c 5000000 /dev/urandom >"$S/large-b"
seq 1 3000 >"$S/text"
settle
expect_status 0 "$ABRI" backup "$S"
mkdir "$T/first" && cp -a "$S/." "$T/first/"
first=$(sed -n 's/^snapshot \(.*\) saved/\1/p' "$T/out")
head -c 3000000 /dev/urandom >"$S/later"
rm "$S/text"
settle
expect_status 0 "$ABRI" backup "$S"
expect_status 0 "$ABRI" init --replica-of "$A" -r "$B"
expect_status 0 "$ABRI" copy --to "$B"
cp -r "$A" "$T/sound"

packs=$(cd "$A/packs" && find . -type f -printf '%s %p\n' | sort -rn | cut -d ' ' -f 2)
pack() { echo "$packs" | sed -n "$1p"; }
wipe() { head -c "$(stat -c %s "$1")" /dev/zero >"$T/zeros" && cp "$T/zeros" "$1"; }
same_as_before() { diff -r --exclude=index --exclude=tmp --exclude=parity --exclude=condemned "$T/sound" "$A" >"$T/diff" || { cat "$T/diff" >&2; fail 'not what it was'; }; }

step 'bad input'
expect_status 10 "$ABRI" repair --from "$T/nothing"
expect_one_error
expect_status 2 "$ABRI" repair --from "$A"
expect_one_error
expect_status 0 "$ABRI" init -r "$T/stranger" --kdf-memory 1 --kdf-passes 1
expect_status 2 "$ABRI" repair --from "$T/stranger"
expect_one_error
expect_status 2 "$ABRI" repair something

step 'a sound vault stays as it is'
expect_status 0 "$ABRI" repair --from "$B"
expect_grep 'no damage was found' "$T/out"
same_as_before

step 'beyond what parity bears'
rm -rf "$A/parity"
wipe "$A/packs/$(pack 1)"
rm "$A/packs/$(pack 2)"
truncate -s 100 "$A/packs/$(pack 3)"
wipe "$A/$(cd "$A" && find sessions -type f | sort | head -n 1)"
rm "$(find "$A/sessions" -type f | sort | tail -n 1)"
truncate -s 200 "$A/snapshots/0000000000000001"
wipe "$A/$(cd "$A" && find keys -type f)"
cp -r "$A" "$T/damaged"
expect_status 1 "$ABRI" check --read-data --keyless
(unset ABRI_PASSPHRASE && expect_status 0 "$ABRI" repair --keyless --from "$B") || exit 1
expect_grep 'taken from the replica' "$T/out"
same_as_before
expect_status 0 "$ABRI" check --read-data
expect_status 0 "$ABRI" restore "$first:$S" --target "$T/r"
expect_same_tree "$T/first" "$T/r"
[ -n "$(find "$A/parity/packs" "$A/parity" -type f 2>/dev/null | head -n 1)" ] || fail 'no parity was made'

step 'the same, as JSON, and naming what is left'
rm -rf "$A" && cp -r "$T/damaged" "$A"
dd if=/dev/zero of="$B/packs/$(pack 1)" bs=4096 seek=10 count=1000 conv=notrunc 2>/dev/null
rm -rf "$B/parity"
expect_status 1 "$ABRI" --json repair --from "$B"
[ "$(field summary packs_taken)" -ge 2 ] || fail 'packs_taken'
expect_equal "$(field summary packs_lost)" 1
[ "$(field touched path)" != null ] || fail 'no file was named'
expect_status 3 "$ABRI" restore "$first:$S" --target "$T/r2"
expect_equal "$(cmp "$T/first/text" "$T/r2/text" && echo same)" same 'what is whole'

step 'the next backup stores it again, and a collection heals'
touch "$S/large-a" "$S/large-b" "$S/later"
settle
expect_status 0 "$ABRI" backup --force "$S"
expect_status 0 "$ABRI" restore "latest:$S" --target "$T/r3"
expect_same_tree "$S" "$T/r3"
expect_status 0 "$ABRI" restore "$first:$S" --target "$T/r4"
expect_same_tree "$T/first" "$T/r4"
