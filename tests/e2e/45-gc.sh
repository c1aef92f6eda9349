#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# gc gives back space, and nothing that a snapshot needs: forgotten ones can be
# brought back until their window ends, packs that are needed in part are copied,
# and a reader that knows only docs/format finds what was moved.
. "$(dirname "$0")/lib.sh"
CLOCK=${4:?usage: $0 <abri> <race.so> <maketree> <falseclock.so>}
reader=$(dirname "$0")/../../tools/second-reader
DAY=86400
# Time goes on for everybody: a keeper that has seen a later time trusts none before.
export ABRI_TEST_PASSED=0
abri() { env LD_PRELOAD="${LD_PRELOAD:-}${LD_PRELOAD:+:}$CLOCK" ASAN_OPTIONS=verify_asan_link_order=0 "$ABRI" "$@"; }
days_later() { ABRI_TEST_PASSED=$((ABRI_TEST_PASSED + $1 * DAY)); }
vault_size() { du -sb "$T/vault/packs" | cut -f1; }
random() { head -c "$2" /dev/urandom >"$1"; }

make_vault
mkdir "$T/src"
for i in 1 2 3 4 5 6; do random "$T/src/keep$i" 300000; done
for i in 1 2 3 4 5 6; do random "$T/src/drop$i" 300000; done
expect_status 0 abri backup "$T/src"
full=$(vault_size)
rm "$T"/src/drop*
settle
expect_status 0 abri backup "$T/src"

step 'while both live, nothing goes'
expect_status 0 abri gc --keep-swept 0
expect_grep '^2 snapshots need' "$T/out"
expect_grep '^removed 0 packs' "$T/out"

step 'in the trash, nothing goes either'
expect_status 0 abri --json snapshots
first=$(jq -r 'select(.message_type == "snapshot") | .short_id' "$T/out" | head -n 1)
expect_status 0 abri forget "$first"
days_later 6
expect_status 0 abri gc --keep-swept 0
expect_grep '^2 snapshots need' "$T/out"
expect_grep '^removed 0 packs' "$T/out"
expect_status 0 abri undelete "$first"
expect_status 0 abri restore "$first:$T/src" --target "$T/back"
[ -f "$T/back/drop1" ] || fail 'not restored'
expect_status 0 abri forget "$first"

step 'a dry run tells, and changes nothing'
days_later 8
before=$(find "$T/vault" -type f | sort | sha256sum)
expect_status 0 abri gc --dry-run
expect_grep 'would remove 1 snapshot' "$T/out"
expect_grep 'would condemn' "$T/out"
expect_equal "$(find "$T/vault" -type f | sort | sha256sum)" "$before"

step 'a clock that jumped frees nothing'
export ABRI_TEST_MOVED=$((8 * DAY))
expect_status 1 abri gc --keep-swept 0
expect_grep 'clock' "$T/err"
expect_equal "$(ls "$T/vault/snapshots" | wc -l)" 2
unset ABRI_TEST_MOVED

step 'when its time is over, it goes; first swept, then removed'
expect_status 0 abri --json gc
expect_equal "$(field summary snapshots_removed)" 1
[ "$(field summary packs_swept)" -gt 0 ] || fail 'nothing swept'
[ "$(field summary bytes_copied)" -gt 0 ] || fail 'nothing copied'
expect_equal "$(field summary packs_removed)" 0
expect_status 0 abri gc
expect_grep '^removed 0 packs' "$T/out"
days_later 2
expect_status 0 abri --json gc
[ "$(field summary packs_removed)" -gt 0 ] || fail 'nothing removed'
now=$(vault_size)
[ "$now" -lt $((full * 6 / 10)) ] || fail "still $now of $full bytes"
expect_status 0 abri check --read-data
expect_status 0 abri restore "latest:$T/src" --target "$T/back2"
expect_same_tree "$T/src" "$T/back2"

step 'the next backup uses what was moved'
settle
expect_status 0 abri --json backup --force-read "$T/src"
[ "$(field summary data_added_content)" -lt 100000 ] || fail "stored again: $(field summary data_added_content)"
expect_status 0 abri check --read-data

step 'the index may be lost'
rm -rf "$T/vault/index"
expect_status 0 abri restore "latest:$T/src" --target "$T/back3"
expect_same_tree "$T/src" "$T/back3"

if /usr/bin/python3 -c 'import nacl, cryptography, zstandard' 2>/dev/null; then
    step 'the second reader finds moved frames'
    expect_status 0 "$reader" "$T/vault" restore latest "$T/back4"
    expect_same_tree "$T/src" "$T/back4$T/src"
fi

step 'bad input'
for bad in '--max-rewrite x' '--max-unused 200%' '--keep-swept soon' 'word'; do
    # shellcheck disable=SC2086
    expect_status 2 abri gc $bad
    expect_one_error
done
expect_status 10 abri -r "$T/nowhere" gc
expect_one_error

if [ "$IS_ROOT" = yes ] && mkdir "$T/small" && mount -t tmpfs -o size=6m none "$T/small" 2>/dev/null; then
    step 'a file system that fills during gc'
    MOUNTS="$T/small"
    cp -a "$T/vault" "$T/small/v"
    rm -rf "$T/small/v/index"
    for i in 1 2 3; do random "$T/src/more$i" 400000; done
    expect_status 0 abri -r "$T/small/v" backup "$T/src"
    rm "$T/src/more2"
    settle
    expect_status 0 abri -r "$T/small/v" backup "$T/src"
    expect_status 0 abri -r "$T/small/v" forget --keep-last 1
    random "$T/small/fill" 40000000 2>/dev/null
    days_later 8
    expect_status 1 abri -r "$T/small/v" gc --keep-swept 0 --max-unused 0%
    expect_grep 'No space' "$T/err"
    expect_one_error
    rm "$T/small/fill"
    expect_status 0 abri -r "$T/small/v" check --read-data
    expect_status 0 abri -r "$T/small/v" gc --keep-swept 0 --max-unused 0%
    expect_status 0 abri -r "$T/small/v" restore "latest:$T/src" --target "$T/back5"
    expect_same_tree "$T/src" "$T/back5"
fi
