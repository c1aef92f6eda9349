#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Vaults on a server with several writers, and with writers that come back: a shared one, a machine that
# lost everything but its passphrase, one that wants a vault which is not its own.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"

S="$T/src"
mkdir -p "$S"
head -c 5000000 /dev/urandom >"$S/large"
enrol_with() { # NAME TOKEN
    expect_status 0 env ABRI_CONFIG_DIR="$T/$1" "$ABRI" enrol "$URL" "$2" --name "$1" --kdf-memory 1 --kdf-passes 1
}
server_with_tenant

step 'a machine that lost its keys and caches goes on with the passphrase'
enrol_machine web
expect_status 0 as web backup "$S"
web=$(id_of web) vault=$(vault_of web)
rm -rf "$T/web" "$T/cache-web"
token=$(call POST /v1/tokens "{\"type\":\"machine\",\"tenant\":\"$TENANT\",\"machine\":\"$web\"}" | jq -r .token)
expect_status 12 env ABRI_PASSPHRASE=wrong ABRI_CONFIG_DIR="$T/web" "$ABRI" enrol "$URL" "$token" --name web
expect_grep 'enrolled, but not as a writer' "$T/err"
again=$(sed -n 's/.*`abri \(--vault .*\)` goes on.*/\1/p' "$T/err")
# shellcheck disable=SC2086
expect_status 0 as web $again
token=$(call POST /v1/tokens "{\"type\":\"machine\",\"tenant\":\"$TENANT\",\"machine\":\"$web\"}" | jq -r .token)
rm -rf "$T/web"
enrol_with web "$token"
expect_equal "$(id_of web)" "$web"
expect_equal "$(vault_of web)" "$vault"
expect_status 0 as web backup "$S"
expect_grep 'Added to the vault: [0-9]* B' "$T/out" # what the lost writer stored is built upon

step 'machines that trust each other share a vault'
enrol_machine a '"shared":true,"restore":true'
expect_status 0 as a backup "$S"
token=$(call POST /v1/tokens "{\"type\":\"machine\",\"tenant\":\"$TENANT\",\"vault\":\"$(vault_of a)\",\"restore\":true}" | jq -r .token)
enrol_with b "$token"
expect_equal "$(vault_of b)" "$(vault_of a)"
cp -r "$S" "$T/copy"
expect_status 0 as b backup "$T/copy"
expect_grep 'Added to the vault: .* B' "$T/out"
expect_no_grep 'MiB' "$(grep Added "$T/out" >"$T/added"; echo "$T/added")"
expect_status 0 as b snapshots
expect_grep '^2 snapshots' "$T/out"
expect_status 0 as b restore latest --target "$T/back"
expect_same_tree "$S" "$T/back$T/copy"

step 'backups of one machine at the same time: all of them are received, one behind the other'
for i in 1 2 3 4 5; do
    mkdir "$T/part$i"
    echo "$i" >"$T/part$i/file"
    as a backup "$T/part$i" >"$T/part$i.out" 2>&1 &
    eval "at_once$i=\$!"
done
for i in 1 2 3 4 5; do
    eval "wait \$at_once$i" || { cat "$T/part$i.out" >&2; fail "one of five backups at once failed"; }
done
expect_status 0 as a snapshots
expect_grep '^7 snapshots' "$T/out"
expect_status 0 as a check

step 'a vault that is not shared lets nobody else in, passphrase or not'
enrol_machine c
expect_status 10 as c --vault "$URL/$vault" writer add
other=$(call POST /v1/tenants '{"name":"Other"}' | jq -r .tenant)
call POST /v1/tokens "{\"type\":\"machine\",\"tenant\":\"$other\",\"vault\":\"$vault\"}" >"$T/out" 2>"$T/err" && fail "another tenant's vault could be named"

step 'the log has a grant for each who joined'
call GET '/v1/log/entries?from=0&count=1000' | jq -e '[.entries[].event | select(.kind == "grant.create" and .text == "to join the vault")] | length == 3' >/dev/null ||
    fail 'grants of those who joined'
server_stop
