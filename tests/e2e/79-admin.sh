#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The verbs of `abri admin`: a provider's day, without a single call of the API by hand.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/server.sh"

S="$T/src"
mkdir "$S"
echo data >"$S/file"
admin() { env ABRI_CONFIG_DIR="$T/owner" "$ABRI" --vault "$URL" admin "$@"; }
# person NAME COMMAND…: as somebody else
person() {
    who=$1
    shift
    env ABRI_CONFIG_DIR="$T/$who" "$ABRI" --vault "$URL" admin "$@"
}
# enrol_by NAME LINE: the line that `invite` printed
enrol_by() {
    # shellcheck disable=SC2086 # the line is a command
    set -- "$1" $2
    expect_equal "$2 $3" 'abri enrol'
    expect_status 0 env ABRI_CONFIG_DIR="$T/$1" "$ABRI" enrol "$4" "$5" --name "$1" --kdf-memory 1 --kdf-passes 1
}

step 'the first owner, a customer, a machine'
server_start
expect_status 0 env ABRI_CONFIG_DIR="$T/owner" "$ABRI" enrol "$URL" "$(bootstrap_token)" --name chief
expect_status 0 admin add-tenant 'Example Ltd'
expect_status 0 admin tenants
expect_grep 'Example Ltd' "$T/out"
expect_status 0 admin tenants --json
tenant=$(jq -r .tenant "$T/out")
expect_equal "$(jq -r .message_type "$T/out")" tenant
expect_status 2 admin invite
expect_one_error
expect_status 1 admin invite --tenant Nobody
expect_grep "there is no 'Nobody'" "$T/err"
expect_status 0 admin -q invite --tenant 'Example Ltd' --label web --restore
expect_equal "$(wc -l <"$T/out")" 1
line=$(cat "$T/out")
expect_status 0 admin tokens
expect_grep 'machine *Example Ltd *web' "$T/out"
enrol_by web1 "$line"
expect_status 0 as web1 backup "$S"
expect_status 0 admin machines
expect_grep 'web1 *Example Ltd *yes' "$T/out"
expect_status 0 admin vaults
expect_grep "20[0-9][0-9]-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]" "$T/out"
expect_grep 'web1 *Example Ltd *1 ' "$T/out"
expect_status 0 admin tokens
expect_no_grep machine "$T/out" # used

step 'ids by their beginning'
expect_status 0 admin policy "$(printf %.8s "$tenant")"
expect_grep 'floor *"14d"' "$T/out"
expect_status 1 admin policy 0123456789
expect_status 1 admin policy "$(printf %.3s "$tenant")" # too short to be one

step 'people, roles'
for who in ann:security-officer bob:operator; do
    expect_status 0 admin -q invite --role "${who#*:}"
    enrol_by "${who%:*}" "$(cat "$T/out")"
done
expect_status 0 admin people
expect_grep 'ann' "$T/out"
expect_status 0 admin give-role bob auditor
expect_status 0 admin take-role bob auditor
expect_status 13 person bob give-role bob owner
expect_status 2 admin invite --role operator --restore

step 'policies: more at once, less only together'
expect_status 0 person bob policy 'Example Ltd' -d 60 --floor 20d
expect_status 0 admin policy 'Example Ltd'
expect_grep '"daily":60' "$T/out"
expect_grep 'floor *"20d"' "$T/out"
expect_status 13 person bob policy 'Example Ltd' -d 5
expect_grep 'keeps less' "$T/err"
expect_grep '[-]-ask' "$T/err"
expect_status 0 person bob --json policy 'Example Ltd' -d 5 --ask
request=$(jq -r .request "$T/out")
expect_status 0 admin requests
expect_grep 'policy *alone *bob' "$T/out"
expect_status 13 person bob approve "$request"
expect_status 0 person ann approve "$request" --role security-officer
expect_status 0 admin requests
expect_grep 'policy *waiting *bob' "$T/out"
expect_status 2 person ann cancel "$request"
expect_status 0 person ann cancel "$request" --reason 'changed our minds'
expect_status 0 admin requests
expect_no_grep policy "$T/out"
expect_status 0 admin requests --all
expect_grep 'policy *over' "$T/out"
expect_status 0 admin policy --vault-only web1 -y 10
expect_grep 'in force' "$T/out"

