#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Passphrases, recipients, rotation: what opens the vault is what the commands
# say, snapshots of before stay readable, and data is not rewritten.
. "$(dirname "$0")/lib.sh"

mkdir "$T/src"
echo one >"$T/src/one"
head -c 300000 /dev/urandom >"$T/src/two"
make_vault
expect_status 0 "$ABRI" backup "$T/src"

# as PASSPHRASE COMMAND…: stands behind expect_status N
opens() { expect_status 0 env ABRI_PASSPHRASE="$1" "$ABRI" ls latest; }
opens_not() {
    expect_status 12 env ABRI_PASSPHRASE="$1" "$ABRI" ls latest
    expect_one_error
}
restores() { # SNAPSHOT WANT [OPTION…]
    snap=$1 want=$2
    shift 2
    rm -rf "$T/back"
    expect_status 0 "$ABRI" "$@" restore "$snap:$T/src" --target "$T/back"
    expect_same_tree "$want" "$T/back"
}
cp -a "$T/src" "$T/first"

step 'another passphrase'
expect_status 0 env ABRI_NEW_PASSPHRASE=second "$ABRI" key add --label 'the second'
opens 'correct horse'
opens second
expect_status 0 env -u ABRI_PASSPHRASE "$ABRI" key list # asks for none
expect_equal "$(grep -c 'in use' "$T/out")" 2
expect_no_grep '^\*' "$T/out"
expect_status 0 env ABRI_PASSPHRASE=second "$ABRI" --json key list
expect_equal "$(jq -r 'select(.opened) | .label' "$T/out")" 'the second'
expect_status 0 env ABRI_PASSPHRASE=neither "$ABRI" key list
expect_no_grep '^\*' "$T/out"

step 'the new passphrase from a file; none at all; an empty one'
printf 'third\n' >"$T/third"
expect_status 0 "$ABRI" key add --new-passphrase-file "$T/third"
opens third
expect_status 12 setsid "$ABRI" key add
expect_one_error
expect_grep 'new-passphrase-file' "$T/err"
expect_status 12 env ABRI_NEW_PASSPHRASE= "$ABRI" key add
expect_one_error
expect_status 12 env ABRI_PASSPHRASE=wrong ABRI_NEW_PASSPHRASE=x "$ABRI" key add
expect_one_error

step 'a changed passphrase'
expect_status 0 env ABRI_PASSPHRASE=second ABRI_NEW_PASSPHRASE=changed "$ABRI" key passwd
opens_not second
opens changed
expect_status 0 env ABRI_PASSPHRASE=changed "$ABRI" --json key list
expect_equal "$(jq -r 'select(.opened) | .label' "$T/out")" 'the second' 'the label stays'

step 'removing'
id=$(jq -r 'select(.opened) | .id' "$T/out")
expect_status 1 "$ABRI" key remove ffffffff
expect_one_error
expect_status 0 "$ABRI" key remove "$id"
opens_not changed
expect_status 0 env ABRI_PASSPHRASE=third "$ABRI" --json key list
id=$(jq -r 'select(.opened) | .id' "$T/out" | cut -c 1-8)
expect_status 0 "$ABRI" key remove "$id"
expect_status 0 "$ABRI" --json key list
id=$(field key id)
expect_status 2 "$ABRI" key remove "$id"
expect_one_error
expect_grep 'last' "$T/err"
opens 'correct horse'

step 'a recipient whose secret is elsewhere'
expect_status 0 "$ABRI" key generate "$T/escrow"
cp "$T/out" "$T/escrow.pub"
expect_equal "$(stat -c %a "$T/escrow")" 600
expect_status 1 "$ABRI" key generate "$T/escrow"
expect_one_error
expect_status 1 "$ABRI" --key-file "$T/escrow" ls latest
expect_one_error
expect_grep 'not a recipient' "$T/err"
expect_status 0 "$ABRI" key add --recipient "$T/escrow.pub"
restores latest "$T/first" --key-file "$T/escrow"
expect_status 0 env -u ABRI_PASSPHRASE "$ABRI" --key-file "$T/escrow" check --read-data
expect_status 1 "$ABRI" key add --recipient "$T/escrow.pub"
expect_one_error
expect_status 0 "$ABRI" key export-public
expect_equal "$(wc -l <"$T/out")" 2
expect_grep "$(cat "$T/escrow.pub")" "$T/out"
for bad in abri-pk-12 "$(cat "$T/escrow.pub" | tr 0-8 1-9)" 'no key' "$T/src/one"; do
    expect_status 2 "$ABRI" key add --recipient "$bad"
    expect_one_error
done

