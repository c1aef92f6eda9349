#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check --repair mends what is no pack, too: identity, keys, certificates, sessions,
# rules, records. What cannot be mended is named, and everything else goes on.
. "$(dirname "$0")/lib.sh"

make_vault
S="$T/src" V="$T/vault"
mkdir "$S"
echo one >"$S/file"
expect_status 0 "$ABRI" floor 1h --yes
expect_status 0 "$ABRI" backup "$S"
expect_status 0 "$ABRI" key rotate # sessions that were sealed again
echo two >"$S/more"
settle
expect_status 0 "$ABRI" backup "$S"
first=$("$ABRI" --json snapshots | jq -r 'select(.message_type == "snapshot") | .short_id' | head -n 1)
rm -rf "$V/index"
cp -r "$V" "$T/sound"

restore_vault() { rm -rf "$V"; cp -r "$T/sound" "$V"; chmod -R u+w "$V"; }
flip() {
    byte=$(dd if="$1" bs=1 skip="$2" count=1 2>/dev/null | od -An -tu1 | tr -d ' ')
    printf "\\$(printf '%03o' $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
same_vault() {
    diff -r -x index -x tmp -x condemned -x clock "$T/sound" "$V" >"$T/diff" || { cat "$T/diff" >&2; fail "the vault is not as it was: $1"; }
}
# One of each kind, the last by name.
last_of() { (cd "$T/sound" && find "$1" -type f | sort | tail -n 1); }
all='vault keeper'
for dir in keys recipients writers sessions resealed rules snapshots; do
    [ -n "$(last_of $dir)" ] || fail "no $dir"
    all="$all $(last_of $dir)"
done

step 'everything has parity, as secret as it is'
for object in $all; do
    parity="parity/$object"
    [ -e "$V/parity/top/$object" ] && parity="parity/top/$object"
    expect_equal "$(stat -c %a "$V/$parity")" "$(stat -c %a "$V/$object")" "$parity"
done
expect_equal "$(find "$V/parity/keys" -type f | wc -l)" "$(find "$V/keys" -type f | wc -l)" 'a removed key left parity'
expect_equal "$(find "$V/parity/sessions" -type f | wc -l)" "$(find "$V/sessions" -type f | wc -l)" 'a session sealed again left parity'
expect_status 0 "$ABRI" check --repair
expect_grep 'no damage was found' "$T/out"
expect_grep 'parity made for 0, mended for 0' "$T/out"
same_vault 'nothing to do'

step 'each object, damaged in each way: mended'
for how in cut empty zeroed flipped removed; do
    restore_vault
    count=0
    for object in $all; do
        size=$(stat -c %s "$T/sound/$object")
        case $how in
        cut) truncate -s $((size / 2)) "$V/$object" ;;
        empty) truncate -s 0 "$V/$object" ;;
        zeroed) truncate -s 0 "$V/$object" && truncate -s "$size" "$V/$object" ;;
        flipped) flip "$V/$object" $((size / 3)) ;;
        removed)
            case $object in keys/*) continue ;; esac
            rm -f "$V/$object"
            ;;
        esac
        count=$((count + 1))
    done
    expect_status 1 "$ABRI" check --keyless
    expect_status 0 "$ABRI" --json check --repair
    expect_equal "$(field summary objects_mended)" "$count" "$how"
    expect_equal "$(field summary objects_lost)" 0
    expect_equal "$(field summary damaged)" 0
    for object in $all; do
        case $how:$object in removed:keys/*) continue ;; esac
        expect_grep "\"mended\".*\"$object\"" "$T/out"
    done
    same_vault "$how"
    expect_status 0 "$ABRI" check --repair --keyless
    expect_grep 'no damage was found' "$T/out"
    expect_status 0 "$ABRI" restore "latest:$S" -t "$T/r-$how" --verify
    expect_same_tree "$S" "$T/r-$how"
done

step 'the vault itself: read by its parity at once, and a line that says so'
for how in damaged missing; do
    restore_vault
    [ $how = missing ] && rm -f "$V/vault" || flip "$V/vault" 50
    expect_status 0 "$ABRI" restore "latest:$S" -t "$T/v-$how"
    expect_same_tree "$S" "$T/v-$how"
    expect_one_error
    expect_grep '^abri: vault: is damaged.*check --repair' "$T/err"
    expect_status 0 "$ABRI" backup "$S"
    expect_status 1 "$ABRI" check
    expect_status 0 "$ABRI" check --repair
    cmp "$T/sound/vault" "$V/vault" || fail 'the vault object is not as it was'
    expect_status 0 "$ABRI" snapshots
    [ ! -s "$T/err" ] || fail 'something is still told'
done

step 'a missing key is named, and stays away'
restore_vault
key=$(last_of keys)
rm "$V/$key"
expect_status 1 "$ABRI" check --repair --keyless
expect_grep "$key: is missing.*not brought back" "$T/err"
[ ! -e "$V/$key" ] || fail 'a missing key came back'
# As docs/format/vault.md says: the parity of an object of one block is a copy.
tail -c +93 "$V/parity/$key" | head -c -32 >"$V/$key"
cmp "$T/sound/$key" "$V/$key" || fail 'the key is not in its parity'
expect_status 0 "$ABRI" check
rm "$V/parity/$key" "$V/$key"
expect_status 0 "$ABRI" check --keyless

step 'records and sessions under other names; copies'
restore_vault
R="$V/snapshots"
mv "$R/0000000000000001" "$T/x"
mv "$R/0000000000000002" "$R/0000000000000001"
mv "$T/x" "$R/0000000000000002"
rm -rf "$V/parity/snapshots"
expect_status 1 "$ABRI" check --keyless
expect_status 0 "$ABRI" check --repair
expect_grep 'mended: snapshots/0000000000000001: was found whole under another name' "$T/out"
same_vault exchanged
cp "$R/0000000000000001" "$R/0000000000000007"
expect_status 1 "$ABRI" check --keyless
expect_status 0 "$ABRI" --json check --repair
expect_equal "$(field summary copies_removed)" 1
same_vault copied

step 'beyond mending: named, kept; the others are listed and restored'
restore_vault
rm -rf "$V/parity/snapshots" "$V/parity/sessions"
flip "$R/0000000000000002" 100
cp "$R/0000000000000002" "$T/was"
expect_status 1 "$ABRI" check --repair
expect_grep '^abri: damaged: snapshots/0000000000000002' "$T/err"
cmp "$T/was" "$R/0000000000000002" || fail 'what was left of the record was changed'
expect_status 1 "$ABRI" check --repair --keyless
expect_status 0 "$ABRI" restore "$first:$S" -t "$T/one"
expect_equal "$(cat "$T/one/file")" one

step 'of a newer format: left as it is, and told'
restore_vault
big=$(cd "$V/packs" && find . -type f | sort | head -n 1)
for object in "packs/${big#./}" "$(last_of snapshots)"; do
    flip "$V/$object" 9 # version 257
    flip "$V/$object" 40
    cp "$V/$object" "$T/was"
    rm -f "$V/parity/${object#packs/}"
    expect_status 1 "$ABRI" check --repair --keyless
    expect_grep "^abri: $object: left as it is:.*newer" "$T/err"
    cmp "$T/was" "$V/$object" || fail 'something newer was changed'
done
! grep -q . "$V"/condemned/* 2>/dev/null || fail 'a newer pack was set aside'

step 'vaults from before: whole, and they get it'
for n in 1 2; do
    [ -e "$(dirname "$0")/../golden/$n/vault/vault" ] || continue
    rm -rf "$T/old"
    cp -r "$(dirname "$0")/../golden/$n/vault" "$T/old"
    chmod -R u+w "$T/old"
    rm -rf "$T/old/parity"
    expect_status 0 "$ABRI" -r "$T/old" check --keyless
    expect_status 0 "$ABRI" -r "$T/old" --json check --repair --keyless
    made=$(field summary parity_made)
    expect_equal "$made" "$(find "$T/old/parity" -type f | wc -l)"
    packs=$(find "$T/old/parity" -path "$T/old/parity/??/*" -type f | wc -l)
    expect_equal "$((made - packs))" "$(cd "$T/old" && find vault keeper keys recipients writers sessions resealed revoked rules snapshots -type f 2>/dev/null | wc -l)"
    # in the second, collections have swept packs, which are left to go
    [ "$n" = 2 ] || expect_equal "$packs" "$(find "$T/old/packs" -type f | wc -l)"
    [ "$packs" -gt 0 ] || fail 'no pack got parity'
    flip "$T/old/vault" 40
    rm "$T/old/keeper"
    expect_status 0 "$ABRI" -r "$T/old" check --repair --keyless
    cmp "$T/old/vault" "$(dirname "$0")/../golden/$n/vault/vault" || fail 'the vault object is not as it was'
done

step 'nothing is collected while a record is missing'
restore_vault
rm "$R/0000000000000001"
expect_status 1 "$ABRI" gc
expect_grep 'missing.*check --repair' "$T/err"
expect_status 0 "$ABRI" check --repair
expect_status 0 "$ABRI" gc
same_vault collected

step 'parity that cannot be written costs nothing'
restore_vault
rm -rf "$V/parity"
: >"$V/parity"
expect_status 0 "$ABRI" backup --no-parity "$S"
rm "$V/parity"
expect_status 0 "$ABRI" backup --no-parity "$S"
[ -e "$V/parity/snapshots/0000000000000004" ] || fail 'a record without parity'