step 'snapshots, early; and the tenant who signs'
expect_status 0 env "$ABRI" -q admin tenant-key "$T/tenant.key"
key=$(cat "$T/out")
expect_equal "$(stat -c %a "$T/tenant.key") ${#key}" '600 64'
expect_status 1 "$ABRI" admin tenant-key "$T/tenant.key"
expect_status 0 admin policy 'Example Ltd' --tenant-key "$key"
expect_status 0 admin policy --vault-only web1 --tenant-key "$key"
expect_status 0 person bob --json request forget web1 1
request=$(jq -r .request "$T/out")
expect_status 0 person ann approve "$request" --role security-officer
expect_status 0 admin requests
expect_grep 'forget *unsigned' "$T/out"
"$ABRI" -q admin tenant-key "$T/other.key" >"$T/out"
expect_status 13 person bob sign "$request" --key "$T/other.key"
expect_status 0 person bob sign "$request" --key "$T/tenant.key"
expect_status 0 admin requests
expect_grep 'forget *waiting' "$T/out"
expect_status 0 person bob cancel "$request" --reason 'a test'
expect_status 2 person bob request forget web1
expect_status 2 person bob request forget web1 first
expect_status 2 person bob request magic web1

step 'rights to read, for a time'
expect_status 2 admin grant bob web1
expect_status 0 admin grant bob web1 --hours 2 --reason 'drill'
expect_status 0 admin grants
expect_grep 'bob.*drill' "$T/out"
expect_status 0 person bob --json grants
grant=$(jq -r .grant "$T/out")
expect_status 0 env ABRI_CONFIG_DIR="$T/bob" ABRI_CACHE_DIR="$T/cache-bob" "$ABRI" --vault "$URL/$(vault_of web1)" snapshots
expect_status 0 admin end-grant "$grant"
expect_status 13 env ABRI_CONFIG_DIR="$T/bob" ABRI_CACHE_DIR="$T/cache-bob2" "$ABRI" --vault "$URL/$(vault_of web1)" snapshots

step 'quotas, usage, alarms'
expect_status 0 admin quota 'Example Ltd' --bytes 1K --machines 5
expect_status 2 admin quota 'Example Ltd' --enforce
expect_status 0 admin upkeep
expect_status 0 admin usage 'Example Ltd'
expect_grep ' stored, 1 snapshots, 1 machines' "$T/out"
expect_status 2 admin usage 'Example Ltd' --from yesterday
expect_status 0 admin alarms --all

step 'words that are not UTF-8: one line, and nothing was asked of the server'
latin=$(printf 'caf\351')
lines=$(call GET '/v1/log/entries?from=0&count=1' | jq .size)
not_utf8() { # COMMAND…
    expect_status 2 "$@"
    expect_one_error
    expect_grep "is not UTF-8" "$T/err"
}
not_utf8 admin add-tenant "$latin"
not_utf8 admin invite --tenant 'Example Ltd' --label "$latin"
not_utf8 admin invite --tenant "$latin"
not_utf8 admin revoke web1 --reason "$latin"
not_utf8 admin revoke "$latin" --reason 'stolen'
not_utf8 admin quota 'Example Ltd' --bytes 2K --reason "$latin"
not_utf8 admin close-tenant 'Example Ltd' "--reason=$latin"
not_utf8 admin give-role bob "$latin"
not_utf8 admin policy 'Example Ltd' --floor "$latin"
not_utf8 admin cancel "$request" --reason "$latin"
not_utf8 admin grant bob web1 --reason "$latin"
not_utf8 admin call GET "/v1/$latin"
not_utf8 admin call POST /v1/tenants "{\"name\":\"$latin\"}"
not_utf8 env ABRI_CONFIG_DIR="$T/nobody" "$ABRI" enrol "$URL" abri-x --name "$latin"
expect_status 2 admin --json add-tenant "$latin"
expect_equal "$(jq -r .class "$T/err")" usage
expect_equal "$(call GET '/v1/log/entries?from=0&count=1' | jq .size)" "$lines" 'entries of the log'
expect_status 0 admin tenant-key "$T/$latin.key" # a file may be called so
expect_status 0 admin add-tenant 'Café'

step 'the end: a machine, an invitation, the customer'
expect_status 0 admin -q invite --tenant 'Example Ltd'
expect_status 0 admin --json tokens
expect_status 0 admin cancel-token "$(jq -r .id "$T/out")"
expect_status 2 admin revoke web1
expect_status 0 admin revoke web1 --reason 'stolen'
expect_status 1 as web1 backup "$S"
expect_status 0 admin machines
expect_no_grep web1 "$T/out"
expect_status 0 admin machines --all
expect_grep web1 "$T/out"
expect_status 0 admin close-tenant 'Example Ltd' --reason 'left'
expect_status 0 admin tenants
expect_no_grep Example "$T/out"
server_stop
