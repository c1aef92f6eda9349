#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check finds damage, and names exactly the files of the snapshots that it touches.
. "$(dirname "$0")/lib.sh"

make_vault
S="$T/src"
mkdir "$S"
head -c 2500000 /dev/urandom >"$S/large-a"
head -c 2500000 /dev/urandom >"$S/large-b"
echo small >"$S/small"
settle
expect_status 0 "$ABRI" backup "$S"
first=$(sed -n 's/^snapshot \(.*\) saved/\1/p' "$T/out")

step 'a sound vault'
expect_status 0 "$ABRI" check
expect_grep 'no damage' "$T/out"
expect_status 0 "$ABRI" check --read-data
expect_status 0 "$ABRI" check --keyless --read-data
expect_status 0 env -u ABRI_PASSPHRASE setsid "$ABRI" check --keyless
expect_status 12 env -u ABRI_PASSPHRASE setsid "$ABRI" check
expect_one_error

step 'parts'
expect_status 0 "$ABRI" check --read-data-subset 50%
for part in 0/3 4/3 0% 101% x 1/0; do
    expect_status 2 "$ABRI" check --read-data-subset $part
    expect_one_error
done
expect_status 0 "$ABRI" --json check
structure=$(field summary bytes_read) # read in any case
expect_status 0 "$ABRI" --json check --read-data
whole=$(field summary bytes_read)
sum=$((-2 * structure))
for part in 1/3 2/3 3/3; do
    expect_status 0 "$ABRI" --json check --read-data-subset $part
    sum=$((sum + $(field summary bytes_read)))
done
expect_equal "$sum" "$whole" 'all parts together'
expect_status 0 "$ABRI" --json check --read-data-subset 1T
expect_equal "$(field summary bytes_read)" "$whole"

# A second snapshot whose new file lies in a pack of its own.
head -c 2500000 /dev/urandom >"$S/later"
cp -r "$T/vault" "$T/sound-1"
settle
expect_status 0 "$ABRI" backup "$S"
second=$(sed -n 's/^snapshot \(.*\) saved/\1/p' "$T/out")
cp -r "$T/vault" "$T/sound"
new_pack=$(cd "$T/vault/packs" && find . -type f -size +1000k | sort | while read -r p; do
    [ -e "$T/sound-1/packs/$p" ] || echo "$p"; done | head -n 1)
[ -n "$new_pack" ] || fail 'no pack for the new file'

restore_vault() { rm -rf "$T/vault"; cp -r "$T/sound" "$T/vault"; }
# flip FILE OFFSET: another byte there
flip() {
    chmod u+w "$1"
    byte=$(dd if="$1" bs=1 skip="$2" count=1 2>/dev/null | od -An -tu1 | tr -d ' ')
    printf "\\$(printf '%03o' $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

step 'one flipped bit in the content'
flip "$T/vault/packs/$new_pack" 500000
expect_status 0 "$ABRI" check
expect_status 1 "$ABRI" check --read-data
expect_grep "damaged in snapshot $second .*: $S/later\$" "$T/out"
expect_no_grep 'large-a\|large-b\|small' "$T/out"
expect_no_grep "snapshot $first" "$T/out"
expect_grep '^abri: damaged: pack' "$T/err"
expect_grep 'touches 1 file' "$T/err"
expect_status 1 "$ABRI" check --read-data --keyless
expect_grep '^abri: damaged: pack' "$T/err"
expect_no_grep "$S" "$T/out"

step 'the same in JSON'
expect_status 1 "$ABRI" --json check --read-data
expect_equal "$(field touched path)" "$S/later"
expect_equal "$(field touched snapshot_id | cut -c 1-8)" "$second"
[ "$(field summary damaged)" -ge 1 ] || fail 'no damage counted'

step 'restoring saves all but the damaged file'
expect_status 3 "$ABRI" restore "latest:$S" -t "$T/r"
expect_grep "$S/later" "$T/err"
cmp "$S/large-a" "$T/r/large-a" || fail 'a sound file is not as it was'

step 'a pack is gone'
restore_vault
rm -f "$T/vault/packs/$new_pack"
expect_status 1 "$ABRI" check
expect_grep "damaged in snapshot $second .*: $S/later\$" "$T/out"
expect_no_grep 'large-a' "$T/out"
expect_status 1 "$ABRI" check --keyless

step 'a pack was cut'
restore_vault
chmod u+w "$T/vault/packs/$new_pack"
truncate -s -100 "$T/vault/packs/$new_pack"
expect_status 1 "$ABRI" check --read-data
expect_grep "$S/later\$" "$T/out"
expect_no_grep 'large-a' "$T/out"

step 'a record was altered'
restore_vault
record=$(find "$T/vault/snapshots" -type f | sort | tail -n 1)
flip "$record" 60
expect_status 1 "$ABRI" check
expect_status 1 "$ABRI" check --keyless
expect_status 1 "$ABRI" snapshots
expect_grep "^$first" "$T/out"

step 'a file that the next backup still finds is stored again'
restore_vault
rm -f "$T/vault/packs/$new_pack"
expect_status 0 "$ABRI" backup "$S"
expect_status 0 "$ABRI" restore "latest:$S" -t "$T/healed" --verify
expect_same_tree "$S" "$T/healed"

step 'every object, one flipped bit: check never says all is well, nor crashes'
restore_vault
find "$T/vault" -type f ! -path '*/index/*' ! -path '*/tmp/*' | sort >"$T/objects"
while read -r object; do
    restore_vault
    flip "$object" $(($(stat -c %s "$object") / 2))
    "$ABRI" check --read-data >"$T/out" 2>"$T/err" </dev/null
    got=$?
    case $got in 0) fail "no damage seen in $object" ;; 1 | 12) ;; *) fail "status $got for $object" ;; esac
    grep -q 'AddressSanitizer\|runtime error:' "$T/err" && fail "a sanitizer spoke for $object"
done <"$T/objects"