step 'and gone again'
echo changed >"$T/src/one"
settle
expect_status 0 "$ABRI" backup "$T/src"
cp -a "$T/src" "$T/second"
restores latest "$T/second" --key-file "$T/escrow"
expect_status 0 "$ABRI" key remove "$(cat "$T/escrow.pub")"
expect_status 1 "$ABRI" --key-file "$T/escrow" ls latest
restores latest "$T/second"

step 'a new recovery key'
(cd "$T/vault" && find packs snapshots -type f | sort | xargs sha256sum) >"$T/data"
cp -a "$T/vault" "$T/old-vault"
expect_status 0 env ABRI_NEW_PASSPHRASE=another "$ABRI" key add
expect_status 0 "$ABRI" key rotate
expect_grep 'every snapshot until now' "$T/out"
expect_grep 'not rewritten' "$T/out"
expect_grep '1 other passphrase ' "$T/out"
(cd "$T/vault" && find packs snapshots -type f | sort | xargs sha256sum) >"$T/data2"
expect_equal "$(cat "$T/data")" "$(cat "$T/data2")" 'the data'
opens_not another
restores latest "$T/second"
expect_status 0 "$ABRI" --json snapshots
first=$(jq -r .short_id "$T/out" | head -n 1)
restores "$first" "$T/first"
expect_status 0 "$ABRI" check --read-data

step 'what was kept of the old opens nothing of the new'
rm -rf "$T/vault/keys.new"
cp "$T/old-vault/keys/"* "$T/vault/keys/"
expect_status 0 "$ABRI" --json key list
expect_equal "$(jq -r 'select(.current == false) | .id' "$T/out" | wc -l)" 1
expect_status 0 env ABRI_PASSPHRASE=fresh "$ABRI" key list
opens 'correct horse' # by the new key
expect_status 0 "$ABRI" key reseal
expect_status 0 "$ABRI" --json key list
expect_equal "$(wc -l <"$T/out")" 1

step 'a new passphrase with it; backups of a writer that saw the old list'
expect_status 0 env ABRI_NEW_PASSPHRASE='new horse' "$ABRI" key rotate
opens 'new horse'
opens_not 'correct horse'
export ABRI_PASSPHRASE='new horse'
settle
echo third >"$T/src/three"
expect_status 0 env -u ABRI_PASSPHRASE "$ABRI" backup "$T/src"
restores latest "$T/src"
restores "$first" "$T/first"
expect_status 0 "$ABRI" check --read-data

step 'a writer never seals for an older list'
cp -a "$T/old-vault/recipients/." "$T/vault/recipients/"
rm "$T/vault/recipients/$(ls "$T/vault/recipients" | tail -n 1)"
expect_status 1 "$ABRI" backup "$T/src"
expect_one_error
expect_grep 'older than one' "$T/err"

step 'groups of commands'
expect_status 2 "$ABRI" key
expect_one_error
expect_status 2 "$ABRI" key ad
expect_one_error
expect_grep 'did you mean key add' "$T/err"
expect_status 0 "$ABRI" key --help
expect_grep 'key rotate' "$T/out"
expect_status 0 "$ABRI" -q key sheet --help
expect_grep 'Usage: abri key sheet' "$T/out"
expect_status 0 "$ABRI" help key remove
expect_grep 'Usage: abri key remove' "$T/out"
expect_status 2 "$ABRI" help key nothing
expect_status 2 "$ABRI" help backup add
expect_status 0 "$ABRI" key -r "$T/old-vault" list

step 'new keys beside backups'
rm -rf "$T/vault" "$T/config" "$T/cache"
export ABRI_PASSPHRASE='correct horse'
make_vault
for round in 1 2 3 4; do
    for side in a b; do
        mkdir -p "$T/busy/$side"
        head -c 200000 /dev/urandom >"$T/busy/$side/$round"
        "$ABRI" --no-cache backup -q "$T/busy/$side" >"$T/$side.out" 2>&1 &
        eval "pid_$side=$!"
    done
    expect_status 0 "$ABRI" key rotate
    wait "$pid_a" || { cat "$T/a.out" >&2; fail 'a backup beside a rotation'; }
    wait "$pid_b" || { cat "$T/b.out" >&2; fail 'a backup beside a rotation'; }
done
expect_status 0 "$ABRI" key rotate
expect_equal "$(ls "$T/vault/sessions" | wc -l)" 0 'originals that are left'
expect_status 0 "$ABRI" --json snapshots
expect_equal "$(grep -c '"message_type":"snapshot"' "$T/out")" 8
expect_status 0 "$ABRI" check --read-data
expect_status 0 "$ABRI" restore "latest:$T/busy" -t "$T/busy-back"
