#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writers: a second machine, a key carried in a file, a machine that lost its
# key and goes on from the passphrase alone, and one that is refused.
. "$(dirname "$0")/lib.sh"

mkdir "$T/src"
head -c 3000000 /dev/urandom >"$T/src/large"
for i in 1 2 3 4 5; do echo "$i" >"$T/src/$i"; done
make_vault --machine web1
backup_json "$T/src"
stored=$(field summary data_added_packed)
[ "$stored" -gt 2900000 ] || fail "only $stored bytes were stored"
expect_status 0 env -u ABRI_PASSPHRASE "$ABRI" --json writer list
expect_equal "$(field writer machine)" web1
expect_equal "$(field writer here)" true
expect_equal "$(field writer snapshots)" 1
first=$(field writer id)

step 'a machine without a key'
cp -a "$T/config" "$T/config1"
export ABRI_CONFIG_DIR="$T/config2" ABRI_CACHE_DIR="$T/cache2"
expect_status 1 "$ABRI" backup "$T/src"
expect_one_error
expect_grep 'abri writer add' "$T/err"
expect_status 12 env ABRI_PASSPHRASE=wrong "$ABRI" writer add
expect_one_error
expect_status 0 "$ABRI" writer add --machine web2
expect_status 1 "$ABRI" writer add --machine web2
expect_one_error
expect_grep 'replace' "$T/err"
backup_json "$T/src"
[ "$(field summary data_added_packed)" -gt 2900000 ] || fail 'writers that may not share, shared'
expect_status 0 env -u ABRI_PASSPHRASE "$ABRI" --json writer list
expect_equal "$(jq -r 'select(.here) | .machine' "$T/out")" web2
expect_status 0 "$ABRI" check --read-data

step 'a key carried over in a file, to a machine that never sees the passphrase'
expect_status 0 "$ABRI" writer add --machine web3 --export "$T/web3.key"
expect_equal "$(stat -c %a "$T/web3.key")" 600
expect_status 1 "$ABRI" writer add --machine web3 --export "$T/web3.key"
expect_one_error
export ABRI_CONFIG_DIR="$T/config3" ABRI_CACHE_DIR="$T/cache3"
expect_status 0 env -u ABRI_PASSPHRASE "$ABRI" writer import "$T/web3.key"
expect_status 0 env -u ABRI_PASSPHRASE "$ABRI" backup "$T/src"
expect_status 1 "$ABRI" writer import "$T/src/1"
expect_one_error
"$ABRI" -r "$T/other" init --kdf-memory 1 --kdf-passes 1 -q || fail 'another vault'
expect_status 2 "$ABRI" -r "$T/other" writer import --replace "$T/web3.key"
expect_one_error
expect_grep 'another vault' "$T/err"

step 'key and caches lost: the passphrase alone goes on, and nothing is stored again'
export ABRI_CONFIG_DIR="$T/config4" ABRI_CACHE_DIR="$T/cache4"
expect_status 1 "$ABRI" writer add --successor-of 0000
expect_one_error
expect_status 0 "$ABRI" writer add --successor-of "$(printf %.8s "$first")" --machine web1
echo new >"$T/src/6"
backup_json "$T/src"
[ "$(field summary data_added_packed)" -lt 100000 ] || fail "$(field summary data_added) bytes were stored again"
expect_status 0 "$ABRI" restore "latest:$T/src" -t "$T/back"
expect_same_tree "$T/src" "$T/back"
expect_status 0 "$ABRI" check --read-data
expect_status 0 "$ABRI" --json writer list
expect_equal "$(jq -r 'select(.here) | .predecessor' "$T/out")" "$first"

step 'lost again: through two links'
second=$(jq -r 'select(.here) | .id' "$T/out")
export ABRI_CONFIG_DIR="$T/config5" ABRI_CACHE_DIR="$T/cache5"
expect_status 0 "$ABRI" writer add --successor-of "$second"
backup_json "$T/src"
[ "$(field summary data_added_packed)" -lt 100000 ] || fail 'stored again through two links'

step 'a writer that is revoked'
export ABRI_CONFIG_DIR="$T/config1" ABRI_CACHE_DIR="$T/cache1"
expect_status 0 "$ABRI" writer revoke "$first"
expect_grep 'this machine' "$T/out"
expect_status 1 "$ABRI" backup "$T/src"
expect_one_error
expect_grep 'revoked' "$T/err"
expect_status 1 "$ABRI" writer revoke "$first"
expect_one_error
expect_status 1 "$ABRI" writer revoke ffff
expect_one_error
expect_status 0 "$ABRI" --json writer list
expect_equal "$(jq -r --arg w "$first" 'select(.id == $w) | "\(.revoked) \(.snapshots)"' "$T/out")" 'true 1'
expect_status 0 "$ABRI" check --read-data

step 'its snapshots stay, its successor goes on with what they refer to'
rm -rf "$T/back"
expect_status 0 "$ABRI" --json snapshots
oldest=$(jq -r .id "$T/out" | head -n 1)
expect_status 0 "$ABRI" restore "$oldest:$T/src" -t "$T/back"
export ABRI_CONFIG_DIR="$T/config6" ABRI_CACHE_DIR="$T/cache6"
expect_status 0 "$ABRI" writer add --successor-of "$first"
backup_json "$T/src"
[ "$(field summary data_added_packed)" -lt 100000 ] || fail 'stored again after the revocation'

step 'a revoked machine is enrolled anew without --replace'
export ABRI_CONFIG_DIR="$T/config1" ABRI_CACHE_DIR="$T/cache1"
expect_status 0 "$ABRI" writer add
expect_status 0 "$ABRI" backup "$T/src"

step 'what somebody with its key and the disk adds later is left out'
expect_status 0 "$ABRI" --json writer list
web3=$(jq -r 'select(.machine == "web3") | .id' "$T/out")
expect_status 0 "$ABRI" writer revoke "$web3"
mv "$T/vault/revoked/$web3" "$T/held"
expect_status 0 env ABRI_CONFIG_DIR="$T/config3" ABRI_CACHE_DIR="$T/cache3" "$ABRI" backup "$T/src"
mv "$T/held" "$T/vault/revoked/$web3"
expect_status 0 "$ABRI" --json snapshots --keyless
expect_equal "$(field refused records)" 1
count=$(grep -c '"message_type":"snapshot"' "$T/out")
expect_equal "$(ls "$T/vault/snapshots" | wc -l)" $((count + 1))
expect_status 0 "$ABRI" check
expect_grep '1 record of revoked writers is refused' "$T/out"
expect_grep 'no damage was found' "$T/out"
expect_status 0 "$ABRI" --json check
expect_equal "$(field summary records_refused)" 1
expect_status 0 "$ABRI" snapshots
cat "$T/out" "$T/err" >"$T/both"
expect_grep '1 record of revoked writers is refused' "$T/both"
"$ABRI" doctor >"$T/out" 2>"$T/err"
expect_grep '1 record received after the writer had been revoked' "$T/out"
