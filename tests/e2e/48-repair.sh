#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check --repair mends what parity can; the rest is named file by file, stays
# restorable without what is lost, and is stored again by the next backup.
. "$(dirname "$0")/lib.sh"

make_vault
S="$T/src"
mkdir "$S"
head -c 6000000 /dev/urandom >"$S/large-a"
head -c 6000000 /dev/urandom >"$S/large-b"
echo small >"$S/small"
settle
expect_status 0 "$ABRI" backup "$S"
first=$(sed -n 's/^snapshot \(.*\) saved/\1/p' "$T/out")
head -c 3000000 /dev/urandom >"$S/later"
settle
expect_status 0 "$ABRI" backup "$S"
second=$(sed -n 's/^snapshot \(.*\) saved/\1/p' "$T/out")
cp -r "$T/vault" "$T/sound"

packs() { (cd "$T/sound/packs" && find . -type f -size "$1" | sort); }
big=$(cd "$T/sound/packs" && find . -type f -printf '%s %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)
late=$(cd "$T/sound/packs" && find . -type f -size +2000k -size -4000k | head -n 1)
meta=$(cd "$T/sound/packs" && find . -type f -size -1000k | sort | head -n 1)
[ -n "$big" ] && [ -n "$late" ] && [ -n "$meta" ] && [ "$big" != "$late" ] || fail 'not the packs that were expected'

restore_vault() { rm -rf "$T/vault"; cp -r "$T/sound" "$T/vault"; chmod -R u+w "$T/vault"; }
flip() {
    byte=$(dd if="$1" bs=1 skip="$2" count=1 2>/dev/null | od -An -tu1 | tr -d ' ')
    printf "\\$(printf '%03o' $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
zero() { dd if=/dev/zero of="$1" bs=4096 seek="$2" count="$3" conv=notrunc 2>/dev/null; }
same_packs() { diff -r "$T/sound/packs" "$T/vault/packs" >"$T/diff" || { cat "$T/diff" >&2; fail 'packs are not as they were'; }; }
same_parity() { diff -r "$T/sound/parity" "$T/vault/parity" >"$T/diff" || { cat "$T/diff" >&2; fail 'parity is not as it was'; }; }
# Mended, all of it, and back to the bytes that were.
expect_mended() {
    expect_status 0 "$ABRI" check --repair --keyless
    expect_grep "^mended: packs/" "$T/out"
    same_packs
    same_parity
    expect_status 0 "$ABRI" check --read-data
    expect_grep 'no damage was found' "$T/out"
}

step 'a sound vault stays as it is'
expect_status 0 "$ABRI" check --repair
expect_grep 'no damage was found' "$T/out"
same_packs
same_parity
expect_status 2 "$ABRI" check --repair --read-data-subset 1/2
expect_one_error

step 'parity costs little'
data=$(du -sb --apparent-size "$T/vault/packs" | cut -f 1)
parity=$(find "$T/vault/parity" -type f -printf '%s\n' | awk '{ s += $1 } END { print s }')
[ $((parity * 100)) -lt $((data * 5)) ] || fail "parity takes $parity of $data"

step 'flipped bits'
flip "$T/vault/packs/$big" 100000
flip "$T/vault/packs/$big" 4000000
flip "$T/vault/packs/$meta" 70
expect_status 1 "$ABRI" check --read-data --keyless
expect_mended

step 'the ends of a pack'
restore_vault
flip "$T/vault/packs/$big" 3
flip "$T/vault/packs/$late" $(($(stat -c %s "$T/sound/packs/$late") - 3))
expect_status 1 "$ABRI" check --keyless
expect_mended

step 'a burst of lost sectors'
restore_vault
zero "$T/vault/packs/$big" 500 60
expect_mended

step 'a pack that was cut'
restore_vault
truncate -s -50000 "$T/vault/packs/$big"
expect_mended

step 'two packs exchanged'
restore_vault
mv "$T/vault/packs/$big" "$T/other"
mv "$T/vault/packs/$late" "$T/vault/packs/$big"
mv "$T/other" "$T/vault/packs/$late"
expect_status 1 "$ABRI" check --keyless
expect_mended
expect_grep . "$T/out"

step 'a pack in the place of another'
restore_vault
cp "$T/vault/packs/$late" "$T/vault/packs/$big"
expect_status 1 "$ABRI" check --repair
expect_grep "damaged in snapshot $second .*: $S/large" "$T/out"
expect_no_grep ": $S/later" "$T/out"

step 'a pack that lies under another name alone'
restore_vault
renamed="$T/vault/packs/00/$(printf '%064d' 0)"
mkdir -p "$T/vault/packs/00"
mv "$T/vault/packs/$late" "$renamed"
"$ABRI" check --repair --keyless >"$T/out" 2>"$T/err" # what is left under the wrong name is told
expect_grep "^mended: packs/${late#./}" "$T/out"
cmp "$T/sound/packs/$late" "$T/vault/packs/$late" || fail 'not found under the other name'

step 'parity: damaged, missing, another one'
restore_vault
flip "$T/vault/parity/$big" 5000
expect_status 1 "$ABRI" check --read-data
expect_grep 'damaged: parity/' "$T/err"
rm -f "$T/vault/parity/$late"
expect_status 0 "$ABRI" --json check --repair --keyless
expect_equal "$(field summary parity_mended)" 1
expect_equal "$(field summary parity_made)" 1
expect_equal "$(field mended object)" "parity/${big#./}"
same_parity
cp "$T/vault/parity/$late" "$T/vault/parity/$big"
flip "$T/vault/packs/$big" 100000
expect_status 1 "$ABRI" check --repair --keyless

step 'beyond parity: named, kept, set aside; the rest can be restored'
restore_vault
zero "$T/vault/packs/$late" 10 300
cp "$T/vault/packs/$late" "$T/was"
expect_status 1 "$ABRI" check --repair
expect_grep "damaged in snapshot $second .*: $S/later\$" "$T/out"
expect_no_grep 'large-a\|large-b\|small' "$T/out"
expect_grep '^abri: damaged: pack' "$T/err"
cmp "$T/was" "$T/vault/packs/$late" || fail 'what was left of the pack was changed'
expect_status 3 "$ABRI" restore "$second:$S" -t "$T/r1"
expect_grep "$S/later" "$T/err"
expect_no_grep 'large-a\|large-b\|small' "$T/err"
cmp "$S/large-a" "$T/r1/large-a" || fail 'a sound file is not as it was'
expect_status 0 "$ABRI" restore "$first:$S" -t "$T/r2"

step 'the next backup stores it again, unchanged as the file is; then the damaged snapshot is whole, too'
expect_status 0 "$ABRI" backup "$S"
expect_status 0 "$ABRI" restore "latest:$S" -t "$T/r3" --verify
expect_same_tree "$S" "$T/r3"
expect_status 0 "$ABRI" restore "$second:$S" -t "$T/r4" --verify
expect_same_tree "$S" "$T/r4"
"$ABRI" check --read-data >"$T/out" 2>"$T/err"
expect_no_grep 'damaged in snapshot' "$T/out"

step 'a collection leads the old snapshot there; then nothing is damaged any more'
expect_status 0 "$ABRI" gc
expect_grep 'led references to [1-9][0-9]* damaged or missing chunk' "$T/out"
expect_grep 'swept 1 pack' "$T/out"
expect_status 0 "$ABRI" check --read-data
expect_grep 'no damage was found' "$T/out"
expect_status 0 "$ABRI" --json gc --keep-swept 0
expect_equal "$(field summary frames_healed)" 0
expect_equal "$(field summary frames_lost)" 0
rm -rf "$T/vault/index" "$T/r3" "$T/r4"
for id in "$first" "$second" latest; do
    rm -rf "$T/r"
    expect_status 0 "$ABRI" restore "$id:$S" -t "$T/r" --verify
done
expect_same_tree "$S" "$T/r"
expect_status 0 "$ABRI" check --read-data

step 'missing and zeroed packs: the same'
for how in missing zeroed empty; do
    restore_vault
    case $how in
    missing) rm -f "$T/vault/packs/$late" ;;
    zeroed) zero "$T/vault/packs/$late" 0 $(($(stat -c %s "$T/sound/packs/$late") / 4096 + 1)) ;;
    empty) : >"$T/vault/packs/$late" ;;
    esac
    expect_status 1 "$ABRI" check --repair
    expect_grep "damaged in snapshot $second .*: $S/later\$" "$T/out"
    expect_no_grep 'large-a\|large-b\|small' "$T/out"
    rm -rf "$T/r"
    expect_status 3 "$ABRI" restore "$second:$S" -t "$T/r"
    expect_grep "$S/later" "$T/err"
    expect_status 0 "$ABRI" backup "$S"
    rm -rf "$T/r"
    expect_status 0 "$ABRI" restore "latest:$S" -t "$T/r" --verify
    expect_same_tree "$S" "$T/r"
    expect_status 0 "$ABRI" gc --keep-swept 0
    [ ! -e "$T/vault/packs/$late" ] || fail "$how: the damaged pack is still there"
    expect_status 0 "$ABRI" check --read-data
    rm -rf "$T/r"
    expect_status 0 "$ABRI" restore "$second:$S" -t "$T/r" --verify
    expect_same_tree "$S" "$T/r"
