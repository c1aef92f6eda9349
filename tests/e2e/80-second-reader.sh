#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A program that knows only docs/format restores what abri stored, every
# attribute of a random tree, and notices every object that is not as written.
# ABRI_SEED=n replays; ABRI_TREE=medium takes a larger tree, and minutes.
. "$(dirname "$0")/lib.sh"
maketree=${3:?the tree maker}
reader=$(dirname "$0")/../../tools/second-reader
/usr/bin/python3 -c 'import nacl, cryptography, zstandard' 2>/dev/null ||
    skip 'needs python3-nacl, python3-cryptography, python3-zstandard'
command -v rsync >/dev/null || skip 'no rsync'
seed=${ABRI_SEED:-$(($(date +%s) % 100000))}
echo "ABRI_SEED=$seed"

# same SOURCE SNAPSHOT: the reader's status is 3 if it may not make devices
same() {
    rm -rf "$T/back"
    if [ "$IS_ROOT" = yes ]; then
        expect_status 0 "$reader" "$T/vault" restore "$2" "$T/back"
    else
        "$reader" "$T/vault" restore "$2" "$T/back" >"$T/out" 2>"$T/err"
        [ $? = 0 ] || [ $? = 3 ] || fail 'second-reader'
    fi
    rsync -aHAXSn --checksum --itemize-changes --delete "$1/" "$T/back$T/src/" >"$T/diff" 2>&1 || fail rsync
    [ ! -s "$T/diff" ] || { head -n 20 "$T/diff" >&2; fail "$2 differs"; }
}
lists() { expect_status 0 "$reader" "$T/vault" list; }
snapshot() { sed -n 's/^snapshot \(.*\) saved/\1/p' "$T/out"; }

make_vault
step 'a random tree'
"$maketree" "$seed" "$T/src" "${ABRI_TREE:-small}" 2>"$T/note" || { cat "$T/note" >&2; fail 'maketree'; }
head -c 3000000 /dev/urandom >"$T/src/large"
yes 'the same again' | head -c 3000000 >"$T/src/dull"
mkdir "$T/src/many"
i=0
while [ $i -lt 2000 ]; do
    echo "$i" >"$T/src/many/$i"
    i=$((i + 1))
done
expect_status 0 "$ABRI" backup "$T/src"
first=$(snapshot)
same "$T/src" latest

step 'and what changed since, twice'
cp -a "$T/src" "$T/before"
"$maketree" $((seed + 1)) "$T/src/more" small 2>/dev/null
rm -rf "$T/src/many/1"*
settle
expect_status 0 "$ABRI" backup "$T/src"
second=$(snapshot)
same "$T/src" "$second"
same "$T/before" "$first"

step 'after keys were changed'
expect_status 0 env ABRI_NEW_PASSPHRASE=unused "$ABRI" key add --label unused
expect_status 0 "$ABRI" key generate "$T/escrow"
cp "$T/out" "$T/escrow.pub"
expect_status 0 "$ABRI" key add --recipient "$T/escrow.pub"
lists # opens every root, and so every session
cp -a "$T/vault/resealed" "$T/vault/recipients" "$T/vault/keys" "$T/" # to be put back
expect_status 0 "$ABRI" key rotate
same "$T/src" "$second"
expect_status 1 env ABRI_PASSPHRASE=unused "$reader" "$T/vault" list
cp "$T/keys/"* "$T/vault/keys/" # what opens nothing is passed over
lists
rm -r "$T/vault/resealed" # what is sealed for a retired key opens by it
cp -a "$T/resealed" "$T/vault/resealed"
lists

step 'a successor, and a record that is refused'
expect_status 0 "$ABRI" --json writer list
writer=$(field writer id)
expect_status 0 "$ABRI" writer add --replace --successor-of "$writer"
expect_status 0 "$ABRI" backup "$T/src"
expect_status 0 "$ABRI" --json writer list
expect_status 0 "$ABRI" writer revoke "$(jq -r 'select(.here) | .id' "$T/out")"
mv "$T/vault/revoked" "$T/held"
expect_status 0 "$ABRI" backup "$T/keys"
mv "$T/held" "$T/vault/revoked"
same "$T/src" latest
rm "$T/vault/snapshots/$(ls "$T/vault/snapshots" | tail -n 1)" "$T/vault/snapshots/$(ls "$T/vault/snapshots" | tail -n 2 | head -n 1)"

step 'the list'
expect_status 0 "$reader" "$T/vault" list
expect_equal "$(cut -c 1-8 "$T/out" | tr '\n' ' ')" "$first $second "

step 'refusals'
expect_status 1 "$reader" "$T/vault" restore 00000000 "$T/none"
expect_status 1 "$reader" "$T/vault" restore latest "$T/before"
expect_grep 'not empty' "$T/err"
expect_status 1 env ABRI_PASSPHRASE=wrong "$reader" "$T/vault" list
expect_grep 'passphrase is wrong' "$T/err"
expect_status 2 "$reader" "$T/vault"

step 'every golden vault'
for golden in "$(dirname "$0")"/../golden/[0-9]*/vault; do
    expect_status 0 env ABRI_PASSPHRASE='golden passphrase' "$reader" "$golden" list
    cut -c 1-8 "$T/out" >"$T/ids"
    [ -s "$T/ids" ] || fail "$golden is empty"
    while read -r id; do
        rm -rf "$T/back"
        ABRI_PASSPHRASE='golden passphrase' "$reader" "$golden" restore "$id" "$T/back" >"$T/out" 2>"$T/err"
        case $? in 0 | 3) ;; *) fail "$golden: $id" ;; esac
    done <"$T/ids"
done

step 'one wrong byte in any object'
rm -rf "$T/vault" "$T/src" "$T/config" "$T/cache"
mkdir -p "$T/src"
echo content >"$T/src/file"
make_vault
expect_status 0 "$ABRI" backup "$T/src"
settle
echo more >"$T/src/other"
expect_status 0 "$ABRI" backup "$T/src"
expect_status 0 "$ABRI" key rotate
settle
echo even more >"$T/src/third"
expect_status 0 "$ABRI" --json writer list
writer=$(field writer id)
expect_status 0 "$ABRI" writer revoke "$writer"
expect_status 0 "$ABRI" writer add --successor-of "$writer"
expect_status 0 "$ABRI" backup "$T/src"
same "$T/src" latest
# index, keeper and parity are no business of a reader.
expect_status 0 "$(dirname "$0")/second-reader-flips.py" "$reader" "$T/vault" "$T/src" "$T/back"
cat "$T/out"
same "$T/src" latest
