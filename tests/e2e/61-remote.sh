#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A vault on a server: made by enrolment, used like any other; what a machine may
# not do; what survives when the server is killed and its catalogue is lost.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"

S="$T/src"
mkdir -p "$S/deep"
seq 1 50000 >"$S/deep/text"
head -c 6000000 /dev/urandom >"$S/large"
ln -s text "$S/deep/link"

step 'a server in one command; tokens are good once'
server_with_tenant
expect_status 13 env ABRI_CONFIG_DIR="$T/other" "$ABRI" enrol "$URL" "$(bootstrap_token)"
expect_one_error
expect_grep 'used already' "$T/err"
token=$(machine_token '"restore":true')
expect_status 0 env ABRI_CONFIG_DIR="$T/web" "$ABRI" --json enrol "$URL" "$token" --name web --kdf-memory 1 --kdf-passes 1
expect_equal "$(field enrolled tenant)" Example
expect_status 13 env ABRI_CONFIG_DIR="$T/thief" "$ABRI" enrol "$URL" "$token"
expect_grep 'used already' "$T/err"
expect_status 1 env ABRI_CONFIG_DIR="$T/web" "$ABRI" enrol "$URL" "$(machine_token)"
expect_grep 'enrolled at .* already' "$T/err"
wrong=$(machine_token | sed 's/.$/a/; s/..$/bb/')
expect_status 2 env ABRI_CONFIG_DIR="$T/typo" "$ABRI" enrol "$URL" "$wrong"
expect_grep 'no token' "$T/err"
[ ! -e "$T/thief/servers" ] || fail 'a refused enrolment left something'

step 'backup, snapshots, ls, restore, check: as with a local vault'
expect_status 0 as web --json backup "$S"
first=$(field summary snapshot_id)
[ -n "$first" ] && [ "$first" != null ] || first=$(sed -n 's/^snapshot \(.*\) saved/\1/p' "$T/out")
expect_status 0 as web backup "$S"
expect_grep 'Added to the vault: [0-9]* B' "$T/out" # directories above may have changed
expect_status 0 as web snapshots
expect_grep '^2 snapshots' "$T/out"
expect_status 0 as web restore latest --target "$T/back"
expect_same_tree "$S" "$T/back$S"
expect_status 0 as web check --read-data
expect_grep 'no damage' "$T/out"
expect_status 0 as web ls latest
expect_grep 'deep/text' "$T/out"

step 'without its cache a machine asks for the ends of its packs, and stores nothing twice'
rm -rf "$T/cache-web"
expect_status 0 as web backup "$S"
expect_grep 'Added to the vault: [0-9]* B' "$T/out" # directories above changed

step 'what belongs to the keeper is refused, in one line'
for verb in 'forget --keep-last 1' 'gc' "lock latest --until 2031-01-01" "tag latest --add x"; do
    # shellcheck disable=SC2086
    expect_status 13 as web $verb
    expect_one_error
done

step 'a passphrase is added from afar; the old one goes on to open'
expect_status 0 env ABRI_NEW_PASSPHRASE=second ABRI_CONFIG_DIR="$T/web" ABRI_CACHE_DIR="$T/cache-web" ABRI_VAULT="$URL" "$ABRI" key add --label 'the second'
expect_status 0 env ABRI_PASSPHRASE=second ABRI_CONFIG_DIR="$T/web" ABRI_CACHE_DIR="$T/cache-web" ABRI_VAULT="$URL" "$ABRI" ls latest
expect_status 0 as web ls latest
expect_status 13 env ABRI_NEW_PASSPHRASE=third ABRI_CONFIG_DIR="$T/web" ABRI_CACHE_DIR="$T/cache-web" ABRI_VAULT="$URL" "$ABRI" key passwd
expect_one_error
expect_grep 'the new passphrase works, but so does the old one' "$T/err"
expect_status 0 env ABRI_PASSPHRASE=third ABRI_CONFIG_DIR="$T/web" ABRI_CACHE_DIR="$T/cache-web" ABRI_VAULT="$URL" "$ABRI" ls latest
expect_equal "$(call GET '/v1/log/entries?from=0&count=1000' | jq '[.entries[].event | select(.kind == "key.add")] | length')" 2

