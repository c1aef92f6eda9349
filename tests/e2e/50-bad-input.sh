#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whatever is wrong is told in one line that says what, and with the right status.
. "$(dirname "$0")/lib.sh"

# refused STATUS PATTERN WORD…
refused() {
    status=$1 pattern=$2
    shift 2
    expect_status "$status" "$ABRI" "$@"
    expect_one_error
    grep -q -i -e "$pattern" "$T/err" || fail "the message does not say '$pattern': $*"
}

make_vault
mkdir "$T/src"
echo text >"$T/src/file"
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do
    expect_status 0 "$ABRI" -q backup "$T/src" --tag "n$n"
done
cp -r "$T/vault" "$T/sound"
restore_vault() { rm -rf "$T/vault"; cp -r "$T/sound" "$T/vault"; }
poke() { chmod u+w "$1"; printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; }

step 'the command line'
expect_status 2 "$ABRI"
refused 2 'did you mean backup' backpu
refused 2 'abri help' frobnicate
refused 2 'did you mean --exclude?' backup --exlude x "$T/src"
refused 2 'did you mean --target?' restore latest --traget "$T/x"
refused 2 'unknown option -Z' backup -Z "$T/src"
refused 2 'needs a value' backup "$T/src" --exclude
refused 2 'takes no value' backup "$T/src" --dry-run=yes
refused 2 'abri backup' backup
refused 2 'which vault' --vault= snapshots
refused 2 'empty path' backup ''
refused 2 'target' restore latest
refused 2 'abri restore' restore -t "$T/x"
refused 2 'one word too many' restore latest more -t "$T/x"
refused 2 'not a size' backup "$T/src" --limit-upload fast
refused 2 'number from' backup "$T/src" --threads 0
refused 2 'no help on' help nothing

step 'no vault there'
refused 10 'abri init' -r "$T/nowhere" snapshots
mkdir "$T/empty"
refused 10 'abri init' -r "$T/empty" snapshots
refused 10 'abri init' -r "$T/empty" backup "$T/src"
refused 10 'abri init' -r "$T/src/file" snapshots

step 'keys'
expect_status 12 env ABRI_PASSPHRASE=wrong "$ABRI" snapshots
expect_one_error
expect_grep 'wrong passphrase' "$T/err"
expect_status 1 env ABRI_CONFIG_DIR="$T/other" "$ABRI" backup "$T/src"
expect_one_error
expect_grep 'not enrolled' "$T/err"
key=$(find "$T/vault/keys" -type f)
poke "$key" 90 'XXXX'
refused 1 "keys/$(basename "$key")" snapshots
: >"$key.tmp" && mv "$key.tmp" "$key"
refused 1 "keys/" snapshots
rm -f "$key"
refused 1 'recovery key' snapshots
restore_vault
writer=$(find "$T/config/writers" -type f)
cp "$writer" "$T/writer"
poke "$writer" 80 'XXXX'
refused 1 "$writer" backup "$T/src"
cp "$T/writer" "$writer"

step 'snapshots'
refused 1 "no snapshot 'zzzz'" restore zzzz -t "$T/x"
refused 1 "no snapshot" ls 0123456789abcdef0
expect_status 0 "$ABRI" snapshots
digit=$(sed -n 's/^\([0-9a-f]\)[0-9a-f]\{7\}  .*/\1/p' "$T/out" | sort | uniq -d | head -n 1) # 17 ids, 16 digits
refused 1 'give more digits' restore "$digit" -t "$T/x"
refused 1 'not in the snapshot' ls "latest:$T/src/none"
refused 1 'not in the snapshot' restore "latest:$T/src/none" -t "$T/x"
refused 1 'as old as' ls 1999-12-31

step 'paths'
refused 1 'none.*No such file' backup "$T/none"
refused 2 'file' restore latest -t "$T/src/file"
refused 1 'none' restore latest -t "$T/y" --include-file "$T/none"
expect_equal "$(cat "$T/src/file")" text

step 'a newer format'
poke "$T/vault/vault" 8 '\002'
poke "$T/vault/vault" 150 'XXXX' # were it only the version, parity would tell that it is damage
refused 1 'newer' snapshots
restore_vault
record=$(find "$T/vault/snapshots" -type f | sort | tail -n 1)
poke "$record" 8 '\011'
expect_status 1 "$ABRI" snapshots
grep -q newer "$T/err" || fail 'nothing about a newer format'
restore_vault

step 'damage to the vault object'
rm "$T/vault/parity/top/vault" # which would do instead
poke "$T/vault/vault" 40 'XXXX'
refused 1 'vault' snapshots
: >"$T/vault/vault.new" && mv "$T/vault/vault.new" "$T/vault/vault"
refused 1 'vault' backup "$T/src"
restore_vault

if [ "$IS_ROOT" = yes ] && mkdir "$T/small" && mount -t tmpfs -o size=2m none "$T/small" 2>/dev/null; then
    step 'no space'
    MOUNTS="$T/small"
    expect_status 0 "$ABRI" -r "$T/small/v" init --kdf-memory 1
    head -c 8000000 /dev/urandom >"$T/src/large"
    refused 1 'no space' -r "$T/small/v" backup "$T/src"
    expect_status 0 "$ABRI" -r "$T/small/v" snapshots
    expect_grep '^0 snapshots' "$T/out"
    expect_status 0 "$ABRI" backup "$T/src"
    umount "$T/small"
    mount -t tmpfs -o size=2m none "$T/small"
    refused 1 'no space' restore "latest:$T/src" -t "$T/small/out"
    expect_grep 'large.*No space' "$T/err"
    mount -o remount,size=20m "$T/small"
    expect_status 0 "$ABRI" restore "latest:$T/src" -t "$T/small/out"
    expect_grep 'went on\|were there already' "$T/out"
    expect_same_tree "$T/src" "$T/small/out"
    umount "$T/small"
    expect_status 1 sh -c '"$1" ls latest >/dev/full' sh "$ABRI"
    expect_one_error
    expect_grep 'No space' "$T/err"

    step 'a disk that can only be read'
    mount --bind "$T/vault" "$T/small" && mount -o remount,ro,bind "$T/small"
    expect_status 0 "$ABRI" -r "$T/small" snapshots
    expect_status 0 "$ABRI" -r "$T/small" restore "latest:$T/src" -t "$T/from-ro"
    expect_same_tree "$T/src" "$T/from-ro"
    expect_status 0 "$ABRI" -r "$T/small" check
    refused 1 'read-only' -r "$T/small" backup "$T/src"
    refused 1 'read-only' restore latest -t "$T/small/below"
    umount "$T/small"
fi

step 'a reader that goes away is no failure'
expect_status 0 sh -c '"$1" ls latest | head -n 1' sh "$ABRI"
expect_status 0 sh -c '{ "$1" ls latest; echo $? >"$2"; } | true' sh "$ABRI" "$T/status"
expect_equal "$(cat "$T/status")" 0

step 'closed descriptors do no harm'
expect_status 0 sh -c '"$1" backup "$2" <&- >&- 2>&-' sh "$ABRI" "$T/src"