done

step 'what no backup has any more stays, and is told'
restore_vault
zero "$T/vault/packs/$late" 10 300
cp "$T/vault/packs/$late" "$T/was"
expect_status 1 "$ABRI" check --repair
mv "$S/later" "$T/later"
expect_status 0 "$ABRI" backup "$S"
expect_status 0 "$ABRI" --json gc --keep-swept 0
[ "$(field summary frames_lost)" -gt 0 ] || fail 'nothing lost'
cmp "$T/was" "$T/vault/packs/$late" || fail 'what was left of the pack was changed'
expect_status 1 "$ABRI" check --read-data
expect_grep "damaged in snapshot $second .*: $S/later\$" "$T/out"
mv "$T/later" "$S/later"

step 'no parity wanted; a repair makes it'
rm -rf "$T/vault"
make_vault
expect_status 0 "$ABRI" backup --no-parity "$S"
pack_parity() { find "$T"/vault/parity/?? -type f 2>/dev/null | wc -l; }
expect_equal "$(pack_parity)" 0 'parity that nobody wanted'
expect_status 0 "$ABRI" check --repair --keyless
expect_equal "$(pack_parity)" "$(find "$T/vault/packs" -type f | wc -l)"

step 'a collection takes parity along, and what is left over'
mkdir -p "$T/vault/parity/ff"
echo x >"$T/vault/parity/ff/ff$(printf '%062d' 0)"
rm "$S/large-a"
settle
expect_status 0 "$ABRI" backup "$S"
expect_status 0 "$ABRI" forget --keep-last 1
"$ABRI" gc >"$T/out" 2>"$T/err" || fail 'gc failed'
[ ! -e "$T/vault/parity/ff/ff$(printf '%062d' 0)" ] || fail 'left-over parity'