step 'a machine that may only add reads nothing, not even its own'
enrol_machine db
expect_status 0 as db backup "$S"
expect_status 13 env ABRI_NEW_PASSPHRASE=x ABRI_CONFIG_DIR="$T/db" ABRI_CACHE_DIR="$T/cache-db" ABRI_VAULT="$URL" "$ABRI" key add
expect_status 0 as db backup "$S"
for verb in snapshots 'restore latest --target /nonexistent' 'ls latest' check; do
    # shellcheck disable=SC2086
    as db $verb >"$T/out" 2>"$T/err" </dev/null && fail "db could $verb"
    [ ! -s "$T/out" ] || fail "db saw something by $verb"
done
expect_status 0 call POST /v1/grants "{\"vault\":\"$(vault_of db)\",\"to\":\"$(id_of db)\",\"hours\":1,\"reason\":\"test\"}"
grant=$(jq -r .grant "$T/out")
expect_status 0 as db restore latest --target "$T/back2"
expect_same_tree "$S" "$T/back2$S"
expect_status 0 call POST "/v1/grants/$grant/end"
as db snapshots >"$T/out" 2>"$T/err" && fail 'the grant has ended'

step 'others do not exist'
none=00000000000000000000000000000000
expect_status 10 as db --vault "$URL/$(vault_of web)" snapshots
sed "s/$(vault_of web)/$none/" "$T/err" >"$T/foreign"
expect_status 10 as db --vault "$URL/$none" snapshots
cmp -s "$T/foreign" "$T/err" || fail 'a foreign vault is told apart from none'

step 'the server is killed under way: the backup goes on, and nothing is sent twice'
head -c 90000000 /dev/urandom >"$S/larger"
as web backup "$S" >"$T/out" 2>"$T/err" &
backup=$!
packs() { find "$ROOT/vaults/$(vault_of web)/packs" -type f 2>/dev/null | wc -l; }
had=$(packs)
until [ "$(packs)" -gt "$had" ] || ! kill -0 "$backup" 2>/dev/null; do :; done
server_kill
rm -f "$ROOT/catalog.sqlite"*
server_start
wait "$backup"
expect_equal "$?" 0 'the backup'
expect_grep 'saved' "$T/out"
expect_status 0 as web restore latest --target "$T/back3"
expect_same_tree "$S" "$T/back3$S"
[ "$(du -sm "$ROOT/vaults/$(vault_of web)/packs" | cut -f 1)" -le 100 ] || fail 'packs were stored twice'

step 'a revoked machine is a tombstone'
again=$(call POST /v1/tokens "{\"type\":\"machine\",\"tenant\":\"$TENANT\",\"machine\":\"$(id_of db)\"}" | jq -r .token)
expect_status 0 call POST "/v1/identities/$(id_of db)/revoke" '{"reason":"stolen"}'
expect_status 1 as db backup "$S"
expect_one_error
expect_grep 'was revoked' "$T/err"
expect_status 13 env ABRI_CONFIG_DIR="$T/db2" "$ABRI" enrol "$URL" "$again"
expect_grep 'revoked' "$T/err"

step 'the log knows all of it'
expect_status 0 call GET '/v1/log/entries?from=0&count=1000'
for kind in server.init tenant.create token.create token.use identity.create certificate.issue vault.create vault.writer \
    session.begin snapshot read refusal grant.create grant.end identity.revoke; do
    jq -e --arg k "$kind" '[.entries[].event.kind] | index($k) != null' "$T/out" >/dev/null || fail "no entry of kind $kind"
done
! grep -q "$token" "$T/out" || fail 'a token is in the log'

step 'another server, another authority: pinned'
other_url=$URL
server_stop
rm -rf "$ROOT"
server_start
expect_equal "$URL" "$other_url"
expect_status 1 as web backup "$S"
expect_one_error
expect_grep 'is not the server that this machine was enrolled at' "$T/err"
expect_status 1 env ABRI_CONFIG_DIR="$T/new" "$ABRI" enrol "$URL" "$again"
expect_grep 'not the server that made this token' "$T/err"
server_stop

step 'nobody there'
expect_status 14 as web backup "$S"
expect_grep 'trying again for up to' "$T/err" # it may be starting
expect_equal "$(grep -c '^abri: .*cannot be reached' "$T/err")" 2
